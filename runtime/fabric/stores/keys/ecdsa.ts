import { createECDH, type KeyObject } from 'node:crypto'

/** Order of the P-256 group (SEC 2, section 2.4.2). */
const ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n

/**
 * ECDSA over a digest that the caller made. node:crypto always hashes what it signs, and KMS signs digests
 * (MessageType DIGEST), so the last step is done here: FIPS 186-5, section 6.4.1. The point multiplication and
 * the random number are OpenSSL's; the rest isn't constant in time, which is why this is for the fabric alone.
 *
 * @param digest 32 bytes, SHA-256
 * @returns DER: SEQUENCE of r and s, as KMS answers
 */
export function signDigest(privateKey: KeyObject, digest: Uint8Array): Buffer {
  const { d } = privateKey.export({ format: 'jwk' })
  if (d === undefined) throw new TypeError('signing needs a private key, got a public one')
  const secret = toInteger(Buffer.from(d, 'base64url'))
  const message = toInteger(digest)
  for (;;) {
    const ephemeral = createECDH('prime256v1')
    const point = ephemeral.generateKeys()
    const nonce = toInteger(ephemeral.getPrivateKey())
    const r = toInteger(point.subarray(1, 33)) % ORDER
    const s = (inverse(nonce) * ((message + r * secret) % ORDER)) % ORDER
    if (r !== 0n && s !== 0n) return derSignature(r, s)
  }
}

function toInteger(bytes: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(bytes).toString('hex')}`)
}

/** Inverse modulo the order, by the extended Euclidean algorithm. */
function inverse(value: bigint): bigint {
  let [r0, r1] = [ORDER, value % ORDER]
  let [t0, t1] = [0n, 1n]
  while (r1 !== 0n) {
    const quotient = r0 / r1
    ;[r0, r1] = [r1, r0 - quotient * r1]
    ;[t0, t1] = [t1, t0 - quotient * t1]
  }
  return ((t0 % ORDER) + ORDER) % ORDER
}

function derSignature(r: bigint, s: bigint): Buffer {
  const body = Buffer.concat([derInteger(r), derInteger(s)])
  return Buffer.concat([Buffer.from([0x30, body.length]), body])
}

function derInteger(value: bigint): Buffer {
  const hex = value.toString(16)
  const bytes = Buffer.from(hex.padStart(hex.length + (hex.length % 2), '0'), 'hex')
  // A leading bit of 1 would make the number negative (X.690, 8.3).
  const positive = (bytes[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.from([0]), bytes]) : bytes
  return Buffer.concat([Buffer.from([0x02, positive.length]), positive])
}
