import type { ObjectArchive } from '../../runtime/model/ports.ts'

export interface MemoryArchive extends ObjectArchive {
  /** By key. A test may look in, and spoil. */
  objects: Map<string, Uint8Array>
  /** What every operation rejects with, while it is set. */
  away: Error | undefined
}

/** A bucket in memory. */
export function memoryArchive(): MemoryArchive {
  const objects = new Map<string, Uint8Array>()
  const there = () => {
    if (archive.away !== undefined) throw archive.away
    return objects
  }
  const archive: MemoryArchive = {
    objects,
    away: undefined,
    get: async (key) => there().get(key),
    put: async (key, body) => void there().set(key, body),
    async create(key, body) {
      if (there().has(key)) return false
      objects.set(key, body)
      return true
    },
    list: async (prefix, after = '') =>
      [...there().keys()].filter((key) => key.startsWith(prefix) && Buffer.compare(Buffer.from(key), Buffer.from(after)) > 0).sort(),
  }
  return archive
}
