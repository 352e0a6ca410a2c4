import { globalReplays, type ReplayOrder, type ReplayResult, type Replays } from '../../runtime/state/replays.ts'
import { type TestTables, testTables } from '../support/dynamodb.ts'

let tables: TestTables
let replays: Replays
beforeAll(async () => {
  tables = await testTables('global')
  replays = globalReplays(tables.client, 'global')
})
afterAll(() => tables.close())

const order: ReplayOrder = {
  id: 'r1',
  region: 'eu-west-1',
  bundleDigest: 'a'.repeat(64),
  revision: 'abc',
  sinceMs: 0,
  limit: 1000,
  orderedAtMs: 5,
}
const result: ReplayResult = {
  id: 'r1',
  region: 'eu-west-1',
  error: null,
  replayed: 3,
  unanswerable: 0,
  changes: { 'allow>deny': 1 },
  newDenies: 1,
  newApprovals: 0,
  loosened: 0,
  rules: { 'amount_over_limit max_amount': 1 },
  tools: { 'pay.create': 1 },
  tenants: { acme: 1 },
  decisionIds: { 'allow>deny': ['d1'] },
  tookMs: 12.5,
}

test('an order is open until a process of its region answers, and the first answer stands', async () => {
  await replays.order(order)
  expect(await replays.open('eu-west-1')).toEqual([order])
  expect(await replays.open('us-east-1')).toEqual([])
  expect(await replays.result('eu-west-1', 'r1')).toBeUndefined()
  expect(await replays.answer(result)).toBe(true)
  expect(await replays.answer({ ...result, newDenies: 0 })).toBe(false)
  expect(await replays.open('eu-west-1')).toEqual([])
  expect(await replays.result('eu-west-1', 'r1')).toEqual(result)
})
