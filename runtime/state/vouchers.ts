import {
  type AttributeValue,
  ConditionalCheckFailedException,
  type DynamoDBClient,
  PutItemCommand,
  QueryCommand,
} from '@aws-sdk/client-dynamodb'
import { z } from 'zod'
import type { SliceKey } from './slice.ts'

/** An amount on its way from one region's slice to another's. */
export interface Voucher extends SliceKey {
  /** Begins with the period. */
  id: string
  from: string
  to: string
  amount: number
}

/** What a region would like to be given. */
export interface Want extends SliceKey {
  /** New with every wish, so that each is answered at most once by a region. */
  id: string
  amount: number
  /** A call was refused for it. */
  urgent: boolean
  /** By the clock of the region that wants, milliseconds since the epoch. */
  atMs: number
}

/** The mailboxes of transfers, in the global table. Nothing in them is proof: the books are the slices. */
export interface Vouchers {
  /** Puts a voucher into its receiver's mailbox, if it is not there yet: whoever puts it again changes nothing. */
  insert(voucher: Voucher): Promise<void>
  /** What is addressed to a region, from a period on, as its own replica has it. Malformed items are left out. */
  addressedTo(region: string, fromPeriod: string): Promise<readonly Voucher[]>
  /** Replaces what a region wants of one budget, urgent wants and others apart. */
  want(region: string, want: Want): Promise<void>
  /** What a region wants, of periods from this one on. */
  wantsOf(region: string, fromPeriod: string): Promise<readonly Want[]>
}

/** Shorter than what a slice lives, see `SLICE_KEPT_MS`. */
const VOUCHER_KEPT_MS = 5 * 86_400_000
const WANT_KEPT_MS = 3600_000

export function globalVouchers(client: DynamoDBClient, table: string, { timeoutMs = 1000 } = {}): Vouchers {
  const signal = () => ({ abortSignal: AbortSignal.timeout(timeoutMs) })

  const query = async <T>(pk: string, fromSk: string, schema: z.ZodType<T>): Promise<T[]> => {
    const found: T[] = []
    let start: Record<string, AttributeValue> | undefined
    do {
      const { Items, LastEvaluatedKey } = await client.send(
        new QueryCommand({
          TableName: table,
          KeyConditionExpression: 'pk = :pk AND sk >= :from',
          ExpressionAttributeValues: { ':pk': { S: pk }, ':from': { S: fromSk } },
          ...(start !== undefined && { ExclusiveStartKey: start }),
        }),
        signal(),
      )
      for (const item of Items ?? []) {
        const parsed = schema.safeParse(item)
        if (parsed.success) found.push(parsed.data)
      }
      start = LastEvaluatedKey
    } while (start !== undefined)
    return found
  }

  return {
    async insert({ id, from, to, amount, ...key }) {
      try {
        await client.send(
          new PutItemCommand({
            TableName: table,
            Item: {
              pk: { S: `vouchers#${to}` },
              sk: { S: id },
              ...keyItem(key),
              from: { S: from },
              amount: { N: String(amount) },
              ttl: seconds(Date.parse(key.period) + VOUCHER_KEPT_MS),
            },
            ConditionExpression: 'attribute_not_exists(pk)',
          }),
          signal(),
        )
      } catch (error) {
        if (!(error instanceof ConditionalCheckFailedException)) throw error
      }
    },
    addressedTo: async (region, fromPeriod) =>
      (await query(`vouchers#${region}`, fromPeriod, voucherItem)).map((voucher) => ({ ...voucher, to: region })),
    async want(region, { id, amount, urgent, atMs, ...key }) {
      await client.send(
        new PutItemCommand({
          TableName: table,
          Item: {
            pk: { S: `wants#${region}` },
            // Beside each other: what one process would like must not hide what another needs.
            sk: { S: `${key.period}#${key.agent}#${key.unit}#${urgent ? 'now' : 'soon'}` },
            ...keyItem(key),
            id: { S: id },
            amount: { N: String(amount) },
            urgent: { BOOL: urgent },
            at_ms: { N: String(atMs) },
            ttl: seconds(atMs + WANT_KEPT_MS),
          },
        }),
        signal(),
      )
    },
    wantsOf: (region, fromPeriod) => query(`wants#${region}`, fromPeriod, wantItem),
  }
}

const keyItem = ({ agent, period, unit }: SliceKey) => ({ agent: { S: agent }, period: { S: period }, unit: { S: unit } })
const seconds = (ms: number): AttributeValue => ({ N: String(Math.floor(ms / 1000)) })

const string = z.object({ S: z.string().min(1).max(512) }).transform(({ S }) => S)
const positive = z
  .object({ N: z.string() })
  .transform(({ N }) => Number(N))
  .refine((n) => Number.isSafeInteger(n) && n > 0, 'is not a positive whole number')
const period = z.object({ S: z.string().regex(/^\d{4}-\d{2}-\d{2}$/) }).transform(({ S }) => S)

const voucherItem = z
  .object({ sk: string, agent: string, period, unit: string, from: string, amount: positive })
  .transform(({ sk: id, ...rest }) => ({ id, ...rest }))

const wantItem = z
  .object({ id: string, agent: string, period, unit: string, amount: positive, urgent: z.object({ BOOL: z.boolean() }), at_ms: positive })
  .transform(({ urgent, at_ms: atMs, ...rest }): Want => ({ ...rest, urgent: urgent.BOOL, atMs }))
