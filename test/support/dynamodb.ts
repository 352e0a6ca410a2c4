import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { startStores } from '../../runtime/fabric/stores/region-stores.ts'
import { table } from '../fabric/stores/support.ts'

export interface TestTables {
  client: DynamoDBClient
  close(): Promise<void>
}

/** An empty DynamoDB engine in memory with tables of string keys `pk` and `sk`. */
export async function testTables(...names: string[]): Promise<TestTables> {
  const stores = await startStores({
    region: 'eu-west-1',
    tables: names.map((name) => table(name)),
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
