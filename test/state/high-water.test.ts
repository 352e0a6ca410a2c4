import { UpdateItemCommand } from '@aws-sdk/client-dynamodb'
import { regionalHighWater } from '../../runtime/state/high-water.ts'
import { type TestTables, testTables } from '../support/dynamodb.ts'

let tables: TestTables
beforeAll(async () => {
  tables = await testTables('state')
})
afterAll(() => tables.close())

test('starts at zero, rises, stays where it is, and never falls', async () => {
  const mark = regionalHighWater(tables.client, 'state')
  expect(await mark.read()).toEqual({ bundle: 0, directory: 0 })
  expect(await mark.raise('bundle', 5)).toBe(true)
  expect(await mark.raise('bundle', 5)).toBe(true)
  expect(await mark.raise('bundle', 4)).toBe(false)
  expect(await mark.read()).toEqual({ bundle: 5, directory: 0 })
})

test('ends at the highest of many processes that race', async () => {
  const mark = regionalHighWater(tables.client, 'state')
  const order = Array.from({ length: 30 }, (_, i) => ((i * 7) % 30) + 1)
  await Promise.all(order.map((seq) => mark.raise('directory', seq)))
  expect((await mark.read()).directory).toBe(30)
})

test.each([{ N: '-1' }, { N: '1.5' }, { S: '7' }, { NULL: true as const }])(
  'refuses to read a mark that is no sequence number: %j',
  async (bad) => {
    const mark = regionalHighWater(tables.client, 'state')
    await tables.client.send(
      new UpdateItemCommand({
        TableName: 'state',
        Key: { pk: { S: 'hwm' }, sk: { S: 'bundle' } },
        UpdateExpression: 'SET seq = :bad',
        ExpressionAttributeValues: { ':bad': bad },
      }),
    )
    await expect(mark.read()).rejects.toThrow('not a sequence number')
  },
)

test('refuses to answer when the table does not', async () => {
  await expect(regionalHighWater(tables.client, 'no-such-table').read()).rejects.toThrow()
})
