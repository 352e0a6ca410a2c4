import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { callGateway } from '../../../runtime/cli/fabric-client.ts'
import { listKills, throwKill } from '../../../runtime/cli/kills.ts'
import { budgetsOf } from '../../../runtime/cli/operator-status.ts'
import { type ChildFabric, startChildFabric } from './child-fabric.ts'

// The promise that a partition costs availability and never money: two regions of one zone that cannot hear each other
// spend one budget at the same time. The tests build on one another, in their order.

const START_MS = 120_000
const REGIONS = ['eu-west-1', 'eu-central-1']
const AGENT = 'treasury-agent'
/** Of its document, in minor units. */
const CAP = 2_000_000
/** At once in each region. */
const LANES = 4

let running: ChildFabric
let allowedSoFar = 0

beforeAll(async () => {
  running = await startChildFabric('--regions', REGIONS.join(','), '--no-traffic')
}, START_MS)
afterAll(() => running?.stop(), 30_000)

/** Pays in every region at once until each lane is refused. @returns minor units allowed, by region, and the codes of the refusals */
async function spendEverywhere(amount: number): Promise<{ allowed: Record<string, number>; refusals: string[] }> {
  const allowed: Record<string, number> = Object.fromEntries(REGIONS.map((region) => [region, 0]))
  const refusals: string[] = []
  const lane = async (region: string) => {
    // More than the whole budget would be: a lane that is never refused has shown what was to be shown.
    for (let paid = 0; paid <= CAP; paid += amount) {
      const code = await pay(region, amount)
      if (code !== undefined) return void refusals.push(code)
      allowed[region] = (allowed[region] ?? 0) + amount
    }
  }
  await Promise.all(REGIONS.flatMap((region) => Array.from({ length: LANES }, () => lane(region))))
  return { allowed, refusals }
}

/** Pays, and reports that it was done. @returns undefined when allowed, else the code of the reason or error */
async function pay(region: string, amount: number): Promise<string | undefined> {
  const { fabric } = running
  const args = { amount, currency: 'eur', recipient: 'supplier-7' }
  const body = JSON.stringify({ tool: 'stripe-payments', action: 'create_payment', arguments: args })
  const token = fabric.demo_tokens[AGENT] ?? ''
  const { text } = await callGateway(fabric, { entrance: { region }, path: '/v1/decisions', token, body })
  const answer = JSON.parse(text) as { decision_id?: string; enforced?: string; reasons?: { code: string }[]; error?: { code: string } }
  if (answer.enforced !== 'allow') return answer.reasons?.[0]?.code ?? answer.error?.code ?? 'no code'
  const path = `/v1/decisions/${answer.decision_id}/outcome`
  const { status } = await callGateway(fabric, { entrance: { region }, path, token, body: '{"status":"executed"}' })
  return status === 200 ? undefined : `outcome refused with ${status}`
}

const sum = (values: Record<string, number>) => Object.values(values).reduce((total, value) => total + value, 0)
const knows = async (region: string, id: string) => (await listKills(running.fabric, region)).kills.some((kill) => kill.id === id)
async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 100))
}

let marker = ''

test('two regions that are cut from each other spend no more than the budget together', async () => {
  await running.fabric.control('POST', '/faults/cut', { regions: REGIONS })
  // What is written in one region must not be in the other, or there was no partition to survive.
  marker = (await throwKill(running.fabric, { type: 'agent', id: 'nobody-agent', reason: 'marks the cut', region: 'eu-west-1' })).id
  const { allowed, refusals } = await spendEverywhere(70_000)
  expect(await knows('eu-central-1', marker)).toBe(false)
  for (const region of REGIONS) expect([region, (allowed[region] ?? 0) > 0]).toEqual([region, true])
  expect(new Set(refusals)).toEqual(new Set(['budget_exhausted']))
  allowedSoFar += sum(allowed)
  expect(allowedSoFar).toBeLessThanOrEqual(CAP)
}, 60_000)

test('mended, they share what is left and still spend no more than the budget', async () => {
  await running.fabric.control('POST', '/faults/mend')
  await until(() => knows('eu-central-1', marker))
  const { allowed } = await spendEverywhere(10_000)
  allowedSoFar += sum(allowed)
  expect(allowedSoFar).toBeLessThanOrEqual(CAP)
}, 60_000)

test('what the regions say was spent is what they allowed', async () => {
  const parts = (await Promise.all(REGIONS.map((region) => budgetsOf(running.fabric, region)))).flat()
  const ours = parts.filter(({ agent }) => agent === AGENT)
  expect(ours.reduce((total, { spent }) => total + spent, 0)).toBe(allowedSoFar)
})
