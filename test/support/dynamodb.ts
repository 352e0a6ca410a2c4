import { randomBytes } from 'node:crypto'
import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { startStores } from '../../runtime/fabric/stores/region-stores.ts'
import { table } from '../fabric/stores/support.ts'

export interface TestTables {
  client: DynamoDBClient
  close(): Promise<void>
}

/**
 * What is under the tables of a test: nothing, for the built-in engine, or an empty corner of the engine that AEGIS_TEST_TABLE_ENGINE names,
 * so that the same tests run against AWS's own.
 */
export function tableEngine(): { tableEndpoint?: string } {
  const engine = process.env.AEGIS_TEST_TABLE_ENGINE
  if (engine === undefined) return {}
  const corner = new URL(engine)
  corner.username = `test${randomBytes(8).toString('hex')}`
  return { tableEndpoint: corner.href }
}

/** An empty DynamoDB engine with tables of string keys `pk` and `sk`. */
export async function testTables(...names: string[]): Promise<TestTables> {
  const stores = await startStores({
    region: 'eu-west-1',
    tables: names.map((name) => table(name)),
    ...tableEngine(),
  })
  const client = new DynamoDBClient({
    region: 'eu-west-1',
    endpoint: stores.url,
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
    maxAttempts: 1,
  })
  return {
    client,
    async close() {
      client.destroy()
      await stores.close()
    },
  }
}
