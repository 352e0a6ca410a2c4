import { randomUUID } from 'node:crypto'
import type { publicNames } from '../../../config/names.ts'
import { newSessionId } from '../../identity/session-id.ts'
import type { Signer } from '../../model/ports.ts'
import { GLOBAL_ZONE, type Tenant } from '../../model/zones.ts'

/** Claims of an access token, as the gateways check them (RFC 9068, and contracts of this project). */
export interface TokenClaims {
  iss: string
  aud: string
  agent_id: string
  tenant: string
  zone: string
  jti: string
  /** The session that the calls' chain belongs to. */
  sid: string
  iat: number
  exp: number
}

export const TOKEN_LIFETIME_S = 3600

/**
 * What a demo token of an agent says: issued by a region's token key, for the tenant's zone, or for the global name where
 * nothing binds the tenant.
 * @param issuerRegion default: the tenant's home region
 */
export function demoClaims(
  { agentId, tenant, issuerRegion, nowMs }: { agentId: string; tenant: Tenant; issuerRegion: string; nowMs: number },
  names: ReturnType<typeof publicNames>,
): TokenClaims {
  const iat = Math.floor(nowMs / 1000)
  return {
    iss: names.regionUrl(issuerRegion),
    aud: tenant.binding === 'none' ? names.globalUrl : names.zoneUrl(tenant.zone),
    agent_id: agentId,
    tenant: tenant.id,
    zone: tenant.binding === 'none' ? GLOBAL_ZONE : tenant.zone,
    jti: randomUUID(),
    sid: newSessionId(nowMs),
    iat,
    exp: iat + TOKEN_LIFETIME_S,
  }
}

/** A compact JWS of type `at+jwt`, ES256 (RFC 9068, section 2.1). The signer's `keyId` becomes the `kid`. */
export async function signToken(claims: TokenClaims, signer: Signer): Promise<string> {
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const signed = `${encode({ alg: 'ES256', typ: 'at+jwt', kid: signer.keyId })}.${encode(claims)}`
  return `${signed}.${Buffer.from(await signer.sign(Buffer.from(signed))).toString('base64url')}`
}
