import { createPublicKey, hash, verify } from 'node:crypto'
import { z } from 'zod'
import { AegisError } from '../model/codes.ts'
import type { Clock } from '../model/ports.ts'
import { base64url } from '../policy/trust.ts'
import { type CompactJws, decodeJsonPart, splitCompactJws } from './compact-jws.ts'
import { replayGuard } from './replay-guard.ts'

/** The request that a proof has to be about. */
export interface ProvenRequest {
  method: string
  /** Its path, or a URL with that path. Host, query and fragment count for nothing. */
  url: string
  /** The access token that it carries; undefined where a token is only asked for. */
  accessToken?: string
  /** Thumbprint of the key that must have signed (RFC 7638); undefined: any key. */
  jkt?: string
}

export interface DpopVerifier {
  /**
   * Checks a DPoP proof (RFC 9449, section 4.3) and remembers it, so that it counts once.
   * @returns the thumbprint of its key
   * @throws AegisError invalid_token; overloaded when there is no room to remember it
   */
  verify(proof: string, request: ProvenRequest): string
}

export interface DpopOptions {
  /** Public base URLs of this gateway: region, zone, global. A proof is for one of them, whatever host a caller names. */
  baseUrls: readonly string[]
  clock: Clock
  /** Most proofs remembered, of all keys and of one. */
  proofsMax?: number
  proofsPerKeyMax?: number
}

/** A proof is this old at most, or this far ahead of the clock. */
const PROOF_WINDOW_S = 60
const PROOF_CHARACTERS_MAX = 4096

// Closed: a private key's `d` in a proof is refused, and so is any other way to say which key it is.
const headerSchema = z.strictObject({
  typ: z.literal('dpop+jwt'),
  alg: z.literal('ES256'),
  jwk: z.strictObject({
    kty: z.literal('EC'),
    crv: z.literal('P-256'),
    x: base64url,
    y: base64url,
    kid: z.string().optional(),
    alg: z.literal('ES256').optional(),
    use: z.literal('sig').optional(),
  }),
})
type ProofKey = z.output<typeof headerSchema>['jwk']

const claimsSchema = z.object({
  jti: z.string().min(1).max(256),
  htm: z.string(),
  htu: z.string().max(2048),
  iat: z.number(),
  ath: z.string().optional(),
})

export function dpopVerifier({ baseUrls, clock, proofsMax = 300_000, proofsPerKeyMax = 60_000 }: DpopOptions): DpopVerifier {
  // A proof from as far ahead as is accepted lives for two windows.
  const retentionMs = 2 * PROOF_WINDOW_S * 1000
  const used = replayGuard({ clock, retentionMs, entriesMax: proofsMax, perOwnerMax: proofsPerKeyMax })

  return {
    verify(proof, { method, url, accessToken, jkt }) {
      const { jwk, claims } = signedProof(proof)
      const thumbprint = thumbprintOf(jwk)
      if (jkt !== undefined && thumbprint !== jkt) throw refusal('is by another key than the token is bound to')
      if (claims.htm !== method) throw refusal('is for another method')
      if (!isAbout(claims.htu, url, baseUrls)) throw refusal('is for another URL')
      if (!(Math.abs(clock.now() / 1000 - claims.iat) <= PROOF_WINDOW_S)) throw refusal('is not of this minute')
      if (accessToken !== undefined && claims.ath !== hash('sha256', accessToken, 'base64url')) throw refusal('is for another token')
      // Last, so that only whoever holds a key that counts can fill the memory.
      const use = used.use(thumbprint, claims.jti)
      if (use === 'full') throw new AegisError('overloaded', 'too many DPoP proofs within two minutes')
      if (use === 'again') throw refusal('was used before')
      return thumbprint
    },
  }
}

/** @throws AegisError invalid_token when it is no ES256 JWS by the P-256 key that it carries */
function signedProof(proof: string): { jwk: ProofKey; claims: z.output<typeof claimsSchema> } {
  const jws = proof.length <= PROOF_CHARACTERS_MAX ? splitCompactJws(proof) : undefined
  if (jws === undefined) throw refusal('is no compact JWS')
  try {
    const { jwk } = headerSchema.parse(decodeJsonPart(jws.header))
    if (isSigned(jws, jwk)) return { jwk, claims: claimsSchema.parse(decodeJsonPart(jws.payload)) }
  } catch (error) {
    throw refusal('is not well formed', error)
  }
  throw refusal('has a signature that does not hold')
}

function isSigned({ header, payload, signature }: CompactJws, { kty, crv, x, y }: ProofKey): boolean {
  const key = createPublicKey({ key: { kty, crv, x, y }, format: 'jwk' })
  const bytes = Buffer.from(signature, 'base64url')
  return bytes.length === 64 && verify('sha256', Buffer.from(`${header}.${payload}`), { key, dsaEncoding: 'ieee-p1363' }, bytes)
}

/** RFC 7638: SHA-256 over the required members in lexicographic order. */
function thumbprintOf({ crv, kty, x, y }: ProofKey): string {
  return hash('sha256', JSON.stringify({ crv, kty, x, y }), 'base64url')
}

/** Compared after normalization, without query and fragment (RFC 9449, section 4.3, step 9). */
function isAbout(htu: string, url: string, baseUrls: readonly string[]): boolean {
  const claimed = normalized(htu)
  const path = url.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i, '').replace(/[?#].*$/s, '')
  return claimed !== undefined && baseUrls.some((base) => normalized(`${base.replace(/\/$/, '')}/${path.replace(/^\//, '')}`) === claimed)
}

function normalized(text: string): string | undefined {
  const url = URL.parse(text)
  if (url === null) return undefined
  url.search = ''
  url.hash = ''
  return url.href
}

function refusal(what: string, cause?: unknown): AegisError {
  return new AegisError('invalid_token', `the DPoP proof ${what}`, { cause })
}
