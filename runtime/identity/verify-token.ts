import { hash } from 'node:crypto'
import { decodeProtectedHeader, errors, importJWK, type JWK, jwtVerify } from 'jose'
import { z } from 'zod'
import type { Principal } from '../model/call.ts'
import { AegisError } from '../model/codes.ts'
import type { Clock } from '../model/ports.ts'
import { GLOBAL_ZONE, type Tenant } from '../model/zones.ts'

/** A region's token service, as the signed directory names it. */
export interface Issuer {
  iss: string
  zone: string
  keys: readonly JWK[]
}

/** The part of a directory that tokens are judged by. */
export interface TrustedIssuers {
  issuers: ReadonlyMap<string, Issuer>
  tenants: ReadonlyMap<string, Tenant>
}

export interface TokenVerifierOptions {
  zone: string
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
   * Checks in this order: issuer and signature, tenant, audience, zone.
   * @throws AegisError invalid_token, wrong_audience or wrong_zone
   */
  verify(token: string, trusted: TrustedIssuers): Principal | Promise<Principal>
}

const CLOCK_SKEW_S = 30
const MAX_TOKEN_CHARS = 4096
// jose also takes base64url with padding or spaces, which gives one signature many spellings (RFC 7515 has none of them).
const COMPACT_JWS = /^[\w-]+\.[\w-]+\.[\w-]+$/

// A lone surrogate has no UTF-8, so a record with one could not be hashed (RFC 8785).
const text = z
  .string()
  .min(1)
  .max(256)
  .refine((value) => value.isWellFormed(), 'is not well-formed Unicode')
const claimsSchema = z.object({
  iss: text,
  aud: text,
  agent_id: text,
  tenant: text,
  zone: text,
  jti: text,
  exp: z.int(),
  iat: z.int().optional(),
  sid: text.optional(),
  // Sender-constrained tokens are refused until their proof can be checked: ignoring `cnf` would make them bearer tokens.
  cnf: z.undefined().optional(),
})
type Claims = z.infer<typeof claimsSchema>

export function tokenVerifier(options: TokenVerifierOptions): TokenVerifier {
  const { clock, cacheSize = 10_000 } = options
  // A verified token costs 2 us the second time instead of 100. A new directory forgets all: it may have removed a key.
  let verified = new Map<string, Principal>()
  let verifiedUnder: TrustedIssuers | undefined

  const verifyFirst = async (token: string, key: string, trusted: TrustedIssuers) => {
    const claims = await verifiedClaims(token, trusted, clock)
    const principal = principalOf(claims, trusted, options)
    if (verifiedUnder === trusted) {
      if (verified.size >= cacheSize) verified.delete(verified.keys().next().value ?? '')
      verified.set(key, principal)
    }
    return principal
  }

  return {
    verify(token, trusted) {
      if (token.length > MAX_TOKEN_CHARS) throw new AegisError('invalid_token')
      if (verifiedUnder !== trusted) {
        verified = new Map()
        verifiedUnder = trusted
      }
      const key = hash('sha256', token, 'base64')
      const known = verified.get(key)
      if (known === undefined) {
        if (!COMPACT_JWS.test(token) || !isCanonical(token)) throw new AegisError('invalid_token')
        return verifyFirst(token, key, trusted)
      }
      if (known.expiresAt + CLOCK_SKEW_S <= clock.now() / 1000) {
        verified.delete(key)
        throw new AegisError('invalid_token', 'the token has expired')
      }
      return known
    },
  }
}

/** Unused bits of base64url's last character must be zero, or a signature has several spellings (RFC 4648, section 3.5). */
function isCanonical(token: string): boolean {
  return token.split('.').every((part) => Buffer.from(part, 'base64url').toString('base64url') === part)
}

async function verifiedClaims(token: string, trusted: TrustedIssuers, clock: Clock): Promise<Claims> {
  try {
    const header = decodeProtectedHeader(token)
    const unknown = Object.keys(header).find((name) => !['alg', 'typ', 'kid'].includes(name))
    if (unknown !== undefined) throw new AegisError('invalid_token', 'the token has a header parameter that is not accepted')
    const key = keyOf(unverifiedIssuer(token), header.kid, trusted)
    const { payload } = await jwtVerify(token, await importJWK(key, 'ES256'), {
      algorithms: ['ES256'],
      typ: 'at+jwt',
      clockTolerance: CLOCK_SKEW_S,
      currentDate: new Date(clock.now()),
    })
    const claims = claimsSchema.parse(payload)
    if (claims.iat !== undefined && claims.iat > clock.now() / 1000 + CLOCK_SKEW_S)
      throw new AegisError('invalid_token', 'the token was issued in the future')
    return claims
  } catch (error) {
    if (error instanceof AegisError) throw error
    throw new AegisError('invalid_token', error instanceof errors.JWTExpired ? 'the token has expired' : undefined, { cause: error })
  }
}

/** The issuer that the token claims, to find the key that must prove it. */
function unverifiedIssuer(token: string): unknown {
  return JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()).iss
}

function keyOf(iss: unknown, kid: unknown, trusted: TrustedIssuers): JWK {
  const issuer = typeof iss === 'string' ? trusted.issuers.get(iss) : undefined
  const key = issuer?.keys.find((candidate) => candidate.kid === kid)
  if (key === undefined || key.kty !== 'EC' || key.crv !== 'P-256') throw new AegisError('invalid_token')
  return key
}

function principalOf(claims: Claims, trusted: TrustedIssuers, { zone, zoneUrl, globalUrl }: TokenVerifierOptions): Principal {
  const issuerZone = trusted.issuers.get(claims.iss)?.zone
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
    expiresAt: claims.exp,
    ...(claims.sid !== undefined && { session: claims.sid }),
  }
}
