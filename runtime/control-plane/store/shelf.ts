import type { ObjectArchive } from '../../model/ports.ts'
import { sha256 } from '../../policy/file-hashes.ts'
import { StoreDamagedError } from './ledger.ts'

/** Objects by the SHA-256 of their bytes: nothing on it can be altered without being found out. */
export interface Shelf {
  /** @returns the digest */
  put(bytes: Uint8Array): Promise<string>
  /** @throws StoreDamagedError when it is missing or another */
  get(digest: string): Promise<Uint8Array>
}

/** How many of the objects used last stay in memory: bundles of a few zones, twice. */
const KEPT = 32

export function openShelf(store: ObjectArchive): Shelf {
  const held = new Map<string, Uint8Array>()
  const keep = (digest: string, bytes: Uint8Array) => {
    held.delete(digest)
    held.set(digest, bytes)
    const [oldest] = held.keys()
    if (held.size > KEPT && oldest !== undefined) held.delete(oldest)
  }
  return {
    async put(bytes) {
      const digest = sha256(bytes)
      // Where one stands it is this very one, or `get` says that it is not.
      if (!held.has(digest)) await store.create(shelfKey(digest), bytes)
      keep(digest, bytes)
      return digest
    },
    async get(digest) {
      const known = held.get(digest)
      if (known !== undefined) return known
      const bytes = await store.get(shelfKey(digest))
      if (bytes === undefined || sha256(bytes) !== digest)
        throw new StoreDamagedError(`${shelfKey(digest)} is ${bytes === undefined ? 'missing' : 'not what was put there'}`)
      keep(digest, bytes)
      return bytes
    },
  }
}

/** Where an object stands. */
export const shelfKey = (digest: string) => `objects/${digest}`
