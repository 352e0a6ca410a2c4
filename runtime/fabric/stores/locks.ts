/** Runs `run` while no other holder of any of the keys runs. */
export type WithLocks = <T>(keys: readonly string[], run: () => Promise<T>) => Promise<T>

/** Locks by key, first come first served. A holder takes its place in all its queues at once, so that none wait in a circle. */
export function keyLocks(): WithLocks {
  const tails = new Map<string, Promise<void>>()
  return async (keys, run) => {
    const own = new Set(keys)
    const before = [...own].map((key) => tails.get(key))
    const { promise, resolve } = Promise.withResolvers<void>()
    for (const key of own) tails.set(key, promise)
    await Promise.all(before)
    try {
      return await run()
    } finally {
      resolve()
      for (const key of own) if (tails.get(key) === promise) tails.delete(key)
    }
  }
}

/** @param text the item's keyText */
export function lockName(table: string, text: string): string {
  return `${table}~${text}`
}
