import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto'

// One sealed object: "AGR1", id of the key (8 bytes), nonce (12), ciphertext, tag (16). AES-256-GCM (NIST SP 800-38D) with a random nonce;
// header and name of the object are authenticated too, so that none can be put in another's place.

/** A key of the region. Derived, so that the secret itself encrypts nothing. */
export interface RecordingKey {
  /** 16 hex digits: stands in the header of what it sealed. */
  id: string
  bytes: Uint8Array
}

/** The region's keys: the first seals, all of them open. */
export type RecordingKeys = () => Promise<readonly RecordingKey[]>

/** Why an object cannot be read. `unknown_key`: it was sealed by a key that the region no longer has, or by another region. */
export type SealFault = 'malformed' | 'unknown_key' | 'altered'

export class SealError extends Error {
  override name = 'SealError'
  readonly code: SealFault
  constructor(code: SealFault, detail: string) {
    super(detail)
    this.code = code
  }
}

const MAGIC = Buffer.from('AGR1')
const KEY_ID_BYTES = 8
const NONCE_BYTES = 12
const TAG_BYTES = 16
const HEADER_BYTES = MAGIC.length + KEY_ID_BYTES + NONCE_BYTES

/** @param secrets the region's, newest first: to rotate, put a new one in front and leave the old one until what it sealed has expired */
export function recordingKeys(secrets: readonly (() => Promise<Uint8Array>)[]): RecordingKeys {
  return async () => (await Promise.all(secrets.map((secret) => secret()))).map(keyOf)
}

/** HKDF-SHA-256 (RFC 5869) of one secret: the key, and apart from it a name that tells nothing of the key. */
export function keyOf(secret: Uint8Array): RecordingKey {
  const derive = (info: string, bytes: number) => Buffer.from(hkdfSync('sha256', secret, '', info, bytes))
  return { id: derive('aegis recorded inputs, key id', KEY_ID_BYTES).toString('hex'), bytes: derive('aegis recorded inputs, key', 32) }
}

/** @param name of the object: it opens under no other */
export function seal(plain: Uint8Array, name: string, { id, bytes }: RecordingKey): Uint8Array {
  const nonce = randomBytes(NONCE_BYTES)
  const header = Buffer.concat([MAGIC, Buffer.from(id, 'hex'), nonce])
  const cipher = createCipheriv('aes-256-gcm', bytes, nonce)
  cipher.setAAD(Buffer.concat([header, Buffer.from(name)]))
  return Buffer.concat([header, cipher.update(plain), cipher.final(), cipher.getAuthTag()])
}

/** @throws SealError; nothing of the object may be used then */
export function open(sealed: Uint8Array, name: string, keys: readonly RecordingKey[]): Uint8Array {
  const bytes = Buffer.from(sealed.buffer, sealed.byteOffset, sealed.byteLength)
  if (bytes.length < HEADER_BYTES + TAG_BYTES || !bytes.subarray(0, MAGIC.length).equals(MAGIC))
    throw new SealError('malformed', `an object of ${bytes.length} bytes is no sealed recording`)
  const header = bytes.subarray(0, HEADER_BYTES)
  const id = header.toString('hex', MAGIC.length, MAGIC.length + KEY_ID_BYTES)
  const key = keys.find((one) => one.id === id)
  if (key === undefined) throw new SealError('unknown_key', `a recording is sealed by the key ${id}, which this region does not have`)
  const decipher = createDecipheriv('aes-256-gcm', key.bytes, header.subarray(MAGIC.length + KEY_ID_BYTES), { authTagLength: TAG_BYTES })
  decipher.setAAD(Buffer.concat([header, Buffer.from(name)]))
  decipher.setAuthTag(bytes.subarray(bytes.length - TAG_BYTES))
  try {
    return Buffer.concat([decipher.update(bytes.subarray(HEADER_BYTES, bytes.length - TAG_BYTES)), decipher.final()])
  } catch {
    throw new SealError('altered', 'a recording is not what was sealed under its name')
  }
}
