import type { Tenant } from '../../model/zones.ts'
import type { ActivePolicy, ActiveTool, Endpoint } from '../active-policy.ts'
import type { Place } from '../services.ts'
import type { EnrichedCall } from './enrich.ts'

/** Where a call would go, before any name is resolved. */
export interface Aim {
  endpoint: Endpoint
  /** Zone of the destination; null lies outside every zone. */
  zone: string | null
  /** The destination is not in the zone that the tenant's data stays in. */
  leavesZone: boolean
}

/** The tool's endpoint in this region, else in another region of the tenant's zone, else the first anywhere; or where the arguments say. */
export function aimOf({ registered, tenant, destination }: EnrichedCall, active: ActivePolicy, place: Place): Aim | undefined {
  if (destination !== undefined) {
    if (!destination.ok) return undefined
    const { url, host, zone } = destination.destination
    const region = zone === null ? place.region : (active.zones[zone]?.[0] ?? place.region)
    return aimed({ region, url: url.href, host: { name: host } }, zone, tenant)
  }
  const endpoint = registered === undefined ? undefined : chooseEndpoint(registered.tool, tenant, active, place)
  return endpoint === undefined ? undefined : aimed(endpoint, active.zoneOfRegion.get(endpoint.region) ?? null, tenant)
}

function chooseEndpoint(tool: ActiveTool, tenant: Tenant, active: ActivePolicy, place: Place): Endpoint | undefined {
  const here = tool.endpoints.get(place.region)
  if (here !== undefined) return here
  const zone = tenant.binding === 'none' ? place.zone : tenant.zone
  const region = active.zones[zone]?.find((candidate) => tool.endpoints.has(candidate)) ?? tool.endpoints.keys().next().value
  return region === undefined ? undefined : tool.endpoints.get(region)
}

function aimed(endpoint: Endpoint, zone: string | null, { binding, zone: own }: Tenant): Aim {
  return { endpoint, zone, leavesZone: binding !== 'none' && zone !== own }
}
