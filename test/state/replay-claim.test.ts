import { regionReplayClaim } from '../../runtime/state/replay-claim.ts'
import { type TestTables, testTables } from '../support/dynamodb.ts'

let tables: TestTables
let nowMs = 1_000_000
beforeAll(async () => {
  tables = await testTables('state')
})
afterAll(() => tables.close())

const claimOf = (node: string) => regionReplayClaim({ client: tables.client, table: 'state', node, now: () => nowMs, staleMs: 30_000 })

test('one process at a time; who has died is followed, and then no longer the one', async () => {
  const [one, two] = [claimOf('one'), claimOf('two')]
  const taken = await Promise.all([one.take('order-1'), two.take('order-1')])
  expect(taken.toSorted()).toEqual([false, true])
  const [holder, other] = taken[0] ? [one, two] : [two, one]
  expect(await other.take('order-2')).toBe(false)

  nowMs += 25_000
  expect(await holder.renew('order-1')).toBe(true)
  nowMs += 25_000
  expect(await other.take('order-1')).toBe(false)

  nowMs += 6000
  expect(await other.take('order-1')).toBe(true)
  expect(await holder.renew('order-1')).toBe(false)
  // What is another's by now is not given up by who had it.
  await holder.release('order-1')
  expect(await other.renew('order-1')).toBe(true)

  await other.release('order-1')
  expect(await other.renew('order-1')).toBe(false)
  expect(await holder.take('order-3')).toBe(true)
  await holder.release('order-3')
})
