import {
  type AttributeValue,
  ConditionalCheckFailedException,
  type DynamoDBClient,
  PutItemCommand,
  type PutItemCommandInput,
  QueryCommand,
} from '@aws-sdk/client-dynamodb'
import { z } from 'zod'
import { TERM_MAX } from '../../config/terms.ts'

/** Which bundle and directory a region is to serve. A mailbox entry: what it points to is believed only when signed. */
export interface Pointer {
  region: string
  ring: string
  /** SHA-256 of the object, hex. */
  bundleDigest: string
  bundleSeq: number
  directoryDigest: string
  directorySeq: number
  /** Milliseconds since the epoch. */
  updatedAt: number
}

/** A bundle that a region is to load beside the one in force, while it is rolled out. A mailbox entry like a pointer. */
export interface Candidate {
  region: string
  /** Id of the rollout. */
  rollout: string
  bundleDigest: string
  bundleSeq: number
  /** How many of a hundred agents it decides for, picked by a hash of their names. 0: it is only made ready. */
  sharePercent: number
  /** Judge calls by both, and count where they differ. What is enforced is up to the share alone. */
  compare: boolean
  /** The rollout is over: the item only keeps its sequence number. */
  withdrawn: boolean
  updatedAt: number
}

/**
 * A candidate holds for so long after it was named last. Whoever rolls it out names it anew all the time: a region that hears nothing of them any more
 * must not go on for days with what was perhaps aborted meanwhile.
 */
export const CANDIDATE_LEASE_MS = 10 * 60_000

/** Everything that one region is told to serve. */
export interface RegionPointers {
  stable: Pointer | undefined
  /** Undefined also where its item is malformed, and then `candidateFault` says how: that must not keep a region from its pointer. */
  candidate: Candidate | undefined
  candidateFault?: string
  /** Of the control plane that this region obeys; 0 before one has said so. */
  term: number
  /** The store of that one. Undefined before it has said so. */
  store?: string
}

/** The ring of candidates: one region's share of agents. */
export const CANARY = 'canary'

/** Not a ring: the item says whose pointers these are. */
const TERM = 'term'

const digest = z.strictObject({ S: z.string().regex(/^[0-9a-f]{64}$/) }).transform(({ S }) => S)
const natural = z
  .strictObject({ N: z.string() })
  .transform(({ N }) => Number(N))
  .refine((n) => Number.isSafeInteger(n) && n >= 0, 'is not a natural number')
const flag = z.strictObject({ BOOL: z.boolean() }).transform(({ BOOL }) => BOOL)
const pointerItem = z.object({
  bundle_digest: digest,
  bundle_seq: natural,
  directory_digest: digest,
  directory_seq: natural,
  updated_at: natural,
})
const termItem = z.object({
  term: natural.refine((term) => term <= TERM_MAX),
  store: z
    .strictObject({ S: z.string() })
    .transform(({ S }) => S)
    .optional()
    .catch(undefined),
})
const candidateItem = z.object({
  rollout: z.strictObject({ S: z.string().min(1).max(128) }).transform(({ S }) => S),
  bundle_digest: digest,
  bundle_seq: natural,
  share_percent: natural.refine((share) => share <= 100, 'is over 100'),
  compare: flag,
  withdrawn: flag,
  updated_at: natural,
})

/**
 * What a region is told, as the asked replica has it: both rings in one query.
 * @param ring of the pointer
 * @throws when the pointer's own item is malformed
 */
export async function readPointers(client: DynamoDBClient, table: string, region: string, ring: string): Promise<RegionPointers> {
  const { Items = [] } = await client.send(
    new QueryCommand({
      TableName: table,
      KeyConditionExpression: 'pk = :pk',
      ExpressionAttributeValues: { ':pk': { S: `pointer#${region}` } },
    }),
  )
  const itemOf = (name: string) => Items.find(({ sk }) => sk?.S === name)
  const [stable, candidate] = [itemOf(ring), itemOf(CANARY)]
  // One that is malformed holds nobody up: it was not written by any control plane.
  const obeyed = termItem.safeParse(itemOf(TERM)).data
  return {
    term: obeyed?.term ?? 0,
    ...(obeyed?.store !== undefined && { store: obeyed.store }),
    stable: stable && parsePointer(region, ring, stable),
    ...(candidate === undefined ? { candidate } : readCandidate(region, candidate)),
  }
}

/**
 * Moves a region's pointer. Only the control plane writes these items, so nothing is decided by last-writer-wins.
 * @param term of the control plane. A round may be held up after it has looked whom the region obeys: what a newer one has put is not written over.
 * @returns false when one of a higher term has moved it before
 */
export async function writePointer(client: DynamoDBClient, table: string, pointer: Pointer, term: number): Promise<boolean> {
  return put(client, table, term, pointer.region, pointer.ring, {
    bundle_digest: { S: pointer.bundleDigest },
    bundle_seq: { N: String(pointer.bundleSeq) },
    directory_digest: { S: pointer.directoryDigest },
    directory_seq: { N: String(pointer.directorySeq) },
    updated_at: { N: String(pointer.updatedAt) },
  })
}

/** Names a region's candidate, or withdraws it. Term and answer as with a pointer. */
export async function writeCandidate(client: DynamoDBClient, table: string, candidate: Candidate, term: number): Promise<boolean> {
  return put(client, table, term, candidate.region, CANARY, {
    rollout: { S: candidate.rollout },
    bundle_digest: { S: candidate.bundleDigest },
    bundle_seq: { N: String(candidate.bundleSeq) },
    share_percent: { N: String(candidate.sharePercent) },
    compare: { BOOL: candidate.compare },
    withdrawn: { BOOL: candidate.withdrawn },
    updated_at: { N: String(candidate.updatedAt) },
  })
}

/**
 * Says that a region's pointers are moved by the control plane of this term from now on. In the region's own replica, where the condition holds.
 * @param store name of its bucket: two that were given one term by mistake are told apart by it
 * @returns false when one of a higher term was there before, or another one of this term
 */
export async function claimTerm(client: DynamoDBClient, table: string, region: string, term: number, store: string): Promise<boolean> {
  return conditionalPut(client, {
    TableName: table,
    Item: { pk: { S: `pointer#${region}` }, sk: { S: TERM }, term: { N: String(term) }, store: { S: store } },
    ConditionExpression: `(${NO_NEWER}) AND ((NOT term = :term) OR (NOT attribute_type(#store, :text)) OR #store = :store)`,
    ExpressionAttributeNames: { '#store': 'store' },
    ExpressionAttributeValues: { ...termValues(term), ':store': { S: store }, ':text': { S: 'S' } },
  })
}

export const bundleKey = (digest: string) => `bundles/${digest}.tar.gz`
export const directoryKey = (digest: string) => `directories/${digest}.jws`

type Item = Record<string, AttributeValue>

/** Comparing with what is missing or no number is false: so it is asked for the opposite, and such a term holds nobody up, nor does one that none can be above. */
const NO_NEWER = '(NOT term > :term) OR term > :max'
const termValues = (term: number): Item => ({ ':term': { N: String(term) }, ':max': { N: String(TERM_MAX) } })

async function put(client: DynamoDBClient, table: string, term: number, region: string, ring: string, fields: Item): Promise<boolean> {
  return conditionalPut(client, {
    TableName: table,
    Item: { pk: { S: `pointer#${region}` }, sk: { S: ring }, term: { N: String(term) }, ...fields },
    ConditionExpression: NO_NEWER,
    ExpressionAttributeValues: termValues(term),
  })
}

async function conditionalPut(client: DynamoDBClient, input: PutItemCommandInput): Promise<boolean> {
  try {
    await client.send(new PutItemCommand(input))
    return true
  } catch (error) {
    if (error instanceof ConditionalCheckFailedException) return false
    throw error
  }
}

function parsePointer(region: string, ring: string, item: Item): Pointer {
  const { bundle_digest, bundle_seq, directory_digest, directory_seq, updated_at } = parsed(pointerItem, region, ring, item)
  return {
    region,
    ring,
    bundleDigest: bundle_digest,
    bundleSeq: bundle_seq,
    directoryDigest: directory_digest,
    directorySeq: directory_seq,
    updatedAt: updated_at,
  }
}

function readCandidate(region: string, item: Item): Pick<RegionPointers, 'candidate' | 'candidateFault'> {
  try {
    return { candidate: parseCandidate(region, item) }
  } catch (error) {
    return { candidate: undefined, candidateFault: (error as Error).message }
  }
}

function parseCandidate(region: string, item: Item): Candidate {
  const { bundle_digest, bundle_seq, share_percent, updated_at, ...rest } = parsed(candidateItem, region, CANARY, item)
  return { region, ...rest, bundleDigest: bundle_digest, bundleSeq: bundle_seq, sharePercent: share_percent, updatedAt: updated_at }
}

function parsed<T>(schema: z.ZodType<T>, region: string, ring: string, item: Item): T {
  const found = schema.safeParse(item)
  if (!found.success) throw new Error(`pointer of ${region}, ring ${ring}, is malformed: ${z.prettifyError(found.error)}`)
  return found.data
}
