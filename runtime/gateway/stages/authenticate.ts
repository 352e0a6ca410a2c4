import type { SenderProof, TokenVerifier, TrustedIssuers } from '../../identity/verify-token.ts'
import type { Principal } from '../../model/call.ts'
import { AegisError } from '../../model/codes.ts'
import type { Services } from '../services.ts'

/** What a door took from the headers of a call: who says to call, and how they prove it. */
export interface Credentials extends Omit<SenderProof, 'scheme'> {
  /** The one Authorization header (RFC 6750, section 2.1; RFC 9449, section 7.1). */
  authorization: string | undefined
}

const AUTHORIZATION = /^(Bearer|DPoP) ([\w.~+/-]+=*)$/i

/**
 * From headers alone, before a byte of the body is read: who calls, and whether this region may serve its tenant. A call
 * at the wrong zone or region leaves nothing there.
 * @throws AegisError invalid_token, wrong_audience, wrong_zone or home_region_unavailable
 */
export async function authenticate(
  { authorization, ...proof }: Credentials,
  trusted: TrustedIssuers,
  verifier: TokenVerifier,
  services: Pick<Services, 'kills' | 'homes'>,
): Promise<Principal> {
  const [, scheme = '', token] = AUTHORIZATION.exec(authorization ?? '') ?? []
  if (token === undefined) throw new AegisError('invalid_token', 'there is no bearer token')
  const principal = await verifier.verify(token, trusted, { ...proof, scheme: scheme.toLowerCase() === 'dpop' ? 'dpop' : 'bearer' })
  refuseUnserved(principal, trusted, services)
  return principal
}

/**
 * Whether the token still counts, and this region may still serve its tenant. Lookups in memory: asked again once the body is there, because
 * its sender may take seconds, in which another region may have become the active one.
 * @throws AegisError invalid_token or home_region_unavailable
 */
export function refuseUnserved(
  principal: Principal,
  { tenants }: Pick<TrustedIssuers, 'tenants'>,
  { kills, homes }: Pick<Services, 'kills' | 'homes'>,
): void {
  if (kills.revoked(principal.keyId, principal.tokenId)) throw new AegisError('invalid_token', 'the token or its key is revoked')
  const tenant = tenants.get(principal.tenant)
  if (tenant === undefined) throw new AegisError('invalid_token', 'the tenant is unknown')
  const served = homes.mayServe(tenant)
  if (!served.ok) throw new AegisError('home_region_unavailable', served.why, served.region === null ? {} : { region: served.region })
}
