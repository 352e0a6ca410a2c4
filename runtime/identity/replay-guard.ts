import { hash } from 'node:crypto'
import type { Clock } from '../model/ports.ts'

export interface ReplayGuardOptions {
  clock: Clock
  /** How long an id is remembered: at least as long as what carries it would be accepted. */
  retentionMs: number
  /** Most ids that are remembered. */
  entriesMax: number
  /** Most of them that belong to one owner, so that none can use up what all need. */
  perOwnerMax: number
}

export interface ReplayGuard {
  /**
   * Remembers an id at its first use.
   * @param owner whose id it is: a key, an issuer with its subject
   * @returns `full` when it cannot be remembered: then whether it is used again could not be told, and it must be refused
   */
  use(owner: string, id: string): 'first' | 'again' | 'full'
}

/** Remembers what may be used once, in this process. Bounded: it forgets by time alone, never for want of room. */
export function replayGuard({ clock, retentionMs, entriesMax, perOwnerMax }: ReplayGuardOptions): ReplayGuard {
  // All are kept equally long, so the order of insertion is the order of forgetting.
  const seen = new Map<string, { owner: string; atMs: number }>()
  const counts = new Map<string, number>()

  const forgetOld = (nowMs: number) => {
    for (const [key, { owner, atMs }] of seen) {
      if (nowMs - atMs <= retentionMs) return
      seen.delete(key)
      const left = (counts.get(owner) ?? 1) - 1
      if (left === 0) counts.delete(owner)
      else counts.set(owner, left)
    }
  }

  return {
    use(owner, id) {
      const nowMs = clock.monotonic()
      forgetOld(nowMs)
      // A digest has one length, however long an id somebody makes up.
      const key = hash('sha256', JSON.stringify([owner, id]), 'base64')
      if (seen.has(key)) return 'again'
      const count = counts.get(owner) ?? 0
      if (seen.size >= entriesMax || count >= perOwnerMax) return 'full'
      seen.set(key, { owner, atMs: nowMs })
      counts.set(owner, count + 1)
      return 'first'
    },
  }
}
