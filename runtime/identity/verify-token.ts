import { hash } from 'node:crypto'
import { errors, importJWK, type JWK, jwtVerify } from 'jose'
import { z } from 'zod'
import type { Principal } from '../model/call.ts'
import { AegisError } from '../model/codes.ts'
import type { Clock } from '../model/ports.ts'
import { GLOBAL_ZONE, type Tenant } from '../model/zones.ts'
import { base64url } from '../policy/trust.ts'
import { claimText } from './claim-text.ts'
import { decodeJsonPart, splitCompactJws } from './compact-jws.ts'
import { type DpopVerifier, dpopVerifier } from './dpop.ts'

/** A region's token service, as the signed directory names it. */
export interface Issuer {
  iss: string
  region: string
  zone: string
  keys: readonly JWK[]
}

/** The part of a directory that tokens are judged by. */
export interface TrustedIssuers {
  issuers: ReadonlyMap<string, Issuer>
  tenants: ReadonlyMap<string, Tenant>
}

/** How the caller shows that the token is its own. A token that is bound to a key or certificate is worth nothing without it. */
export interface SenderProof {
  /** Authentication scheme that the token came under (RFC 6750; RFC 9449, section 7.1). */
  scheme: 'bearer' | 'dpop'
  /** The DPoP header. */
  dpop?: string
  method: string
  /** The path that was called, or its public URL: the path is compared with this gateway's own names, never with a Host header. */
  url: string
  /** `x5t#S256` of the client certificate, from a load balancer that is believed. */
  certificate?: string
}

export interface TokenVerifierOptions {
  zone: string
  /** The region's own public URL: DPoP proofs name it, the zone's or the global one. */
  regionUrl: string
  /** Audience of zone tokens. */
  zoneUrl: string
  /** Audience of tokens of tenants with binding none. */
  globalUrl: string
  clock: Clock
  /** Most verified tokens that are remembered. */
  cacheSize?: number
}

export interface TokenVerifier {
  /**
   * Checks in this order: issuer and signature, tenant, audience, zone, then that the sender is the one that the token is bound to.
   * @throws AegisError invalid_token, wrong_audience or wrong_zone; overloaded when a proof cannot be remembered
   */
  verify(token: string, trusted: TrustedIssuers, proof: SenderProof): Principal | Promise<Principal>
}

const CLOCK_SKEW_S = 30
const MAX_TOKEN_CHARS = 4096

const claimsSchema = z.object({
  iss: claimText,
  aud: claimText,
  agent_id: claimText,
  tenant: claimText,
  zone: claimText,
  jti: claimText,
  exp: z.int(),
  iat: z.int().optional(),
  sid: claimText.optional(),
  // Closed, and never empty: a way of binding that is not known here would make a bound token a bearer token (RFC 7800, section 3.1).
  cnf: z
    .strictObject({ jkt: base64url.optional(), 'x5t#S256': base64url.optional() })
    .refine((cnf) => Object.keys(cnf).length > 0, 'is bound to nothing')
    .optional(),
})
type Claims = z.infer<typeof claimsSchema>

/** What a signature proves, which holds for every use of a token. Who uses it is proven each time. */
interface Verified {
  principal: Principal
  boundTo: NonNullable<Claims['cnf']>
}

export function tokenVerifier(options: TokenVerifierOptions): TokenVerifier {
  const { clock, regionUrl, zoneUrl, globalUrl, cacheSize = 10_000 } = options
  const dpop = dpopVerifier({ baseUrls: [regionUrl, zoneUrl, globalUrl], clock })
  // A verified token costs 2 us the second time instead of 100. A new directory forgets all: it may have removed a key.
  let verified = new Map<string, Verified>()
  let verifiedUnder: TrustedIssuers | undefined

  const verifyFirst = async (token: string, key: string, trusted: TrustedIssuers): Promise<Verified> => {
    const { claims, keyId } = await verifiedClaims(token, trusted, clock)
    const found = { principal: principalOf(claims, keyId, trusted, options), boundTo: claims.cnf ?? {} }
    if (verifiedUnder === trusted) {
      if (verified.size >= cacheSize) verified.delete(verified.keys().next().value ?? '')
      verified.set(key, found)
    }
    return found
  }
  const proven = ({ principal, boundTo }: Verified, token: string, proof: SenderProof): Principal => {
    checkSender(boundTo, token, proof, dpop)
    return principal
  }

  return {
    verify(token, trusted, proof) {
      if (token.length > MAX_TOKEN_CHARS) throw new AegisError('invalid_token')
      if (verifiedUnder !== trusted) {
        verified = new Map()
        verifiedUnder = trusted
      }
      const key = hash('sha256', token, 'base64')
      const known = verified.get(key)
      if (known === undefined) return verifyFirst(token, key, trusted).then((found) => proven(found, token, proof))
      if (known.principal.expiresAt + CLOCK_SKEW_S <= clock.now() / 1000) {
        verified.delete(key)
        throw new AegisError('invalid_token', 'the token has expired')
      }
      return proven(known, token, proof)
    },
  }
}

/** A stolen token stays worthless: not under the plain scheme, not without the key, not without the certificate (RFC 9449, RFC 8705). */
function checkSender(boundTo: Verified['boundTo'], token: string, proof: SenderProof, dpop: DpopVerifier): void {
  const { jkt, 'x5t#S256': thumbprint } = boundTo
  if ((jkt !== undefined) !== (proof.scheme === 'dpop'))
    throw new AegisError('invalid_token', 'the scheme DPoP is for tokens that are bound to a key, and for no other')
  if (thumbprint !== undefined && thumbprint !== proof.certificate)
    throw new AegisError('invalid_token', 'the token is bound to another client certificate')
  if (jkt === undefined) return
  if (proof.dpop === undefined) throw new AegisError('invalid_token', 'the DPoP proof is missing')
  dpop.verify(proof.dpop, { method: proof.method, url: proof.url, accessToken: token, jkt })
}

// No `jwk`, `jku`, `x5u`, `crit` or `b64`: a header never says which key to trust or how.
const headerSchema = z.strictObject({ alg: z.string(), typ: z.string().optional(), kid: z.string() })
/** To find the key that must prove what the token says. */
const unverifiedSchema = z.object({ iss: z.string() })

async function verifiedClaims(token: string, trusted: TrustedIssuers, clock: Clock): Promise<{ claims: Claims; keyId: string }> {
  const parts = splitCompactJws(token)
  if (parts === undefined) throw new AegisError('invalid_token')
  try {
    const { kid: keyId } = headerSchema.parse(decodeJsonPart(parts.header))
    const key = keyOf(unverifiedSchema.parse(decodeJsonPart(parts.payload)).iss, keyId, trusted)
    const { payload } = await jwtVerify(token, await importJWK(key, 'ES256'), {
      algorithms: ['ES256'],
      typ: 'at+jwt',
      clockTolerance: CLOCK_SKEW_S,
      currentDate: new Date(clock.now()),
    })
    const claims = claimsSchema.parse(payload)
    if (claims.iat !== undefined && claims.iat > clock.now() / 1000 + CLOCK_SKEW_S)
      throw new AegisError('invalid_token', 'the token was issued in the future')
    return { claims, keyId }
  } catch (error) {
    if (error instanceof AegisError) throw error
    throw new AegisError('invalid_token', error instanceof errors.JWTExpired ? 'the token has expired' : undefined, { cause: error })
  }
}

function keyOf(iss: string, kid: string, trusted: TrustedIssuers): JWK {
  const key = trusted.issuers.get(iss)?.keys.find((candidate) => candidate.kid === kid)
  if (key === undefined || key.kty !== 'EC' || key.crv !== 'P-256') throw new AegisError('invalid_token')
  return key
}

function principalOf(claims: Claims, keyId: string, trusted: TrustedIssuers, options: TokenVerifierOptions): Principal {
  const { zone, zoneUrl, globalUrl } = options
  const { zone: issuerZone, region: issuerRegion = '' } = trusted.issuers.get(claims.iss) ?? {}
  const tenant = trusted.tenants.get(claims.tenant)
  if (tenant === undefined) {
    // The directory lists this zone's tenants and the unbound ones. What another zone's issuer says of another zone's
    // tenant is in order, but not here.
    if (claims.aud === globalUrl) throw new AegisError('wrong_audience', 'the global audience is for tenants with binding none')
    if (claims.zone === issuerZone && claims.zone !== zone) throw new AegisError('wrong_zone')
    throw new AegisError('invalid_token', 'the tenant is unknown')
  }
  if (tenant.binding === 'none') {
    if (claims.aud !== globalUrl) throw new AegisError('wrong_audience', 'tenants with binding none use the global audience')
    if (claims.zone !== GLOBAL_ZONE) throw new AegisError('wrong_zone')
  } else {
    // Foreign issuers can never assert a resident tenant.
    if (issuerZone !== tenant.zone) throw new AegisError('invalid_token', 'the issuer may not assert this tenant')
    if (claims.aud !== zoneUrl) throw new AegisError('wrong_audience')
    if (claims.zone !== tenant.zone || tenant.zone !== zone) throw new AegisError('wrong_zone')
  }
  return {
    agentId: claims.agent_id,
    tenant: tenant.id,
    zone: claims.zone,
    binding: tenant.binding,
    tokenId: claims.jti,
    issuerRegion,
    keyId,
    expiresAt: claims.exp,
    ...(claims.sid !== undefined && { session: claims.sid }),
  }
}
