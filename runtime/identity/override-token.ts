import { createPublicKey } from 'node:crypto'
import type { JWK } from 'jose'
import { z } from 'zod'
import type { Signer } from '../model/ports.ts'
import { signCompact, verifyCompact } from '../policy/jws.ts'

/** Proof that people agreed to one exact call: what the agent shows when it makes the call again. */
export interface OverrideClaims {
  /** Id of the approval, and of the token: it is used once. */
  id: string
  tenant: string
  agent: string
  /** Digest of the exact call. */
  digest: string
  policyVersion: string
  region: string
  rules: readonly string[]
  /** Roles that stand behind it. */
  roles: readonly string[]
  approvers: readonly { sub: string; atMs: number }[]
  /** SHA-256 of the attestation that belongs to it, lower-case hex; null without one. */
  attestationDigest: string | null
  notBeforeMs: number
  expiresAtMs: number
}

/** Longest life of an override token, whatever the approval says. */
export const OVERRIDE_TTL_MAX_S = 300
const TYP = 'aegis-override+jwt'
const CLOCK_SKEW_S = 30
const TOKEN_CHARACTERS_MAX = 8192

/** A token that proves nothing here. The message says why and repeats nothing of the token. */
export class OverrideRefused extends Error {
  override name = 'OverrideRefused'
}

/**
 * @param region URL of the region: issuer and audience, because a token is used only where it was made
 * @returns a compact JWS, ES256, `typ` aegis-override+jwt. Times are cut to whole seconds, so that it never lives longer than said
 */
export function signOverrideToken(claims: OverrideClaims, signer: Signer, regionUrl: string): Promise<string> {
  const payload: Payload = {
    iss: regionUrl,
    aud: regionUrl,
    sub: claims.agent,
    jti: claims.id,
    act: claims.digest,
    pol: claims.policyVersion,
    region: claims.region,
    tenant: claims.tenant,
    rules: [...claims.rules],
    roles: [...claims.roles],
    approvers: claims.approvers.map(({ sub, atMs }) => ({ sub, at: seconds(atMs) })),
    ...(claims.attestationDigest !== null && { att: claims.attestationDigest }),
    nbf: seconds(claims.notBeforeMs),
    exp: seconds(claims.expiresAtMs),
  }
  return signCompact(payloadSchema.parse(payload), signer, TYP)
}

export interface ExpectedOverride {
  /** The regional approval key, with its `kid`: no other key is looked for. */
  key: JWK
  region: string
  regionUrl: string
  nowMs: number
}

/**
 * Checks signature, form, region and time of a token. What it is for is compared by those who know the call.
 * @throws OverrideRefused
 */
export function verifyOverrideToken(token: string, { key, region, regionUrl, nowMs }: ExpectedOverride): OverrideClaims {
  const payload = readPayload(token, key)
  if (payload.iss !== regionUrl || payload.aud !== regionUrl || payload.region !== region)
    throw new OverrideRefused('it is of another region')
  const nowS = nowMs / 1000
  if (nowS >= payload.exp) throw new OverrideRefused('it has expired')
  if (nowS < payload.nbf - CLOCK_SKEW_S) throw new OverrideRefused('it is not valid yet')
  if (payload.exp - payload.nbf > OVERRIDE_TTL_MAX_S) throw new OverrideRefused('it lives longer than such a token may')
  return {
    id: payload.jti,
    tenant: payload.tenant,
    agent: payload.sub,
    digest: payload.act,
    policyVersion: payload.pol,
    region: payload.region,
    rules: payload.rules,
    roles: payload.roles,
    approvers: payload.approvers.map(({ sub, at }) => ({ sub, atMs: at * 1000 })),
    attestationDigest: payload.att ?? null,
    notBeforeMs: payload.nbf * 1000,
    expiresAtMs: payload.exp * 1000,
  }
}

/** The region that a token says it is of: believed for nothing but telling its bearer where to go. */
export function unverifiedRegion(token: string): string | undefined {
  if (token.length > TOKEN_CHARACTERS_MAX) return undefined
  try {
    const claimed: unknown = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()).region
    return typeof claimed === 'string' ? claimed : undefined
  } catch {
    return undefined
  }
}

function readPayload(token: string, { kid, kty, crv, x, y }: JWK): Payload {
  if (token.length > TOKEN_CHARACTERS_MAX) throw new OverrideRefused('it is too long')
  const trust = { key: (named: string) => (named === kid ? createPublicKey({ key: { kty, crv, x, y }, format: 'jwk' }) : undefined) }
  let value: unknown
  try {
    value = verifyCompact(token, trust, TYP)
  } catch (error) {
    // The reader's own messages quote the token's header.
    throw new OverrideRefused('it is not signed by this region', { cause: error })
  }
  const parsed = payloadSchema.safeParse(value)
  if (!parsed.success) throw new OverrideRefused('it has not the expected claims', { cause: parsed.error })
  return parsed.data
}

const name = z.string().min(1).max(256)
const sha256 = z.string().regex(/^[0-9a-f]{64}$/)

const payloadSchema = z.strictObject({
  iss: name,
  aud: name,
  sub: name,
  jti: name,
  act: sha256,
  pol: name,
  region: name,
  tenant: name,
  rules: z.array(name).max(64),
  roles: z.array(name).min(1).max(16),
  approvers: z
    .array(z.strictObject({ sub: name, at: z.int().min(0) }))
    .min(1)
    .max(16),
  att: sha256.optional(),
  nbf: z.int().min(0),
  exp: z.int().min(0),
})
type Payload = z.output<typeof payloadSchema>

const seconds = (ms: number) => Math.floor(ms / 1000)
