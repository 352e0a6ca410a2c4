import { type Health, isHealthy, pick } from './routing.ts'
import type { Zone, ZoneData, ZoneRecord } from './zone.ts'
import { zoneNameOf } from './zone.ts'

export interface Query {
  /** As asked: any case, no final dot. */
  name: string
  /** Upper-case mnemonic, or `UNKNOWN_<number>`. */
  type: string
  /** Place of the querier: ranks the regions of a latency group. */
  place: string
  /** In [0, 1): draws from a weighted group. */
  roll: number
  /** How many queries came before this one: picks the set of an alternating record. */
  serial: number
}

export interface DnsRecord {
  name: string
  type: string
  ttlS: number
  data: string | Soa
}

export interface Soa {
  mname: string
  rname: string
  serial: number
  refresh: number
  retry: number
  expire: number
  minimum: number
}

export interface DnsAnswer {
  rcode: 'NOERROR' | 'NXDOMAIN' | 'REFUSED' | 'NOTIMP'
  answers: DnsRecord[]
  /** The SOA of the zone, when there is nothing of the asked type. */
  authorities: DnsRecord[]
  /** True when another place may get another answer (scope of an EDNS client subnet). */
  placed: boolean
}

/**
 * Answers one query by the rules of Route 53: the routing policy chooses within the group of records, and health decides
 * which of them it may choose. Follows CNAMEs for as long as they stay in the zones that are served here.
 * Pure: the same zone data, health and query give the same answer.
 */
export function answer(data: ZoneData, health: Health, query: Query): DnsAnswer {
  const asked = query.name.toLowerCase()
  if (zoneOf(data, asked) === undefined) return { rcode: 'REFUSED', answers: [], authorities: [], placed: false }
  // RFC 8482 lets a server decline ANY, and a hosted zone has no transfers.
  if (query.type === 'ANY' || query.type === 'AXFR' || query.type === 'IXFR')
    return { rcode: 'NOTIMP', answers: [], authorities: [], placed: false }

  const answers: DnsRecord[] = []
  const seen = new Set<string>()
  let placed = false
  // The owner name is answered in the case that was asked, which resolvers use against forgery (0x20).
  for (let owner = query.name; ; ) {
    const name = owner.toLowerCase()
    const zone = zoneOf(data, name)
    // A chain that leaves our zones, or turns in a circle, ends here: the resolver goes on by itself, or gives up.
    if (zone === undefined || seen.has(name)) return { rcode: 'NOERROR', answers, authorities: [], placed }
    seen.add(name)
    const groups = zone.records.get(name)
    const group = groups?.get(query.type) ?? groups?.get('CNAME')
    if (group === undefined) {
      const own = name === zone.name ? apex(zone, query.type) : []
      if (own.length > 0) return { rcode: 'NOERROR', answers: [...answers, ...own], authorities: [], placed }
      return { rcode: zone.names.has(name) ? 'NOERROR' : 'NXDOMAIN', answers, authorities: [soa(zone, true)], placed }
    }
    placed ||= group[0]?.routing.policy === 'latency'
    const record = pick(group, (candidate) => isHealthy(candidate, health), { ...query, rttMs: data.rttMs })
    const values = valuesOf(record, data, query.serial)
    // An alias of type AAAA to a balancer that has no IPv6 address has no data.
    if (values.length === 0) return { rcode: 'NOERROR', answers, authorities: [soa(zone, true)], placed }
    answers.push(...values.map((value) => ({ name: owner, type: record.type, ttlS: record.ttlS, data: value })))
    const [target] = values
    if (record.type !== 'CNAME' || query.type === 'CNAME' || target === undefined)
      return { rcode: 'NOERROR', answers, authorities: [], placed }
    owner = target
  }
}

function zoneOf(data: ZoneData, name: string): Zone | undefined {
  const zoneName = zoneNameOf(
    name,
    data.zones.map((zone) => zone.name),
  )
  return data.zones.find((zone) => zone.name === zoneName)
}

function valuesOf({ target, type }: ZoneRecord, data: ZoneData, serial: number): string[] {
  if ('alternating' in target) return target.alternating[serial % target.alternating.length] ?? []
  if ('values' in target) return target.values
  const addresses = data.balancerAddresses[target.loadBalancer] ?? []
  return addresses.filter((address) => address.includes(':') === (type === 'AAAA'))
}

const NAME_SERVERS = ['ns-1.fabric.invalid', 'ns-2.fabric.invalid']

/** What every zone has at its apex without a record in a template. */
function apex(zone: Zone, type: string): DnsRecord[] {
  if (type === 'SOA') return [soa(zone, false)]
  if (type === 'NS') return NAME_SERVERS.map((data) => ({ name: zone.name, type, ttlS: zone.nsTtlS, data }))
  return []
}

/** In a negative answer the TTL is the smaller of the record's and of `minimum` (RFC 2308, section 3). Values are Route 53's own. */
function soa(zone: Zone, negative: boolean): DnsRecord {
  const minimum = 86_400
  return {
    name: zone.name,
    type: 'SOA',
    ttlS: negative ? Math.min(zone.soaTtlS, minimum) : zone.soaTtlS,
    data: {
      mname: NAME_SERVERS[0] as string,
      rname: `hostmaster.${zone.name}`,
      serial: 1,
      refresh: 7200,
      retry: 900,
      expire: 1_209_600,
      minimum,
    },
  }
}
