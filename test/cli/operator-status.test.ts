import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { findFabric } from '../../runtime/cli/fabric-client.ts'
import { budgetsOf, operatorLines } from '../../runtime/cli/operator-status.ts'
import { type FakeFabric, fakeFabric, refusal, type Said, type Seen } from './fake-fabric.ts'

const REGIONS = [
  { region: 'eu-west-1', zone: 'eu' },
  { region: 'eu-central-1', zone: 'eu' },
]
let fabric: FakeFabric
let answer: (seen: Seen) => Said | undefined
beforeEach(async () => {
  fabric = await fakeFabric(REGIONS, (seen) => answer(seen))
})
afterEach(() => fabric.close())

const cells = (line: string | undefined) => line?.trim().split(/ {2,}/)
const kill = { id: 'kill-1', scope: { type: 'agent', id: 'rogue-agent' }, reason: 'wild', by: 'ann', at: 'then', region: 'eu-west-1' }
const home = { tenant: 'clinic-eu', active_region: 'eu-central-1', serves: false }
const budget = {
  agent: 'treasury-agent',
  period: '2026-11-22',
  unit: 'eur',
  granted: 1000,
  received: 40,
  given: 100,
  leased: 300,
  spent: 200,
  stranded: 5,
}

test('kill switches once; homes, budgets and shadow mode by region', async () => {
  const status = { kills: 1, homes: [home], budgets: [budget], softened: { 'acme-eu stripe-payments max_amount amount_over_limit': 3 } }
  answer = ({ path }) => ({ status: 200, body: path === '/v1/kills' ? { kills: [kill] } : status })
  const lines = await operatorLines(findFabric(fabric.stateDir))
  expect(lines.filter((line) => line.includes('kill-1'))).toHaveLength(1)
  expect(lines.filter((line) => line.includes('clinic-eu')).map(cells)).toEqual(
    REGIONS.map(({ region }) => ['clinic-eu', 'eu-central-1', region, 'no']),
  )
  expect(lines.filter((line) => line.includes('amount_over_limit')).map((line) => cells(line)?.slice(0, 2))).toEqual(
    REGIONS.map(({ region }) => [region, '3']),
  )
  expect(lines.filter((line) => line.includes('treasury-agent')).map(cells)).toEqual(
    REGIONS.map(({ region }) => [region, 'treasury-agent', '2026-11-22', 'eur', '1000', '-60', '300', '200', '5']),
  )
  expect(fabric.seen.every(({ token }) => token === 'viewer')).toBe(true)
})

test('says nothing where there is nothing', async () => {
  answer = ({ path }) => ({ status: 200, body: path === '/v1/kills' ? { kills: [] } : {} })
  await expect(operatorLines(findFabric(fabric.stateDir))).resolves.toEqual([])
})

test('a region that is down is a line, and what the others know is still shown', async () => {
  answer = ({ region, path }) =>
    region === 'eu-west-1' ? undefined : { status: 200, body: { kills: path === '/v1/kills' ? [{ ...kill, lifted: true }] : 1 } }
  const lines = await operatorLines(findFabric(fabric.stateDir))
  expect(lines[0]).toBe('eu-west-1: the operator API does not answer')
  expect(lines.join('\n')).toContain('agent rogue-agent (lifted)')
})

test('refuses to take a refusal for an empty budget', async () => {
  answer = () => refusal(403, 'subject_mismatch')
  await expect(budgetsOf(findFabric(fabric.stateDir), 'eu-west-1')).rejects.toThrow(/the status of eu-west-1 was refused: subject_mismatch/)
})
