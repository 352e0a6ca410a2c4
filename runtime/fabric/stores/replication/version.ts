import { z } from 'zod'

/** Which write made an item what it is: hybrid logical time, then the region that wrote. No two writes have the same. */
export const versionSchema = z.strictObject({
  /** Milliseconds since the epoch, of the fastest clock that the writing region had heard of. */
  ms: z.int().nonnegative(),
  /** Counts writes within one millisecond. */
  n: z.int().nonnegative(),
  region: z.string(),
})
export type Version = z.infer<typeof versionSchema>

/**
 * Negative if `a` is older. The order is total, so all replicas agree on the last writer. Global tables of DynamoDB
 * reconcile per item by last writer too (developer guide, "Global tables: conflict resolution").
 */
export function compareVersions(a: Version, b: Version): number {
  if (a.ms !== b.ms) return a.ms - b.ms
  if (a.n !== b.n) return a.n - b.n
  return a.region < b.region ? -1 : a.region > b.region ? 1 : 0
}

export interface VersionClock {
  /** The version of a write that happens now: later than every one given out or observed. */
  tick(): Version
  /** A version that came from elsewhere, or from disk. */
  observe(version: Version): void
}

/** Hybrid logical clock (Kulkarni et al. 2014): close to the wall clock, and yet no write precedes one that it has seen. */
export function versionClock(region: string, now: () => number): VersionClock {
  let last = { ms: 0, n: 0 }
  return {
    tick() {
      const ms = Math.floor(now())
      last = ms > last.ms ? { ms, n: 0 } : { ms: last.ms, n: last.n + 1 }
      return { ...last, region }
    },
    observe({ ms, n }) {
      if (ms > last.ms || (ms === last.ms && n > last.n)) last = { ms, n }
    },
  }
}
