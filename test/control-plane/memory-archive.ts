import type { ObjectArchive } from '../../runtime/model/ports.ts'

/** A bucket in memory, whose conditional writes are as atomic as S3's. */
export interface MemoryArchive extends ObjectArchive {
  objects: Map<string, Uint8Array>
  /** Makes everything reject. */
  down: boolean
}

export function memoryArchive(objects = new Map<string, Uint8Array>()): MemoryArchive {
  const reached = () => {
    if (archive.down) throw new Error('the bucket is away')
  }
  const archive: MemoryArchive = {
    objects,
    down: false,
    async get(key) {
      reached()
      return objects.get(key)
    },
    async put(key, body) {
      reached()
      objects.set(key, body)
    },
    async create(key, body) {
      reached()
      if (objects.has(key)) return false
      objects.set(key, body)
      return true
    },
    async list(prefix, after = '') {
      reached()
      return [...objects.keys()].filter((key) => key.startsWith(prefix) && key > after).sort()
    },
  }
  return archive
}
