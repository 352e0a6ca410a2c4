import { createPublicKey, type KeyObject } from 'node:crypto'
import { z } from 'zod'

/** The control plane's public keys, current and next, pinned in the gateway's task definition. */
export interface TrustRoot {
  /** The P-256 public key of this id, or undefined: an unknown signer is never fetched. */
  key(kid: string): KeyObject | undefined
}

/** Why a bundle or directory is not activated. */
export type TrustFault =
  | 'malformed'
  | 'too_large'
  | 'unsigned'
  | 'unknown_key'
  | 'bad_signature'
  | 'altered'
  | 'wrong_zone'
  | 'not_yet_valid'
  | 'expired'
  | 'rolled_back'
  | 'foreign_tenant'

/** Raised by `verifyBundle`, `verifyDirectory` and `checkTenantsOf`: what is active stays active. */
export class TrustError extends Error {
  override name = 'TrustError'
  readonly code: TrustFault
  constructor(code: TrustFault, detail: string, options?: ErrorOptions) {
    super(detail, options)
    this.code = code
  }
}

/** What a bundle or directory is checked against. */
export interface Expected {
  trust: TrustRoot
  zone: string
  /** Milliseconds since the epoch. */
  nowMs: number
  /** The highest `seq` seen in the region, 0 when there was none. The same one may be activated again, a lower one never. */
  minSeq: number
}

export const base64url = z.string().regex(/^[A-Za-z0-9_-]{43}$/, 'must be 32 bytes in base64url')

/** A P-256 public key (RFC 7518, section 6.2.1). Closed: a private key's `d` in a public document is refused. */
export const publicJwk = z.strictObject({
  kty: z.literal('EC'),
  crv: z.literal('P-256'),
  x: base64url,
  y: base64url,
  kid: z.string().min(1).max(256),
  alg: z.literal('ES256').optional(),
  use: z.literal('sig').optional(),
})
export type PublicJwk = z.output<typeof publicJwk>

const jwks = z.strictObject({ keys: z.array(publicJwk).min(1, 'needs at least one key').max(16) })

/**
 * @param value a JWKS of EC P-256 public keys, each with a `kid`
 * @throws Error that says which key is wrong
 */
export function parseTrustRoot(value: unknown): TrustRoot {
  const parsed = jwks.safeParse(value)
  if (!parsed.success) {
    const issue = parsed.error.issues[0]
    throw new Error(`trust root: ${issue?.path.join('.') || 'it'} ${issue?.message}; give {"keys":[<EC P-256 public JWK with kid>]}`)
  }
  const keys = new Map<string, KeyObject>()
  for (const { kid, kty, crv, x, y } of parsed.data.keys) {
    if (keys.has(kid)) throw new Error(`trust root: kid ${JSON.stringify(kid)} is there twice`)
    keys.set(kid, importKey(kid, { kty, crv, x, y }))
  }
  return { key: (kid) => keys.get(kid) }
}

function importKey(kid: string, jwk: { kty: string; crv: string; x: string; y: string }): KeyObject {
  try {
    return createPublicKey({ key: jwk, format: 'jwk' })
  } catch (error) {
    throw new Error(`trust root: key ${JSON.stringify(kid)} is not a point of P-256`, { cause: error })
  }
}

/** The checks that bundle and directory share, after their signature held. */
export function checkScope(
  what: 'bundle' | 'directory',
  found: { zone: string; seq: number; notBeforeMs: number; notAfterMs: number },
  { zone, nowMs, minSeq }: Expected,
): void {
  if (found.zone !== zone) throw new TrustError('wrong_zone', `the ${what} is for zone ${JSON.stringify(found.zone)}, this is ${zone}`)
  if (found.seq < minSeq) throw new TrustError('rolled_back', `the ${what} has seq ${found.seq}, ${minSeq} was seen already`)
  if (nowMs < found.notBeforeMs)
    throw new TrustError('not_yet_valid', `the ${what} is valid from ${iso(found.notBeforeMs)}, now is ${iso(nowMs)}`)
  if (nowMs >= found.notAfterMs)
    throw new TrustError('expired', `the ${what} was valid until ${iso(found.notAfterMs)}, now is ${iso(nowMs)}`)
}

function iso(epochMs: number): string {
  return new Date(epochMs).toISOString()
}

/** `seq` and the times of a bundle or directory, on the wire. Milliseconds since the epoch. */
export const scopeFields = {
  zone: z.string().min(1),
  seq: z.int().min(1),
  not_before: z.int().min(0).max(8.64e15),
  not_after: z.int().min(0).max(8.64e15),
}
