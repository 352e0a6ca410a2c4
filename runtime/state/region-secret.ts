import { randomBytes } from 'node:crypto'
import { type DynamoDBClient, GetItemCommand } from '@aws-sdk/client-dynamodb'
import { lazily } from '../model/lazily.ts'
import { insertOnce } from './insert-once.ts'

const SECRET_BYTES = 32

/**
 * A secret that every process of a region shares and no other region knows: made once, by whichever process asks first, in the region's own
 * encrypted table. Rejects when the table does not answer; what was read once is kept.
 */
export function regionalSecret(client: DynamoDBClient, table: string, name: string): () => Promise<Uint8Array> {
  const key = { pk: { S: 'secret' }, sk: { S: name } }
  const read = async () => {
    const { Item } = await client.send(new GetItemCommand({ TableName: table, Key: key, ConsistentRead: true }))
    const secret = Item?.secret?.B
    if (secret !== undefined && secret.length !== SECRET_BYTES) throw new Error(`the region's secret ${name} has ${secret.length} bytes`)
    return secret
  }
  const readOrMake = async () => {
    const standing = await read()
    if (standing !== undefined) return standing
    const made = randomBytes(SECRET_BYTES)
    if (await insertOnce(client, table, { ...key, secret: { B: made } })) return made
    const winner = await read()
    if (winner === undefined) throw new Error(`the region's secret ${name} has gone`)
    return winner
  }
  return lazily(readOrMake)
}
