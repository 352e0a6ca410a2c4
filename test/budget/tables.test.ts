import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { type BudgetKeeper, createKeeper } from '../../runtime/budget/keeper.ts'
import { newDecisionId } from '../../runtime/model/decision-id.ts'
import { regionalOutcomes } from '../../runtime/state/outcomes.ts'
import { regionalSlices } from '../../runtime/state/slices.ts'
import { globalVouchers } from '../../runtime/state/vouchers.ts'
import { type TestTables, testTables } from '../support/dynamodb.ts'
import { AGENT, agentOf } from './world.ts'

// The same keepers on tables: two regions with two processes each, and one global table between them.

const TENANT = 'acme-eu'
const REGIONS = ['eu-west-1', 'eu-central-1']
const AMOUNT = 2_000_000

let tables: TestTables
let nowMs = Date.parse('2026-11-22T12:00:00Z')
beforeAll(async () => {
  tables = await testTables('slices-eu-west-1', 'slices-eu-central-1', 'global')
})
afterAll(() => tables.close())

const slow = { timeoutMs: 20_000 }

function begin(region: string, node: string): { keeper: BudgetKeeper; node: string } {
  const about = { agent: AGENT, tenant: TENANT, period: '2026-11-22', unit: 'eur' }
  const grants = REGIONS.map((each) => ({ ...about, region: each, amount: AMOUNT / 2 }))
  const keeper = createKeeper({
    region,
    node,
    slices: regionalSlices(tables.client, `slices-${region}`, slow),
    vouchers: globalVouchers(tables.client, 'global', slow),
    outcomes: regionalOutcomes(tables.client, `slices-${region}`, slow),
    clock: { now: () => nowMs, monotonic: () => nowMs },
    directory: () => ({ directorySeq: 1, grants }),
    log: () => {},
  })
  return { keeper, node }
}

test('two regions that spend at once never pass the budget together, and use all of it', async () => {
  const processes = REGIONS.flatMap((region, r) => [begin(region, `00000000000${2 * r}`), begin(region, `00000000000${2 * r + 1}`)])
  let allowed = 0
  const pay = async ({ keeper, node }: { keeper: BudgetKeeper; node: string }) => {
    const held = await keeper.reserve(agentOf(AMOUNT), 100_000, {
      decisionId: newDecisionId(node),
      tenant: TENANT,
      untilMs: nowMs + 300_000,
      shadow: false,
    })
    if (typeof held !== 'string') allowed += 100_000
  }
  for (let round = 0; round < 25 && allowed < AMOUNT; round++) {
    await Promise.all(processes.flatMap((process, i) => Array.from({ length: i === 0 ? 8 : 1 }, () => pay(process))))
    expect(allowed).toBeLessThanOrEqual(AMOUNT)
    for (const laterMs of [1_000, 5_000]) {
      nowMs += laterMs
      for (const { keeper } of processes) await keeper.tick()
    }
  }
  expect(allowed).toBe(AMOUNT)
})

test('a report finds the process that decided', async () => {
  const [owner, other] = [begin('eu-west-1', 'aaaaaaaaaaaa'), begin('eu-west-1', 'bbbbbbbbbbbb')]
  const agent = { ...agentOf(AMOUNT), budget: { period: 'day' as const, amount: AMOUNT, unit: 'eur' } }
  nowMs = Date.parse('2026-11-22T12:00:00Z')
  const decisionId = newDecisionId(owner.node)
  const by = { agentId: AGENT, tenant: TENANT }
  const held = await owner.keeper.reserve(agent, 0, { decisionId, tenant: TENANT, untilMs: nowMs + 1000, shadow: false })
  expect(held).toMatchObject({ cost: 0 })
  expect(await other.keeper.report(decisionId, by, { status: 'not_executed' })).toEqual({ spent: null, unit: null })
  expect(await owner.keeper.report(decisionId, by, { status: 'not_executed' })).toEqual({ spent: 0, unit: 'eur' })
})
