import type { TokenVerifier, TrustedIssuers } from '../../identity/verify-token.ts'
import type { Principal } from '../../model/call.ts'
import { AegisError } from '../../model/codes.ts'
import { activeRegionOf } from '../../model/zones.ts'

const BEARER = /^Bearer ([\w.~+/-]+=*)$/i

/**
 * From headers alone, before a byte of the body is read: who calls, and whether this region may serve its tenant. A call
 * at the wrong zone or region leaves nothing there.
 * @param authorization the one Authorization header (RFC 6750, section 2.1)
 * @throws AegisError invalid_token, wrong_audience, wrong_zone or home_region_unavailable
 */
export async function authenticate(
  authorization: string | undefined,
  trusted: TrustedIssuers,
  verifier: TokenVerifier,
  region: string,
): Promise<Principal> {
  const token = BEARER.exec(authorization ?? '')?.[1]
  if (token === undefined) throw new AegisError('invalid_token', 'there is no bearer token')
  const principal = await verifier.verify(token, trusted)
  const tenant = trusted.tenants.get(principal.tenant)
  const activeRegion = tenant === undefined ? null : activeRegionOf(tenant)
  if (activeRegion !== null && activeRegion !== region)
    throw new AegisError('home_region_unavailable', `this tenant is served by ${activeRegion} alone`)
  return principal
}
