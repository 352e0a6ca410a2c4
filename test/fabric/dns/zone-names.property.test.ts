import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { answer, type Query } from '../../../runtime/fabric/dns/answer.ts'
import type { Health } from '../../../runtime/fabric/dns/routing.ts'
import type { RecordSet } from '../../../runtime/fabric/topology/topology.ts'
import { alias, query, record, zoneData } from './small-zone.ts'

// A residency-bound tenant uses its zone's name alone. Whatever the health, no answer for that name may hold a region
// outside the zone: not when everything is down, not for any place, type or draw.

const ZONE = ['near', 'far']
const ALL = [...ZONE, 'farthest']

const routed = (name: string, region: string, routing: RecordSet['routing']): RecordSet =>
  record(name, { type: 'CNAME', routing, target: { values: [`${region}.aegis.example`], ttlS: 30 }, healthCheckId: `check-${region}` })

const records = [
  ...ALL.map((region) => record(region, { target: alias(region) })),
  routed('eu', 'near', { policy: 'failover', role: 'PRIMARY', setIdentifier: 'near' }),
  routed('eu', 'far', { policy: 'failover', role: 'SECONDARY', setIdentifier: 'far' }),
  ...ALL.map((region) => routed('global', region, { policy: 'latency', region, setIdentifier: region })),
]
const ids = ALL.flatMap((region) => [`check-${region}`, `lb-${region}`])

const health = fc
  .record({ failedChecks: fc.subarray(ids), failedBalancers: fc.subarray(ids) })
  .map(({ failedChecks, failedBalancers }) => ({
    failedChecks: new Set(failedChecks),
    failedBalancers: new Set(failedBalancers),
  }))
const anyQuery = fc.record({
  name: fc.constantFrom('eu.aegis.example', 'EU.Aegis.Example'),
  type: fc.constantFrom('A', 'AAAA', 'CNAME', 'TXT', 'UNKNOWN_65'),
  place: fc.constantFrom(...ALL, 'client', 'nowhere'),
  roll: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
  serial: fc.nat(),
})

function regionsIn(zone: RecordSet[], failed: Health, asked: Query): string[] {
  const data = zoneData(zone)
  const inverse = new Map(Object.entries(data.balancerAddresses).map(([id, [address]]) => [address, id.replace('lb-', '')]))
  return answer(data, failed, asked).answers.map(({ data: value }) => inverse.get(value as string) ?? String(value).split('.')[0] ?? '')
}

test('a zone name never answers a region outside its zone, whatever the health', () => {
  fc.assert(
    fc.property(health, anyQuery, (failed, asked) => {
      for (const region of regionsIn(records, failed, asked)) expect(ZONE).toContain(region)
    }),
  )
})

test('the property sees a planted standby outside the zone', () => {
  const planted = [
    ...records.filter(({ routing }) => !('role' in routing && routing.role === 'SECONDARY')),
    routed('eu', 'farthest', { policy: 'failover', role: 'SECONDARY', setIdentifier: 'farthest' }),
  ]
  const run = () =>
    fc.assert(
      fc.property(health, anyQuery, (failed, asked) => {
        for (const region of regionsIn(planted, failed, asked)) expect(ZONE).toContain(region)
      }),
    )
  expect(run).toThrow(/Property failed/)
})

test('a name with records always has an answer: no health turns it into nothing', () => {
  fc.assert(
    fc.property(health, (failed) => {
      expect(regionsIn(records, failed, query('eu.aegis.example'))).not.toHaveLength(0)
      expect(regionsIn(records, failed, query('global.aegis.example'))).not.toHaveLength(0)
    }),
  )
})
