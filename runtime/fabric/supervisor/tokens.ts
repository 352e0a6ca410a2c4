import type { publicNames } from '../../../config/names.ts'
import { type AccessTokenClaims, accessTokenClaims } from '../../identity/access-token.ts'
import type { Tenant } from '../../model/zones.ts'

/** Longer than a token service gives, so that a demo can be played with for a while. */
export const TOKEN_LIFETIME_S = 3600

/**
 * What a demo token of an agent says: issued by a region's token key, for the tenant's zone, or for the global name where
 * nothing binds the tenant.
 * @param issuerRegion default: the tenant's home region
 */
export function demoClaims(
  { agentId, tenant, issuerRegion, nowMs }: { agentId: string; tenant: Tenant; issuerRegion: string; nowMs: number },
  names: ReturnType<typeof publicNames>,
): AccessTokenClaims {
  const order = { iss: names.regionUrl(issuerRegion), agent: agentId, tenant, nowMs, lifetimeS: TOKEN_LIFETIME_S }
  return accessTokenClaims(order, { zoneUrl: names.zoneUrl(tenant.zone), globalUrl: names.globalUrl })
}
