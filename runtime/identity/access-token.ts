import { randomUUID } from 'node:crypto'
import type { Signer } from '../model/ports.ts'
import type { Tenant } from '../model/zones.ts'
import { signCompact } from '../policy/jws.ts'
import { newSessionId } from './session-id.ts'

/** Longest life of an access token, in seconds. A stolen one that is bound to nothing is worth something that long. */
export const ACCESS_TOKEN_LIFETIME_MAX_S = 600

/** Claims of an access token, as the gateways check them (RFC 9068, section 2.2). */
export interface AccessTokenClaims {
  iss: string
  aud: string
  sub: string
  client_id: string
  agent_id: string
  tenant: string
  zone: string
  jti: string
  /** The session that the calls' chain belongs to. */
  sid: string
  /** Seconds since the epoch. */
  iat: number
  exp: number
  /** What the sender has to prove (RFC 7800). */
  cnf?: { jkt?: string; 'x5t#S256'?: string }
}

export interface AccessTokenOrder {
  /** URL of the region that issues it. */
  iss: string
  agent: string
  tenant: Tenant
  /** A chain session to go on with; default: a new one. */
  session?: string | undefined
  /** RFC 7638 thumbprint of the DPoP key. */
  jkt?: string | undefined
  /** `x5t#S256` of the client certificate. */
  certificate?: string | undefined
  nowMs: number
  /** Seconds. */
  lifetimeS: number
}

/** @param urls audiences: the tenant's zone decides which one its tokens are for, and no caller does */
export function accessTokenClaims(order: AccessTokenOrder, urls: { zoneUrl: string; globalUrl: string }): AccessTokenClaims {
  const { iss, agent, tenant, session, jkt, certificate, nowMs, lifetimeS } = order
  const iat = Math.floor(nowMs / 1000)
  const cnf = { ...(jkt !== undefined && { jkt }), ...(certificate !== undefined && { 'x5t#S256': certificate }) }
  return {
    iss,
    aud: audienceOf(tenant, urls),
    sub: agent,
    client_id: agent,
    agent_id: agent,
    tenant: tenant.id,
    zone: tenant.zone,
    jti: randomUUID(),
    sid: session ?? newSessionId(nowMs),
    iat,
    exp: iat + lifetimeS,
    ...(Object.keys(cnf).length > 0 && { cnf }),
  }
}

export function audienceOf(tenant: Tenant, { zoneUrl, globalUrl }: { zoneUrl: string; globalUrl: string }): string {
  return tenant.binding === 'none' ? globalUrl : zoneUrl
}

/** A compact JWS of type `at+jwt`, ES256 (RFC 9068, section 2.1). */
export function signAccessToken(claims: AccessTokenClaims, signer: Signer): Promise<string> {
  return signCompact(claims, signer, 'at+jwt')
}
