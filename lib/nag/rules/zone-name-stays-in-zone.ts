import type { Layout } from '../layout.ts'
import { addressRecordsOf, type DnsRecord } from '../records.ts'
import { foreignRegions, regionsIn } from '../regions.ts'
import type { Resource } from '../resource.ts'
import type { Rule } from '../rule.ts'

export const zoneNameStaysInZone: Rule = {
  id: 'ZoneNameStaysInZone',
  info: 'The name of a zone or region has an answer outside it.',
  explanation:
    "Tenants of a zone use its name because it leads nowhere else, whatever the resolver, latency or health. Its answers are the regional names of its own regions, and a regional name is an alias of that region's load balancer.",
  check(resource, layout) {
    return addressRecordsOf(resource).flatMap((record) => {
      if (record.name.includes('<')) return [`Name::${record.name}`]
      const regions = regionsBehind(record.name, layout)
      return regions === undefined ? [] : outside(record, regions, resource, layout).map((answer) => `${record.name}::${answer}`)
    })
  },
}

/** Regions that a name may lead to: one for a regional name, its own for a zone's, none for a wildcard over both. Undefined: not our concern. */
function regionsBehind(name: string, { domain, zones, regions }: Layout): readonly string[] | undefined {
  if (name === `*.${domain}`) return []
  const under = (label: string) => name === `${label}.${domain}` || name.endsWith(`.${label}.${domain}`)
  const region = regions.find(under)
  return region === undefined ? [...zones].find(([zone]) => under(zone))?.[1] : [region]
}

/** A load balancer of the record's own stack, as an alias names it. */
const OWN_LOAD_BALANCER = /^(dualstack\.)?<AWS::ElasticLoadBalancingV2::LoadBalancer>$/

function outside(record: DnsRecord, regions: readonly string[], { place }: Resource, { domain }: Layout): string[] {
  const names = regions.map((region) => `${region}.${domain}`)
  const inside = (answer: string) =>
    names.includes(answer) ||
    (record.alias && OWN_LOAD_BALANCER.test(answer) && regions.includes(place.region ?? '')) ||
    // A load balancer by its literal name has its region in it.
    (answer.endsWith('.amazonaws.com') && regionsIn(answer).length === 1 && regions.includes(regionsIn(answer)[0] ?? ''))
  const latency = foreignRegions(record.latencyRegion, { ...place, region: undefined }).filter((region) => !regions.includes(region))
  return [...record.answers.filter((answer) => !inside(answer)), ...latency]
}
