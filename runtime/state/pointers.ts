import { type DynamoDBClient, GetItemCommand, PutItemCommand, QueryCommand } from '@aws-sdk/client-dynamodb'
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

const digest = z.strictObject({ S: z.string().regex(/^[0-9a-f]{64}$/) }).transform(({ S }) => S)
const natural = z
  .strictObject({ N: z.string() })
  .transform(({ N }) => Number(N))
  .refine((n) => Number.isSafeInteger(n) && n >= 0, 'is not a natural number')
const pointerItem = z.object({
  bundle_digest: digest,
  bundle_seq: natural,
  directory_digest: digest,
  directory_seq: natural,
  updated_at: natural,
})

/** @returns the region's pointer as its own replica has it, or undefined. @throws when the item is malformed */
export async function readPointer(client: DynamoDBClient, table: string, region: string, ring: string): Promise<Pointer | undefined> {
  const { Item } = await client.send(new GetItemCommand({ TableName: table, Key: keyOf(region, ring) }))
  return Item === undefined ? undefined : parsePointer(region, ring, Item)
}

/** Every ring's pointer of a region: what a rebuilt control plane takes its next sequence number from. */
export async function readPointers(client: DynamoDBClient, table: string, region: string): Promise<Pointer[]> {
  const { Items } = await client.send(
    new QueryCommand({
      TableName: table,
      KeyConditionExpression: 'pk = :pk',
      ExpressionAttributeValues: { ':pk': { S: `pointer#${region}` } },
    }),
  )
  return (Items ?? []).map((item) => parsePointer(region, item.sk?.S ?? '', item))
}

/** Moves a region's pointer. Only the control plane writes these items, so nothing is decided by last-writer-wins. */
export async function writePointer(client: DynamoDBClient, table: string, pointer: Pointer): Promise<void> {
  await client.send(
    new PutItemCommand({
      TableName: table,
      Item: {
        ...keyOf(pointer.region, pointer.ring),
        bundle_digest: { S: pointer.bundleDigest },
        bundle_seq: { N: String(pointer.bundleSeq) },
        directory_digest: { S: pointer.directoryDigest },
        directory_seq: { N: String(pointer.directorySeq) },
        updated_at: { N: String(pointer.updatedAt) },
      },
    }),
  )
}

export const bundleKey = (digest: string) => `bundles/${digest}.tar.gz`
export const directoryKey = (digest: string) => `directories/${digest}.jws`

function keyOf(region: string, ring: string) {
  return { pk: { S: `pointer#${region}` }, sk: { S: ring } }
}

function parsePointer(region: string, ring: string, item: unknown): Pointer {
  const parsed = pointerItem.safeParse(item)
  if (!parsed.success) throw new Error(`pointer of ${region}, ring ${ring}, is malformed: ${z.prettifyError(parsed.error)}`)
  const { bundle_digest, bundle_seq, directory_digest, directory_seq, updated_at } = parsed.data
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
