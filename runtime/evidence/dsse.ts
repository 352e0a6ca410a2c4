import { createPublicKey, verify } from 'node:crypto'
import type { JWK } from 'jose'
import { z } from 'zod'
import type { Signer } from '../model/ports.ts'
import { parseStrictJson } from '../model/strict-json.ts'

// DSSE: signatures over a typed payload (https://github.com/secure-systems-lab/dsse, protocol.md and envelope.md), each
// ES256 as 64 bytes, r then s.

export interface Envelope {
  payloadType: string
  payload: Uint8Array
  signatures: readonly { keyid: string; sig: Uint8Array }[]
}

/** Signs a payload with every signer. @returns the JSON text of the envelope */
export async function sealEnvelope(payloadType: string, payload: Uint8Array, signers: readonly Signer[]): Promise<string> {
  const signed = preAuthenticationEncoding(payloadType, payload)
  const signatures = await Promise.all(
    signers.map(async (signer) => ({ keyid: signer.keyId, sig: Buffer.from(await signer.sign(signed)).toString('base64') })),
  )
  return JSON.stringify({ payloadType, payload: Buffer.from(payload).toString('base64'), signatures })
}

/** @returns undefined when the text is no envelope: closed JSON, no duplicate keys, plain base64 */
export function readEnvelope(text: string): Envelope | undefined {
  if (text.length > ENVELOPE_CHARACTERS_MAX) return undefined
  try {
    return envelopeSchema.parse(parseStrictJson(Buffer.from(text), { maxDepth: 4 }))
  } catch {
    return undefined
  }
}

/** True when this very key signed the envelope, under its own name. */
export function signedBy({ payloadType, payload, signatures }: Envelope, key: JWK): boolean {
  const { kty, crv, x, y, kid } = key
  if (kty !== 'EC' || crv !== 'P-256' || x === undefined || y === undefined || kid === undefined) return false
  const found = signatures.filter(({ keyid }) => keyid === kid)
  const [only] = found
  if (only === undefined || found.length !== 1 || only.sig.length !== 64) return false
  const publicKey = createPublicKey({ key: { kty, crv, x, y }, format: 'jwk' })
  return verify('sha256', preAuthenticationEncoding(payloadType, payload), { key: publicKey, dsaEncoding: 'ieee-p1363' }, only.sig)
}

/** What is signed: lengths make type and payload unable to be read as one another. */
export function preAuthenticationEncoding(payloadType: string, payload: Uint8Array): Uint8Array {
  return Buffer.concat([Buffer.from(`DSSEv1 ${Buffer.byteLength(payloadType)} ${payloadType} ${payload.length} `), payload])
}

const ENVELOPE_CHARACTERS_MAX = 64 * 1024

/** Node skips characters that are not of the alphabet, which would give one signature many spellings. */
const base64 = z.string().transform((text, context) => {
  const bytes = Buffer.from(text, 'base64')
  if (bytes.toString('base64') === text) return bytes
  context.addIssue({ code: 'custom', message: 'is not plain base64' })
  return z.NEVER
})

const envelopeSchema = z.strictObject({
  payloadType: z.string().min(1).max(256),
  payload: base64,
  signatures: z
    .array(z.strictObject({ keyid: z.string().min(1).max(256), sig: base64 }))
    .min(1)
    .max(8),
})
