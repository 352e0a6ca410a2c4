import { ConditionalCheckFailedException, type DynamoDBClient, GetItemCommand, PutItemCommand } from '@aws-sdk/client-dynamodb'
import { z } from 'zod'

/** What a region activated last, by the names of its bucket. A hint and no more: whoever reads it verifies both again. */
export interface LastGood {
  bundleDigest: string
  bundleSeq: number
  directoryDigest: string
  directorySeq: number
}

export interface LastGoodStore {
  /** @returns undefined before the first activation. Rejects when the table does not answer, or its item is malformed */
  read(): Promise<LastGood | undefined>
  /** Leaves a later one as it is: a process that lags behind does not take the others back. */
  write(good: LastGood): Promise<void>
}

const digest = z.object({ S: z.string().regex(/^[0-9a-f]{64}$/) }).transform(({ S }) => S)
const natural = z
  .object({ N: z.string() })
  .transform(({ N }) => Number(N))
  .refine((n) => Number.isSafeInteger(n) && n >= 0, 'is not a natural number')
const lastGoodItem = z.object({ bundle_digest: digest, bundle_seq: natural, directory_digest: digest, directory_seq: natural })

/** One item in the region's own table, beside the high-water marks: a restart finds it when pointer or bucket are of no use. */
export function regionalLastGood(client: DynamoDBClient, table: string): LastGoodStore {
  const key = { pk: { S: 'last_good' }, sk: { S: 'policy' } }
  return {
    async read() {
      const { Item } = await client.send(new GetItemCommand({ TableName: table, Key: key, ConsistentRead: true }))
      if (Item === undefined) return undefined
      const found = lastGoodItem.safeParse(Item)
      if (!found.success) throw new Error(`the last good bundle and directory are malformed: ${z.prettifyError(found.error)}`)
      const { bundle_digest, bundle_seq, directory_digest, directory_seq } = found.data
      return { bundleDigest: bundle_digest, bundleSeq: bundle_seq, directoryDigest: directory_digest, directorySeq: directory_seq }
    },
    async write({ bundleDigest, bundleSeq, directoryDigest, directorySeq }) {
      const seqs = { ':bundle_seq': { N: String(bundleSeq) }, ':directory_seq': { N: String(directorySeq) } }
      try {
        await client.send(
          new PutItemCommand({
            TableName: table,
            Item: {
              ...key,
              bundle_digest: { S: bundleDigest },
              bundle_seq: seqs[':bundle_seq'],
              directory_digest: { S: directoryDigest },
              directory_seq: seqs[':directory_seq'],
            },
            ConditionExpression: 'attribute_not_exists(pk) OR (bundle_seq <= :bundle_seq AND directory_seq <= :directory_seq)',
            ExpressionAttributeValues: seqs,
          }),
        )
      } catch (error) {
        if (!(error instanceof ConditionalCheckFailedException)) throw error
      }
    },
  }
}
