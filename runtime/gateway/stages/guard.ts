import ipaddr from 'ipaddr.js'
import type { Resolver } from '../../model/ports.ts'
import type { Outcome, Reason, Route } from '../../model/verdict.ts'
import type { Tenant } from '../../model/zones.ts'
import type { ActivePolicy, ActiveTool, Endpoint } from '../active-policy.ts'
import type { EnrichedCall } from './enrich.ts'
import type { Place } from './judge.ts'

export type Guarded = { refused: Reason } | { refused: undefined; route: Route | undefined }

/**
 * What no policy and no shadow mode can override. It judges what would be done now: an outcome that forwards nothing
 * needs no route. Its refusal is always a deny.
 */
export async function guard(
  enforced: Outcome,
  enriched: EnrichedCall,
  active: ActivePolicy,
  place: Place,
  resolver: Resolver,
): Promise<Guarded> {
  const { registered, tenant } = enriched
  if (registered === undefined) return refuse('unregistered_tool', 'the tool or action is not in the signed registry', 'guard.registry')
  if (enforced === 'deny' || enforced === 'approval_needed') return { refused: undefined, route: undefined }
  if (enforced === 'sanitize') return refuse('stage_error', 'the arguments could not be rewritten', 'guard.sanitize')
  if (registered.action.roles.url !== undefined)
    return refuse('egress_not_allowed', 'no destination of this action can be checked', 'guard.egress')

  const endpoint = chooseEndpoint(registered.tool, tenant, active, place)
  if (endpoint === undefined) return refuse('no_endpoint', 'the tool has no endpoint', 'guard.route')
  if (!mayReceive(tenant, active.zoneOfRegion.get(endpoint.region))) {
    return refuse('foreign_zone', "the tool has an endpoint only outside the tenant's zone", 'guard.residency')
  }
  return pin(endpoint, resolver)
}

/** The tool's endpoint in this region, else in another region of the tenant's zone, else the first anywhere. */
export function chooseEndpoint(tool: ActiveTool, tenant: Tenant, active: ActivePolicy, place: Place): Endpoint | undefined {
  const here = tool.endpoints.get(place.region)
  if (here !== undefined) return here
  const zone = tenant.binding === 'none' ? place.zone : tenant.zone
  const region = active.zones[zone]?.find((candidate) => tool.endpoints.has(candidate)) ?? tool.endpoints.keys().next().value
  return region === undefined ? undefined : tool.endpoints.get(region)
}

/** A bound tenant's call stays in its zone: nothing here can tell yet whether it carries personal data. */
function mayReceive(tenant: Tenant, zone: string | undefined): boolean {
  return zone !== undefined && (tenant.binding === 'none' || zone === tenant.zone)
}

/** One resolution, every address checked, and the connection pinned to them: a second answer can change nothing. */
async function pin({ region, url, host }: Endpoint, resolver: Resolver): Promise<Guarded> {
  let addresses: readonly string[]
  try {
    addresses = 'addresses' in host ? host.addresses : await resolver.resolve(host.name)
  } catch {
    addresses = []
  }
  if (addresses.length === 0) return refuse('unresolved_endpoint', 'the endpoint has no address', 'guard.address')
  if (!arePublic(addresses))
    return refuse('egress_private_address', 'the endpoint resolves to an address that is not public', 'guard.address')
  return { refused: undefined, route: { region, endpoint: url, addresses } }
}

// A resolver hands out the same list for as long as an answer lives, and the check is a tenth of a decision: once a list.
const judged = new WeakMap<readonly string[], boolean>()

function arePublic(addresses: readonly string[]): boolean {
  const known = judged.get(addresses)
  if (known !== undefined) return known
  const answer = addresses.every(isPublicAddress)
  judged.set(Object.freeze(addresses), answer)
  return answer
}

/** What IANA has opened of IPv6. Elsewhere are forms such as `::7f00:1`, which some systems read as 127.0.0.1. */
const GLOBAL_UNICAST_V6 = ipaddr.IPv6.parseCIDR('2000::/3')

/** True for a globally routable unicast address (IANA special-purpose registries, RFC 6890). */
export function isPublicAddress(text: string): boolean {
  if (!ipaddr.isValid(text)) return false
  const address = ipaddr.process(text)
  return address.range() === 'unicast' && (!(address instanceof ipaddr.IPv6) || address.match(GLOBAL_UNICAST_V6))
}

function refuse(code: Reason['code'], message: string, rule: string): Guarded {
  return { refused: { code, message, rule } }
}
