import { createHash, timingSafeEqual } from 'node:crypto'

/** By name: whose bundle somebody may fetch, and by which secret. */
export type BundleReaders = Readonly<Record<string, { zone: string; secret_sha256: string }>>

export interface BundleReader {
  name: string
  zone: string
}

/**
 * Whose bearer secret it is. Secrets are random (256 bits), so that their SHA-256 is enough. All of them are compared whatever is found,
 * each in constant time.
 */
export function readerOf(readers: BundleReaders, authorization: string | undefined): BundleReader | undefined {
  const secret = /^Bearer ([\x21-\x7e]{1,512})$/i.exec(authorization ?? '')?.[1]
  if (secret === undefined) return undefined
  const digest = createHash('sha256').update(secret).digest()
  let found: BundleReader | undefined
  for (const [name, { zone, secret_sha256 }] of Object.entries(readers)) {
    const expected = Buffer.from(secret_sha256, 'hex')
    if (expected.length === digest.length && timingSafeEqual(digest, expected)) found = { name, zone }
  }
  return found
}
