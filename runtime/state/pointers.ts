import {
  type AttributeValue,
  ConditionalCheckFailedException,
  type DynamoDBClient,
  PutItemCommand,
  QueryCommand,
} from '@aws-sdk/client-dynamodb'
import { z } from 'zod'

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
const termItem = z.object({ term: natural })
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
  const [stable, candidate, term] = [itemOf(ring), itemOf(CANARY), itemOf(TERM)]
  return {
    // One that is malformed holds nobody up: it was not written by any control plane.
    term: termItem.safeParse(term).data?.term ?? 0,
    stable: stable && parsePointer(region, ring, stable),
    ...(candidate === undefined ? { candidate } : readCandidate(region, candidate)),
  }
}

/** Moves a region's pointer. Only the control plane writes these items, so nothing is decided by last-writer-wins. */
export async function writePointer(client: DynamoDBClient, table: string, pointer: Pointer): Promise<void> {
  await put(client, table, pointer.region, pointer.ring, {
    bundle_digest: { S: pointer.bundleDigest },
    bundle_seq: { N: String(pointer.bundleSeq) },
    directory_digest: { S: pointer.directoryDigest },
    directory_seq: { N: String(pointer.directorySeq) },
    updated_at: { N: String(pointer.updatedAt) },
  })
}

/** Names a region's candidate, or withdraws it. */
export async function writeCandidate(client: DynamoDBClient, table: string, candidate: Candidate): Promise<void> {
  await put(client, table, candidate.region, CANARY, {
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
 * @returns false when one of a higher term was there before
 */
export async function claimTerm(client: DynamoDBClient, table: string, region: string, term: number): Promise<boolean> {
  try {
    await client.send(
      new PutItemCommand({
        TableName: table,
        Item: { pk: { S: `pointer#${region}` }, sk: { S: TERM }, term: { N: String(term) } },
        ConditionExpression: 'attribute_not_exists(term) OR term <= :term',
        ExpressionAttributeValues: { ':term': { N: String(term) } },
      }),
    )
    return true
  } catch (error) {
    if (error instanceof ConditionalCheckFailedException) return false
    throw error
  }
}

export const bundleKey = (digest: string) => `bundles/${digest}.tar.gz`
export const directoryKey = (digest: string) => `directories/${digest}.jws`

type Item = Record<string, AttributeValue>

async function put(client: DynamoDBClient, table: string, region: string, ring: string, fields: Item): Promise<void> {
  await client.send(new PutItemCommand({ TableName: table, Item: { pk: { S: `pointer#${region}` }, sk: { S: ring }, ...fields } }))
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
