import type { Clock } from '../model/ports.ts'
import type { ActiveAgent } from '../policy/bundle-data.ts'

/**
 * How often agents may call. Each process counts for itself: a region with three gateway processes lets three times the rate pass at most.
 * It smooths load. A number of calls that must never be passed is a budget in calls, which holds over all processes and regions.
 */
export interface Rates {
  /** Takes one call of an action out of its bucket. Always ok where the document names no rate. */
  take(agent: Pick<ActiveAgent, 'id' | 'rates'>, tool: string, action: string): Taken
}

/** `retryAfterS`: whole seconds until a call fits again. */
export type Taken = { ok: true } | { ok: false; retryAfterS: number }

/** A bucket holds what may be called at once, and fills evenly: `calls` in `perS` seconds. */
interface Bucket {
  calls: number
  perS: number
  level: number
  atMs: number
}

const OK: Taken = { ok: true }
const BUCKETS_MAX = 50_000

export function createRates(clock: Pick<Clock, 'monotonic'>, bucketsMax = BUCKETS_MAX): Rates {
  // By agent and action, those longest unused first.
  const buckets = new Map<string, Bucket>()

  return {
    take({ id, rates }, tool, action) {
      const rate = rates.get(`${tool}.${action}`)
      if (rate === undefined) return OK
      const key = `${id} ${tool}.${action}`
      const bucket = filled(buckets.get(key), rate, clock.monotonic())
      buckets.delete(key)
      buckets.set(key, bucket)
      if (buckets.size > bucketsMax) dropOldest(buckets)
      if (bucket.level < 1) return { ok: false, retryAfterS: Math.max(1, Math.ceil(((1 - bucket.level) * rate.perS) / rate.calls)) }
      bucket.level -= 1
      return OK
    },
  }
}

/** A rate that a new document changes keeps what is left, up to the new size. */
function filled(bucket: Bucket | undefined, { calls, perS }: { calls: number; perS: number }, nowMs: number): Bucket {
  if (bucket === undefined) return { calls, perS, level: calls, atMs: nowMs }
  const gained = ((nowMs - bucket.atMs) / 1000) * (bucket.calls / bucket.perS)
  bucket.level = Math.min(calls, bucket.level + gained)
  bucket.atMs = nowMs
  bucket.calls = calls
  bucket.perS = perS
  return bucket
}

/** The bucket that was used longest ago is the fullest: who gets a new one in its place gains least. */
function dropOldest(buckets: Map<string, Bucket>): void {
  const oldest = buckets.keys().next().value
  if (oldest !== undefined) buckets.delete(oldest)
}
