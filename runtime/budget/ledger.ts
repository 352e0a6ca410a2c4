import type { Lease, Slice, SliceKey } from '../state/slice.ts'

/** A part of a lease that nobody has given a copy of yet: `close` says what became of all that was held for one call. */
export interface Account {
  readonly unit: string
  /** @returns false when so much is not there */
  hold(cost: number): boolean
  /** `spent` of the held `cost`, the rest can be spent again. */
  close(cost: number, spent: number): void
}

/**
 * What one process may spend of one budget, in memory: the lease that it has of its region's slice, and what became of that. A spend
 * changes nothing else.
 *
 * The lease in the table carries a sequence number that only this process moves, by one each time. While the answer to a change is out,
 * memory believes whichever of both states lets it spend less; the next change takes the same number, so that a request which is still
 * under way somewhere can then no longer be applied.
 */
export class Ledger implements Account {
  readonly key: SliceKey
  /** The name of the lease in the slice: no other ledger, of this or another process, ever has it. */
  readonly name: string
  /** The slice as last seen; undefined before. */
  slice: Slice | undefined
  seenMs = Number.NEGATIVE_INFINITY
  lastUsedMs: number
  /** The newest refusal of a call for lack of budget: when, and how much it lacked. */
  refused: { atMs: number; lacking: number } | undefined
  /** The last attempt to reach the slice failed. */
  troubled = false
  /** Sum of the costs of calls that wait for the lease to grow. */
  waiting = 0
  reserved = 0
  spent = 0
  /** What the last change said to the table. */
  told = { spent: 0, atMs: Number.NEGATIVE_INFINITY }

  #lease = { seq: 0, held: 0 }
  /** The highest sequence number that was ever sent. */
  #sent = 0
  /** Being returned: no longer to be spent, whether or not the request has arrived. */
  #leaving = 0

  /** Times are monotonic, but for those that go into the table: a clock that is set must not make a ledger look fresh. */
  constructor(key: SliceKey, name: string, nowMs: number) {
    this.key = key
    this.name = name
    this.lastUsedMs = nowMs
  }

  get unit(): string {
    return this.key.unit
  }

  get available(): number {
    return this.#lease.held - this.#leaving - this.spent - this.reserved
  }

  get held(): number {
    return this.#lease.held
  }

  /** Some change was sent whose outcome is not known. */
  get unsettled(): boolean {
    return this.#sent > this.#lease.seq
  }

  hold(cost: number): boolean {
    if (cost > this.available) return false
    this.reserved += cost
    return true
  }

  close(cost: number, spent: number): void {
    this.reserved -= cost
    this.spent += spent
  }

  /** The lease as it is to be after taking `amount` more; 0 only says that the process is alive and what it has spent. */
  growing(amount: number, beatMs: number): Lease {
    return this.#next(this.#lease.held + amount, this.spent, beatMs)
  }

  /** The lease as it is to be without what is not spent or reserved, and how much that brings back. */
  shrinking(beatMs: number): { lease: Lease; back: number } {
    this.#leaving += this.available
    return { lease: this.#next(this.#lease.held - this.#leaving, this.spent, beatMs), back: this.#leaving }
  }

  /** The same at the end of a process: a reservation that is still open counts as spent. */
  closing(beatMs: number): { lease: Lease; back: number } {
    this.#leaving += this.available
    return { lease: this.#next(this.#lease.held - this.#leaving, this.spent + this.reserved, beatMs), back: this.#leaving }
  }

  /** Takes in a slice as the table has it. It says something about the lease once it is as new as the last change that was sent. */
  see(slice: Slice, nowMs: number): void {
    this.slice = slice
    this.seenMs = nowMs
    this.troubled = false
    const lease = slice.leases.get(this.name)
    if (lease === undefined || lease.seq < this.#sent) return
    if (lease.seq > this.#lease.seq) this.told = { spent: lease.spent, atMs: nowMs }
    this.#lease = { seq: lease.seq, held: lease.held }
    this.#leaving = 0
  }

  #next(held: number, spent: number, beatMs: number): Lease {
    this.#sent = this.#lease.seq + 1
    return { seq: this.#sent, held, spent, beatMs }
  }
}
