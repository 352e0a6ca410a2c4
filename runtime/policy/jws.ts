import { verify } from 'node:crypto'
import { z } from 'zod'
import type { Signer } from '../model/ports.ts'
import { TrustError, type TrustRoot } from './trust.ts'

/**
 * Signs a payload as a compact JWS (RFC 7515, section 7.1) with ES256.
 *
 * @param typ the `typ` header, or undefined for none
 */
export async function signCompact(payload: unknown, signer: Signer, typ?: string): Promise<string> {
  const header = { alg: 'ES256', kid: signer.keyId, ...(typ === undefined ? {} : { typ }) }
  const signed = `${encode(header)}.${encode(payload)}`
  const signature = await signer.sign(Buffer.from(signed))
  if (signature.byteLength !== 64) throw new Error(`signer ${signer.keyId} gave ${signature.byteLength} bytes, ES256 has 64 (r then s)`)
  return `${signed}.${Buffer.from(signature).toString('base64url')}`
}

/** `typ` is only for the caller to compare. No `jwk`, `jku`, `x5u`, `crit` or `b64`: a header never says which key to trust or how. */
const headerSchema = z.strictObject({ alg: z.string(), kid: z.string().optional(), typ: z.string().optional() })

/**
 * Verifies a compact JWS against the pinned keys and gives its payload, parsed.
 *
 * @throws TrustError `malformed`, `bad_signature` or `unknown_key`
 */
export function verifyCompact(token: string, trust: TrustRoot, typ?: string): unknown {
  const parts = token.split('.')
  const [header, payload, signature] = parts
  if (parts.length !== 3 || header === undefined || payload === undefined || signature === undefined)
    throw new TrustError('malformed', `a compact JWS has 3 parts, this has ${parts.length}`)
  const parsed = headerSchema.safeParse(decodeJson(header))
  if (!parsed.success) throw new TrustError('malformed', `the JWS header has fields other than alg, kid and typ, or of another type`)
  const { alg, kid } = parsed.data
  if (alg !== 'ES256') throw new TrustError('bad_signature', `the JWS says alg ${JSON.stringify(alg)}, only ES256 is accepted`)
  if (typ !== undefined && parsed.data.typ !== typ)
    throw new TrustError('malformed', `the JWS says typ ${JSON.stringify(parsed.data.typ)}, expected ${typ}`)
  const key = kid === undefined ? undefined : trust.key(kid)
  if (key === undefined)
    throw new TrustError('unknown_key', `the JWS is signed by key ${JSON.stringify(kid)}, which is not in the trust root`)
  const bytes = decode(signature)
  const holds = bytes.length === 64 && verify('sha256', Buffer.from(`${header}.${payload}`), { key, dsaEncoding: 'ieee-p1363' }, bytes)
  if (!holds) throw new TrustError('bad_signature', `the signature by key ${JSON.stringify(kid)} does not hold`)
  return decodeJson(payload)
}

function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}

/** Strict base64url: Node skips characters that are not of the alphabet, which would give one signature many spellings. */
function decode(part: string): Buffer {
  const bytes = Buffer.from(part, 'base64url')
  if (bytes.toString('base64url') !== part) throw new TrustError('malformed', 'a part of the JWS is not plain base64url')
  return bytes
}

function decodeJson(part: string): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(decode(part)))
  } catch (error) {
    if (error instanceof TrustError) throw error
    throw new TrustError('malformed', 'a part of the JWS is not JSON in UTF-8', { cause: error })
  }
}
