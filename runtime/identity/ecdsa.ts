// KMS and OpenSSL give ECDSA signatures as DER (RFC 3279, section 2.2.3); JWS wants r then s, each
// filled up to the size of the curve (RFC 7518, section 3.4).

const HALF_BYTES = 32

/** @param der an ECDSA-Sig-Value over P-256. @returns 64 bytes, r then s. @throws on anything else */
export function derToJose(der: Uint8Array): Uint8Array {
  const joined = new Uint8Array(2 * HALF_BYTES)
  if (der[0] !== 0x30 || der[1] !== der.length - 2) throw new Error('the signature is not a DER sequence')
  const afterR = readInteger(der, 2, joined, 0)
  const end = readInteger(der, afterR, joined, HALF_BYTES)
  if (end !== der.length) throw new Error('the DER signature has bytes after its two integers')
  return joined
}

function readInteger(der: Uint8Array, at: number, into: Uint8Array, offset: number): number {
  const length = der[at + 1] ?? 0
  const end = at + 2 + length
  if (der[at] !== 0x02 || length === 0 || end > der.length) throw new Error('the DER signature has no integer where one is due')
  let start = at + 2
  while (start < end - 1 && der[start] === 0) start++
  if (end - start > HALF_BYTES) throw new Error('an integer of the signature is larger than the curve')
  into.set(der.subarray(start, end), offset + HALF_BYTES - (end - start))
  return end
}
