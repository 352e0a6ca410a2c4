import type { Query } from '../../../runtime/fabric/dns/answer.ts'
import type { Health } from '../../../runtime/fabric/dns/routing.ts'
import { type FixtureZone, type ZoneData, zonesOf } from '../../../runtime/fabric/dns/zone.ts'
import type { Profile } from '../../../runtime/fabric/profile.ts'
import type { RecordSet } from '../../../runtime/fabric/topology/topology.ts'

const origin = { stack: 'test', logicalId: 'Test', region: 'eu-north-1', account: '222222222222' }

/** Address of each region's load balancer in these tests. */
export const ADDRESSES: Record<string, string> = { near: '44.128.1.10', far: '44.128.2.10', farthest: '44.128.3.10' }

/** Round trips from the one place of these tests, `client`. */
const RTT: Record<string, number> = { near: 10, far: 100, farthest: 200 }

export function record(name: string, changes: Partial<RecordSet>): RecordSet {
  return {
    name: `${name}.aegis.example`,
    type: 'A',
    routing: { policy: 'simple' },
    target: { values: ['192.0.2.1'], ttlS: 30 },
    origin,
    ...changes,
  }
}

/** An alias to the balancer of a region, `lb-<region>`. */
export function alias(region: string, evaluateTargetHealth = true): RecordSet['target'] {
  return { loadBalancer: `lb-${region}`, evaluateTargetHealth }
}

export function zoneData(records: RecordSet[], fixtures: FixtureZone[] = [], profile: Profile = 'deployed'): ZoneData {
  return {
    zones: zonesOf({ hostedZones: [{ name: 'aegis.example', origin }], records }, fixtures, profile),
    balancerAddresses: Object.fromEntries(Object.entries(ADDRESSES).map(([region, address]) => [`lb-${region}`, [address]])),
    rttMs: (_from, region) => RTT[region] ?? 1000,
  }
}

export function query(name: string, changes: Partial<Query> = {}): Query {
  return { name, type: 'A', place: 'client', roll: 0, serial: 0, ...changes }
}

export function failing(...ids: string[]): Health {
  return { failedChecks: new Set(ids), failedBalancers: new Set(ids) }
}
