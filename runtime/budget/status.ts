import type { Slice } from '../state/slice.ts'
import type { Ledger } from './ledger.ts'

/** One budget in one region, as this process last saw it. Whole numbers of the unit. */
export interface BudgetStatus {
  agent: string
  /** A UTC day. */
  period: string
  unit: string
  granted: number
  received: number
  given: number
  free: number
  /** Held by processes that live, and not yet spent. */
  leased: number
  spent: number
  /** Held by processes that are silent: counts as spent. */
  stranded: number
  /** Of a smaller grant, what could not be taken back. */
  shortfall: number
}

/** A process that has not been heard of for so long is taken for dead. Nothing but this report depends on it. */
export const SILENT_MS = 60_000

export function statusOf(ledger: Ledger, nowMs: number): BudgetStatus[] {
  const { key, slice } = ledger
  if (slice === undefined) return []
  const { granted, received, given, free, shortfall } = slice
  return [{ ...key, granted, received, given, free, shortfall, ...heldBy(slice, ledger, nowMs) }]
}

function heldBy({ leases }: Slice, ledger: Ledger, nowMs: number): Pick<BudgetStatus, 'leased' | 'spent' | 'stranded'> {
  const sums = { leased: 0, spent: 0, stranded: 0 }
  for (const [name, lease] of leases) {
    const own = name === ledger.name
    const spent = own ? ledger.spent : lease.spent
    sums.spent += spent
    sums[own || nowMs - lease.beatMs < SILENT_MS ? 'leased' : 'stranded'] += lease.held - spent
  }
  return sums
}
