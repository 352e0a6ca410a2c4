import type { Profile } from '../profile.ts'
import { ttlS } from '../profile.ts'
import type { RecordSet, RecordType, Topology } from '../topology/topology.ts'

/** Everything that an answer depends on, except health and the query. Plain data but for `rttMs`. */
export interface ZoneData {
  zones: Zone[]
  /** Addresses of load balancers by id: what an alias answers with. */
  balancerAddresses: Record<string, string[]>
  /** Round trip between two places in milliseconds: how latency routing ranks regions. */
  rttMs: (from: string, region: string) => number
}

/** One hosted zone: lower-case names without the final dot, TTLs as they go over the wire. */
export interface Zone {
  name: string
  soaTtlS: number
  nsTtlS: number
  /** Records by name, then by type. Those of one name and type form a group with one routing policy. */
  records: Map<string, Map<string, ZoneRecord[]>>
  /** Every name that exists, names above a record included: they have no data, but are no NXDOMAIN (RFC 8020). */
  names: Set<string>
}

export type ZoneRecord = Pick<RecordSet, 'name' | 'type' | 'routing' | 'healthCheckId'> & { ttlS: number; target: Target }
type Target = { loadBalancer: string; evaluateTargetHealth: boolean } | { values: string[] } | { alternating: string[][] }

/** A record that the caller gives: tools, partners and hostile names of a demo. TTL in seconds, unscaled. */
export type FixtureRecord = { name: string; type: RecordType; ttlS: number } & ({ values: string[] } | { alternating: string[][] })
export interface FixtureZone {
  name: string
  records: FixtureRecord[]
}

/** TTL of an alias to a load balancer: fixed by AWS (Route 53 developer guide, "Choosing between alias and non-alias records"). */
const ALIAS_TTL_S = 60
/** TTLs of the SOA and NS records that Route 53 writes into a new hosted zone. */
const SOA_TTL_S = 900
const NS_TTL_S = 172_800

/** The hosted zones of the templates and the fixture zones, with the TTLs of a profile. */
export function zonesOf(topology: Pick<Topology, 'hostedZones' | 'records'>, fixtures: FixtureZone[], profile: Profile): Zone[] {
  const hosted = topology.hostedZones.map(({ name }) => ({
    name,
    records: topology.records.map((record) => fromTemplate(record, profile)),
  }))
  const extra = fixtures.map(({ name, records }) => ({
    name: name.toLowerCase(),
    records: records.map((record) => fromFixture(record, profile)),
  }))
  const zones = [...hosted, ...extra]
  const suffixes = zones.map(({ name }) => name)
  return zones.map(({ name, records }) => ({
    name,
    soaTtlS: ttlS(profile, SOA_TTL_S),
    nsTtlS: ttlS(profile, NS_TTL_S),
    ...index(
      name,
      records.filter((record) => zoneNameOf(record.name, suffixes) === name),
    ),
  }))
}

/** The zone that a name belongs to: the longest suffix of it. */
export function zoneNameOf(name: string, zones: Iterable<string>): string | undefined {
  let best: string | undefined
  for (const zone of zones) {
    if ((name === zone || name.endsWith(`.${zone}`)) && zone.length > (best?.length ?? -1)) best = zone
  }
  return best
}

function fromTemplate({ name, type, routing, healthCheckId, target }: RecordSet, profile: Profile): ZoneRecord {
  const common = { name, type, routing, ...(healthCheckId !== undefined && { healthCheckId }) }
  if ('loadBalancer' in target) return { ...common, ttlS: ttlS(profile, ALIAS_TTL_S), target }
  return { ...common, ttlS: ttlS(profile, target.ttlS), target: { values: target.values } }
}

function fromFixture(record: FixtureRecord, profile: Profile): ZoneRecord {
  const target = 'alternating' in record ? { alternating: record.alternating } : { values: record.values }
  return { name: record.name.toLowerCase(), type: record.type, routing: { policy: 'simple' }, ttlS: ttlS(profile, record.ttlS), target }
}

function index(zone: string, list: ZoneRecord[]): Pick<Zone, 'records' | 'names'> {
  const names = new Set([zone])
  for (const { name } of list) {
    for (let rest = name; rest.length > zone.length; rest = rest.slice(rest.indexOf('.') + 1)) names.add(rest)
  }
  const byName = Map.groupBy(list, ({ name }) => name)
  return { names, records: new Map([...byName].map(([name, group]) => [name, Map.groupBy(group, ({ type }) => type)])) }
}
