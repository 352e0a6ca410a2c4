import type { Clock } from '../model/ports.ts'

/** Taints that this process has written so lately that they need not be written again. Forgetting one costs a write and nothing else. */
export interface KnownTaints {
  missing(chain: string, taints: readonly string[]): string[]
  add(chain: string, taints: readonly string[]): void
}

export const KNOWN_MS = 3_600_000
const CHAINS_MAX = 10_000

export function createKnownTaints(clock: Pick<Clock, 'monotonic'>): KnownTaints {
  const chains = new Map<string, Map<string, number>>()
  return {
    missing(chain, taints) {
      const known = chains.get(chain)
      const sinceMs = clock.monotonic() - KNOWN_MS
      return [...new Set(taints)].filter((taint) => !((known?.get(taint) ?? Number.NEGATIVE_INFINITY) > sinceMs))
    },
    add(chain, taints) {
      if (taints.length === 0) return
      const known = chains.get(chain) ?? new Map<string, number>()
      // The chain that was written to least lately is forgotten first: a map keeps the order of insertion.
      chains.delete(chain)
      chains.set(chain, known)
      for (const taint of taints) known.set(taint, clock.monotonic())
      if (chains.size > CHAINS_MAX) chains.delete(chains.keys().next().value ?? '')
    },
  }
}
