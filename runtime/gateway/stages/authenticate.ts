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
  { kills, homes }: Pick<Services, 'kills' | 'homes'>,
): Promise<Principal> {
  const [, scheme = '', token] = AUTHORIZATION.exec(authorization ?? '') ?? []
  if (token === undefined) throw new AegisError('invalid_token', 'there is no bearer token')
  const principal = await verifier.verify(token, trusted, { ...proof, scheme: scheme.toLowerCase() === 'dpop' ? 'dpop' : 'bearer' })
  if (kills.revoked(principal.keyId, principal.tokenId)) throw new AegisError('invalid_token', 'the token or its key is revoked')
  const tenant = trusted.tenants.get(principal.tenant)
  if (tenant === undefined) throw new AegisError('invalid_token', 'the tenant is unknown')
  const served = homes.mayServe(tenant)
  if (!served.ok) throw new AegisError('home_region_unavailable', served.why, served.region === null ? {} : { region: served.region })
  return principal
}
