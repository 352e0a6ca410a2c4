import {
  type AttributeValue,
  ConditionalCheckFailedException,
  DeleteItemCommand,
  type DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb'
import { z } from 'zod'
import type { Item } from './query-all.ts'

/** Which key of which agent: `hash` is all that is stored of the key itself. */
export interface KeyOf {
  tenant: string
  agent: string
  /** Of tool, action and key. */
  hash: string
}

export interface StoredAnswer {
  status: number
  contentType: string | undefined
  location: string | undefined
  body: Uint8Array
}

/** What is known of one keyed call. */
export interface KeyEntry {
  /** Digest of the call that the key is bound to. */
  digest: string
  /** Random name of the attempt that may go on with the call. */
  owner: string
  /** Milliseconds since the epoch, like the others. */
  startedMs: number
  expiresMs: number
  /** The verdict as JSON. Undefined: not decided yet, or too large to keep, see `decided`. */
  verdict: string | undefined
  decided: boolean
  /** The verdict asks for an approval, and with one the call goes on. */
  open: boolean
  /** From when on bytes may have left. Undefined: none have. */
  forwardedMs: number | undefined
  answer: StoredAnswer | undefined
  /** The tool has answered, and the answer was too large to keep. */
  answerLost: boolean
}

export type NewEntry = Pick<KeyEntry, 'digest' | 'owner' | 'startedMs' | 'expiresMs'>

/**
 * Keyed calls of one region, in its own table: one item a key, each change one conditional write. A change that answers false was refused by
 * its condition and did nothing; one that rejects may have been made or not.
 */
export interface KeyStore {
  /** Where there is none, or one that has expired by `entry.startedMs`. */
  begin(key: KeyOf, entry: NewEntry): Promise<boolean>
  /** Strongly consistent. */
  read(key: KeyOf): Promise<KeyEntry | undefined>
  /** Goes on where `seen` left off, if it still does: nothing of it was forwarded. */
  takeOver(key: KeyOf, seen: KeyEntry, entry: NewEntry): Promise<boolean>
  /** The rest is only for who owns the entry. `verdict` undefined: too large to keep. */
  decide(key: KeyOf, owner: string, decision: { verdict: string | undefined; open: boolean }): Promise<boolean>
  /** Refused also when it was marked before. */
  markForwarding(key: KeyOf, owner: string, atMs: number): Promise<boolean>
  /** Undefined: too large to keep. */
  keepAnswer(key: KeyOf, owner: string, answer: StoredAnswer | undefined): Promise<boolean>
  /** Forgets the attempt, unless bytes may have left. `back`: the verdict that was open before it. */
  giveUp(key: KeyOf, owner: string, back: { verdict: string } | undefined): Promise<boolean>
}

const text = z.object({ S: z.string() }).transform(({ S }) => S)
const natural = z
  .object({ N: z.string() })
  .transform(({ N }) => Number(N))
  .refine((n) => Number.isSafeInteger(n) && n >= 0)
const flag = z.object({ BOOL: z.boolean() }).transform(({ BOOL }) => BOOL)
const entryItem = z
  .object({
    digest: text,
    owner: text,
    started_ms: natural,
    expires_ms: natural,
    decided: flag.default(false),
    verdict: text.optional(),
    open: flag.default(false),
    forwarded_ms: natural.optional(),
    answer_lost: flag.default(false),
    answer_status: natural.optional(),
    answer_type: text.optional(),
    answer_location: text.optional(),
    answer_body: z.object({ B: z.instanceof(Uint8Array) }).optional(),
  })
  .transform((item): KeyEntry => {
    const { answer_status: status, answer_type: contentType, answer_location: location, answer_body: body } = item
    return {
      digest: item.digest,
      owner: item.owner,
      startedMs: item.started_ms,
      expiresMs: item.expires_ms,
      verdict: item.verdict,
      decided: item.decided,
      open: item.open,
      forwardedMs: item.forwarded_ms,
      answer: status === undefined ? undefined : { status, contentType, location, body: body?.B ?? new Uint8Array() },
      answerLost: item.answer_lost,
    }
  })

/** After its end an item stays a while, so that clocks that differ a little never meet a gap. */
const TTL_SLACK_S = 3600

export function regionalIdempotency(client: DynamoDBClient, table: string): KeyStore {
  const at = ({ tenant, agent, hash }: KeyOf) => ({
    TableName: table,
    Key: { pk: { S: `key#${tenant}#${agent}#${hash}` }, sk: { S: 'call' } },
  })
  const refusedOrDone = async (sent: Promise<unknown>): Promise<boolean> => {
    try {
      await sent
      return true
    } catch (error) {
      if (error instanceof ConditionalCheckFailedException) return false
      throw error
    }
  }
  const update = (key: KeyOf, UpdateExpression: string, ConditionExpression: string, values: Item) =>
    refusedOrDone(
      client.send(
        new UpdateItemCommand({
          ...at(key),
          UpdateExpression,
          ConditionExpression,
          ExpressionAttributeNames: namesIn(`${UpdateExpression} ${ConditionExpression}`),
          ExpressionAttributeValues: values,
        }),
      ),
    )

  return {
    begin(key, entry) {
      const { TableName, Key } = at(key)
      return refusedOrDone(
        client.send(
          new PutItemCommand({
            TableName,
            Item: { ...Key, ...itemOf(entry) },
            ConditionExpression: 'attribute_not_exists(pk) OR expires_ms <= :now',
            ExpressionAttributeValues: { ':now': number(entry.startedMs) },
          }),
        ),
      )
    },
    async read(key) {
      const { Item } = await client.send(new GetItemCommand({ ...at(key), ConsistentRead: true }))
      return Item === undefined ? undefined : entryItem.parse(Item)
    },
    takeOver: (key, seen, entry) =>
      update(
        key,
        'SET #owner = :owner, #started_ms = :started, #expires_ms = :expires, #ttl = :ttl REMOVE #decided, #verdict, #open',
        '#owner = :seen AND attribute_not_exists(#forwarded_ms)',
        {
          ':owner': { S: entry.owner },
          ':started': number(entry.startedMs),
          ':expires': number(entry.expiresMs),
          ':ttl': number(ttlOf(entry)),
          ':seen': { S: seen.owner },
        },
      ),
    decide: (key, owner, { verdict, open }) =>
      update(
        key,
        `SET #decided = :yes, #open = :open${verdict === undefined ? ' REMOVE #verdict' : ', #verdict = :verdict'}`,
        '#owner = :owner',
        {
          ':owner': { S: owner },
          ':yes': { BOOL: true },
          ':open': { BOOL: open },
          ...(verdict !== undefined && { ':verdict': { S: verdict } }),
        },
      ),
    markForwarding: (key, owner, atMs) =>
      update(key, 'SET #forwarded_ms = :at', '#owner = :owner AND attribute_not_exists(#forwarded_ms)', {
        ':owner': { S: owner },
        ':at': number(atMs),
      }),
    keepAnswer: (key, owner, answer) =>
      answer === undefined
        ? update(key, 'SET #answer_lost = :yes', '#owner = :owner', { ':owner': { S: owner }, ':yes': { BOOL: true } })
        : update(key, `SET ${answerFields(answer).join(', ')}`, '#owner = :owner', { ':owner': { S: owner }, ...answerValues(answer) }),
    giveUp(key, owner, back) {
      const mine = '#owner = :owner AND attribute_not_exists(#forwarded_ms)'
      if (back !== undefined) {
        const values = { ':owner': { S: owner }, ':yes': { BOOL: true }, ':verdict': { S: back.verdict } }
        return update(key, 'SET #decided = :yes, #open = :yes, #verdict = :verdict', mine, values)
      }
      return refusedOrDone(
        client.send(
          new DeleteItemCommand({
            ...at(key),
            ConditionExpression: mine,
            ExpressionAttributeNames: namesIn(mine),
            ExpressionAttributeValues: { ':owner': { S: owner } },
          }),
        ),
      )
    },
  }
}

function itemOf(entry: NewEntry): Item {
  const { digest, owner, startedMs, expiresMs } = entry
  return {
    digest: { S: digest },
    owner: { S: owner },
    started_ms: number(startedMs),
    expires_ms: number(expiresMs),
    ttl: number(ttlOf(entry)),
  }
}

function answerFields({ contentType, location }: StoredAnswer): string[] {
  return [
    '#answer_status = :status',
    '#answer_body = :body',
    ...(contentType === undefined ? [] : ['#answer_type = :type']),
    ...(location === undefined ? [] : ['#answer_location = :location']),
  ]
}

function answerValues({ status, contentType, location, body }: StoredAnswer): Item {
  return {
    ':status': number(status),
    ':body': { B: body },
    ...(contentType !== undefined && { ':type': { S: contentType } }),
    ...(location !== undefined && { ':location': { S: location } }),
  }
}

const ttlOf = ({ expiresMs }: NewEntry) => Math.ceil(expiresMs / 1000) + TTL_SLACK_S
const number = (value: number): AttributeValue => ({ N: String(value) })

/** Every `#name` of an expression, because half of all good names are reserved words. */
function namesIn(expression: string): Record<string, string> {
  return Object.fromEntries([...expression.matchAll(/#([a-z_]+)/g)].map(([placeholder, name = '']) => [placeholder, name]))
}
