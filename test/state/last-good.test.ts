import { UpdateItemCommand } from '@aws-sdk/client-dynamodb'
import { type LastGood, regionalLastGood } from '../../runtime/state/last-good.ts'
import { type TestTables, testTables } from '../support/dynamodb.ts'

let tables: TestTables
beforeAll(async () => {
  tables = await testTables('state')
})
afterAll(() => tables.close())

const good = (bundleSeq: number, directorySeq: number): LastGood => ({
  bundleDigest: String(bundleSeq % 10).repeat(64),
  bundleSeq,
  directoryDigest: String(directorySeq % 10).repeat(64),
  directorySeq,
})

test('there is none at first, then the latest, and one that lags behind changes nothing', async () => {
  const store = regionalLastGood(tables.client, 'state')
  expect(await store.read()).toBeUndefined()
  for (const [written, stands] of [
    [good(5, 5), good(5, 5)],
    [good(5, 6), good(5, 6)],
    [good(4, 6), good(5, 6)],
    [good(6, 5), good(5, 6)],
    [good(7, 6), good(7, 6)],
  ] as const) {
    await store.write(written)
    expect(await store.read()).toEqual(stands)
  }
})

test('refuses to read an item that is malformed', async () => {
  await tables.client.send(
    new UpdateItemCommand({
      TableName: 'state',
      Key: { pk: { S: 'last_good' }, sk: { S: 'policy' } },
      UpdateExpression: 'SET bundle_digest = :bad',
      ExpressionAttributeValues: { ':bad': { S: '../secrets' } },
    }),
  )
  await expect(regionalLastGood(tables.client, 'state').read()).rejects.toThrow('malformed')
})

test('refuses to answer when the table does not', async () => {
  const store = regionalLastGood(tables.client, 'no-such-table')
  await expect(store.read()).rejects.toThrow()
  await expect(store.write(good(1, 1))).rejects.toThrow()
})
