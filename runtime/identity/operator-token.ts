import { createPublicKey, type KeyObject } from 'node:crypto'
import { z } from 'zod'
import { AegisError } from '../model/codes.ts'
import type { Clock } from '../model/ports.ts'
import { verifyCompact } from '../policy/jws.ts'
import { claimText } from './claim-text.ts'

export const OPERATOR_ROLES = ['approver', 'dpo', 'viewer', 'author', 'publisher', 'killer', 'failover'] as const
export type OperatorRole = (typeof OPERATOR_ROLES)[number]

/** A person who operates, from a verified token. `iss` and `sub` together name the person. */
export interface Operator {
  iss: string
  sub: string
  /** Tenants whose objects exist for this person; `*` is all of them. */
  tenants: readonly string[]
  roles: readonly OperatorRole[]
}

export interface OperatorVerifier {
  /**
   * @param authorization the request's header
   * @throws AegisError invalid_token, also while the issuer's keys are not known
   */
  verify(authorization: string | undefined): Promise<Operator>
}

export interface OperatorVerifierOptions {
  /** OpenID provider. */
  issuer: string
  audience: string
  /** Fetches a JSON document. Rejects when there is none. */
  fetchJson: (url: string) => Promise<unknown>
  clock: Clock
}

/** May this person see and decide what belongs to the tenant? */
export function operates({ tenants }: Operator, tenant: string): boolean {
  return tenants.includes('*') || tenants.includes(tenant)
}

/** Verifies operators' tokens: JWT of one OpenID provider, ES256, for at most a day. */
export function operatorVerifier({ issuer, audience, fetchJson, clock }: OperatorVerifierOptions): OperatorVerifier {
  const keys = issuerKeys({ issuer, fetchJson, clock })
  return {
    async verify(authorization) {
      const token = /^Bearer ([\w-]+\.[\w-]+\.[\w-]+)$/i.exec(authorization ?? '')?.[1]
      if (token === undefined || token.length > TOKEN_CHARACTERS_MAX) throw new AegisError('invalid_token')
      const kid = unverifiedKid(token)
      const key = kid === undefined ? undefined : await keys.find(kid)
      if (key === undefined) throw new AegisError('invalid_token', 'the token is signed by a key that the issuer does not publish')
      const claims = readClaims(token, { key: (named) => (named === kid ? key : undefined) })
      checkClaims(claims, issuer, audience, clock.now() / 1000)
      const held = new Set(claims.roles)
      return { iss: claims.iss, sub: claims.sub, tenants: claims.tenants, roles: OPERATOR_ROLES.filter((role) => held.has(role)) }
    },
  }
}

const TOKEN_CHARACTERS_MAX = 8192
const CLOCK_SKEW_S = 30
const LIFE_MAX_S = 24 * 3600

/** Other claims of the provider are none of ours; other roles of it neither. */
const claimsSchema = z.object({
  iss: claimText,
  aud: z.union([claimText, z.array(claimText).min(1).max(16)]),
  sub: claimText,
  exp: z.int(),
  iat: z.int(),
  nbf: z.int().optional(),
  tenants: z.array(claimText).max(256),
  roles: z.array(claimText).max(64),
})
type Claims = z.output<typeof claimsSchema>

function readClaims(token: string, trust: { key(kid: string): KeyObject | undefined }): Claims {
  try {
    return claimsSchema.parse(verifyCompact(token, trust))
  } catch (cause) {
    throw new AegisError('invalid_token', undefined, { cause })
  }
}

function checkClaims({ iss, aud, exp, iat, nbf }: Claims, issuer: string, audience: string, nowS: number): void {
  if (iss !== issuer) throw new AegisError('invalid_token', 'the token is of another issuer')
  if (aud !== audience && !(Array.isArray(aud) && aud.includes(audience)))
    throw new AegisError('invalid_token', 'the token is for another audience')
  if (nowS >= exp + CLOCK_SKEW_S) throw new AegisError('invalid_token', 'the token has expired')
  if (Math.max(iat, nbf ?? 0) > nowS + CLOCK_SKEW_S) throw new AegisError('invalid_token', 'the token is not valid yet')
  if (exp - iat > LIFE_MAX_S) throw new AegisError('invalid_token', 'the token lives longer than a day')
}

/** Names the key that has to prove the token, and nothing else. */
function unverifiedKid(token: string): string | undefined {
  try {
    const { kid } = JSON.parse(Buffer.from(token.split('.', 1)[0] ?? '', 'base64url').toString())
    return typeof kid === 'string' ? kid : undefined
  } catch {
    return undefined
  }
}

/** A key that is not known is asked for, but no stranger makes us ask more often than this. */
const COOLDOWN_MS = 30_000
/** The same while no key is known at all: nobody could operate, and the issuer may just be starting. */
const STARTING_COOLDOWN_MS = 1000
/** A key that the issuer took back is gone after this. */
const FRESH_MS = 300_000
/** The last good set serves this long while the issuer is away. */
const KEPT_MS = 24 * 3_600_000

const discoverySchema = z.object({ issuer: z.string(), jwks_uri: z.url({ protocol: /^https?$/ }) })
const jwksSchema = z.object({ keys: z.array(z.looseObject({})).max(64) })
const signingKey = z.object({
  kty: z.literal('EC'),
  crv: z.literal('P-256'),
  x: z.string(),
  y: z.string(),
  kid: z.string().min(1),
  alg: z.literal('ES256').optional(),
  use: z.literal('sig').optional(),
})

/** The issuer's keys by OpenID Connect Discovery 1.0, section 4. */
function issuerKeys({ issuer, fetchJson, clock }: Omit<OperatorVerifierOptions, 'audience'>) {
  let known = new Map<string, KeyObject>()
  let readAtMs = Number.NEGATIVE_INFINITY
  let askedAtMs = Number.NEGATIVE_INFINITY
  let underway: Promise<void> | undefined

  const read = async () => {
    const discovered = discoverySchema.parse(await fetchJson(`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`))
    if (discovered.issuer !== issuer) throw new Error('the discovery document is of another issuer')
    if (issuer.startsWith('https:') && !discovered.jwks_uri.startsWith('https:'))
      throw new Error('the keys of an https issuer stand at an http address')
    known = keysOf(jwksSchema.parse(await fetchJson(discovered.jwks_uri)).keys)
    readAtMs = clock.monotonic()
  }
  const refresh = () => {
    const cooldownMs = known.size === 0 ? STARTING_COOLDOWN_MS : COOLDOWN_MS
    if (underway === undefined && clock.monotonic() - askedAtMs >= cooldownMs) {
      askedAtMs = clock.monotonic()
      // A failure changes nothing: the last good set serves on, until it is too old.
      underway = read()
        .catch(() => {})
        .finally(() => {
          underway = undefined
        })
    }
    return underway
  }

  return {
    async find(kid: string): Promise<KeyObject | undefined> {
      const ageMs = clock.monotonic() - readAtMs
      if (ageMs > FRESH_MS) {
        const asked = refresh()
        if (ageMs > KEPT_MS) await asked
      }
      if (!known.has(kid)) await refresh()
      return clock.monotonic() - readAtMs > KEPT_MS ? undefined : known.get(kid)
    },
  }
}

function keysOf(published: readonly unknown[]): Map<string, KeyObject> {
  const keys = new Map<string, KeyObject>()
  for (const entry of published) {
    // Providers publish keys of other kinds beside ours: those are passed over, as are points that are not on the curve.
    const parsed = signingKey.safeParse(entry)
    if (!parsed.success) continue
    const { kty, crv, x, y, kid } = parsed.data
    try {
      keys.set(kid, createPublicKey({ key: { kty, crv, x, y }, format: 'jwk' }))
    } catch {}
  }
  return keys
}
