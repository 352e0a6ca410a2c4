import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import type { Tenant } from '../../runtime/model/zones.ts'
import { type AgentDocument, agentDocument } from '../../runtime/policy/agent-document.ts'
import type { Grant } from '../../runtime/policy/directory.ts'
import { grantsFor } from '../../runtime/policy/grants.ts'

const ZONES = { eu: ['eu-west-1', 'eu-central-1', 'eu-north-1'], us: ['us-east-1'] }
const NOON = Date.parse('2026-11-22T12:00:00Z')
const acme: Tenant = { id: 'acme-eu', zone: 'eu', homeRegion: 'eu-central-1', binding: 'zone', mode: 'enforce', residency: 'enforce' }
const umbrella: Tenant = { ...acme, id: 'umbrella', zone: 'global', homeRegion: null, binding: 'none' }

const document = (budget: object | undefined, tenant = 'acme-eu', agents = ['treasury-agent']): AgentDocument =>
  agentDocument.parse({ agents, tenant, allowed_tools: {}, budget })
const euros = (amount: number, tenant?: string) => document({ period: 'day', amount, currency: 'eur' }, tenant)
const of = (grants: readonly Grant[], period = '2026-11-22') =>
  Object.fromEntries(grants.filter((grant) => grant.period === period).map(({ region, amount }) => [region, amount]))
const sum = (grants: readonly Grant[]) => grants.reduce((total, { amount }) => total + amount, 0)

test('grants every region of the zone its part, for today and the two days after', () => {
  const grants = grantsFor([euros(10)], [acme], ZONES, NOON)
  expect(of(grants)).toEqual({ 'eu-central-1': 4, 'eu-north-1': 3, 'eu-west-1': 3 })
  expect([...new Set(grants.map(({ period }) => period))]).toEqual(['2026-11-22', '2026-11-23', '2026-11-24'])
  expect(of(grants, '2026-11-24')).toEqual(of(grants))
})

test('grants all regions to a tenant without residency, a region-bound one those of its zone', () => {
  expect(Object.keys(of(grantsFor([euros(9, 'umbrella')], [umbrella], ZONES, NOON)))).toHaveLength(4)
  expect(Object.keys(of(grantsFor([euros(9)], [{ ...acme, binding: 'region' }], ZONES, NOON)))).toHaveLength(3)
})

test('grants calls and tokens like money, each agent of a document its own, and nothing without budget or tenant', () => {
  const documents = [document({ period: 'day', calls: 3 }, 'acme-eu', ['a', 'b']), document({ period: 'day', tokens: 6 }, 'acme-eu', ['c'])]
  const today = grantsFor(documents, [acme], ZONES, NOON).filter(({ period }) => period === '2026-11-22')
  const sums = Object.entries(Object.groupBy(today, ({ agent, unit }) => `${agent} ${unit}`)).map(([id, grants]) => [id, sum(grants ?? [])])
  expect(Object.fromEntries(sums)).toEqual({ 'a calls': 3, 'b calls': 3, 'c tokens': 6 })
  expect(grantsFor([document(undefined), euros(5, 'nobody')], [acme], ZONES, NOON)).toEqual([])
})

test('adds up to the amount exactly, and a larger amount gives no region less', () => {
  const amounts = fc.tuple(fc.nat({ max: 1000 }), fc.nat({ max: 5 }))
  fc.assert(
    fc.property(amounts, ([amount, more]) => {
      const before = of(grantsFor([euros(amount)], [acme], ZONES, NOON))
      const after = of(grantsFor([euros(amount + more)], [acme], ZONES, NOON))
      expect(Object.values(before).reduce((a, b) => a + b, 0)).toBe(amount)
      for (const [region, part] of Object.entries(before)) expect(after[region]).toBeGreaterThanOrEqual(part)
    }),
  )
  const all = grantsFor([euros(Number.MAX_SAFE_INTEGER)], [acme], ZONES, NOON).filter(({ period }) => period === '2026-11-22')
  expect(sum(all)).toBe(Number.MAX_SAFE_INTEGER)
})

test('leaves the regions of a period as they were issued, whatever has moved since', () => {
  const issued = grantsFor([euros(10)], [acme], ZONES, NOON)
  const moved = { ...acme, homeRegion: 'eu-west-1' }
  const zones = { eu: [...ZONES.eu, 'eu-south-1'] }
  const next = grantsFor([euros(11)], [moved], zones, NOON + 86_400_000, issued)
  expect(of(next, '2026-11-23')).toEqual({ 'eu-central-1': 4, 'eu-north-1': 4, 'eu-west-1': 3 })
  expect(of(next, '2026-11-25')).toEqual({ 'eu-west-1': 3, 'eu-central-1': 3, 'eu-north-1': 3, 'eu-south-1': 2 })
  for (const period of ['2026-11-23', '2026-11-24']) {
    const union = new Map(Object.entries(of(issued, period)))
    for (const [region, amount] of Object.entries(of(next, period))) union.set(region, Math.max(amount, union.get(region) ?? 0))
    expect([...union.values()].reduce((a, b) => a + b, 0)).toBe(11)
  }
})
