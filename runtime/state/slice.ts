/** Which budget: of an agent, in one UTC day such as `2026-11-22`, in a currency, `calls` or `tokens`. */
export interface SliceKey {
  agent: string
  period: string
  unit: string
}

/**
 * A region's part of a budget, one item in the region's own table. All amounts are whole numbers of the unit, and always
 * `granted + received + shortfall - given = free + the sum of every lease's held`: nothing is created or lost by moving it.
 */
export interface Slice {
  /** What the directory grants this region. */
  granted: number
  /** Sequence number of the directory that said so. */
  directorySeq: number
  /** Neither leased nor given away. */
  free: number
  /** What a smaller grant could not take back any more, because it was leased or given before. Paid from whatever comes back. */
  shortfall: number
  received: number
  given: number
  /** By process and ledger. */
  leases: ReadonlyMap<string, Lease>
  /** Amount by id of the vouchers that were redeemed. */
  redeemed: ReadonlyMap<string, number>
  /** By id, those that were given. */
  vouchers: ReadonlyMap<string, GivenVoucher>
}

/** What one process holds of a slice. Only that process changes it. */
export interface Lease {
  /** Grows by one with each change, so that a retried or delayed request is applied once or never. */
  seq: number
  held: number
  /** As the process last said. `held - spent` of a process that is gone is stranded: it counts as spent. */
  spent: number
  /** When the process last said so, by its own clock, milliseconds since the epoch. */
  beatMs: number
}

export interface GivenVoucher {
  to: string
  amount: number
  /** The voucher is known to stand in the global table. */
  sent: boolean
}

/** Where an amount goes that comes back to a slice: what is missing is paid first. */
export function credited({ shortfall }: Pick<Slice, 'shortfall'>, amount: number): { toFree: number; paid: number } {
  const paid = Math.min(shortfall, amount)
  return { toFree: amount - paid, paid }
}

/** Free and shortfall after the grant has become `granted`. What is leased or given cannot be taken back, so free never falls below zero. */
export function followed(slice: Pick<Slice, 'granted' | 'free' | 'shortfall'>, granted: number): Pick<Slice, 'free' | 'shortfall'> {
  const change = granted - slice.granted
  if (change >= 0) {
    const { toFree, paid } = credited(slice, change)
    return { free: slice.free + toFree, shortfall: slice.shortfall - paid }
  }
  const taken = Math.min(slice.free, -change)
  return { free: slice.free - taken, shortfall: slice.shortfall - change - taken }
}

/** Whether the books of a slice add up. */
export function isBalanced({ granted, received, shortfall, given, free, leases }: Slice): boolean {
  const held = [...leases.values()].reduce((sum, lease) => sum + lease.held, 0)
  return granted + received + shortfall - given === free + held && free >= 0 && shortfall >= 0
}
