import type { Clock } from '../model/ports.ts'
import type { Slice } from '../state/slice.ts'
import type { Slices } from '../state/slices.ts'
import type { Granted } from './granted.ts'
import { leaseSize } from './lease-size.ts'
import type { Ledger } from './ledger.ts'

export type Cover = 'covered' | 'exhausted' | 'unavailable'

/** Makes leases grow and shrink in the region's table. */
export interface Lessee {
  /** Makes the lease cover `cost`, if the slice can. Never rejects. */
  cover(ledger: Ledger, cost: number): Promise<Cover>
  /** Looks at the slice, follows the directory, says what was spent, returns what lies idle. Never rejects. */
  maintain(ledger: Ledger): Promise<void>
  /** Returns all that is neither spent nor reserved, for good. */
  close(ledger: Ledger): Promise<void>
}

export interface LesseeOptions {
  slices: Slices
  granted: Granted
  clock: Clock
  log: (event: object) => void
  limits?: Partial<LesseeLimits>
}

export interface LesseeLimits {
  /** A slice seen so recently is not asked again whether it is really empty. */
  freshMs: number
  /** An unused lease goes back after so long. */
  idleMs: number
  /** How often a process at least says that it is alive while it holds something. */
  beatMs: number
}

const DEFAULTS: LesseeLimits = { freshMs: 250, idleMs: 5_000, beatMs: 10_000 }

/** Attempts of one call to get a lease that racing processes take away from it. */
const ROUNDS_MAX = 3
const CLOSING_ATTEMPTS = 3

export function createLessee({ slices, granted, clock, log, limits }: LesseeOptions): Lessee {
  const { freshMs, idleMs, beatMs } = { ...DEFAULTS, ...limits }
  const turns = new WeakMap<Ledger, Promise<unknown>>()
  const refills = new WeakMap<Ledger, Promise<Cover>>()

  /** One change of a ledger at a time: the sequence numbers of a lease leave no room for two. */
  const inTurn = <T>(ledger: Ledger, work: () => Promise<T>): Promise<T> => {
    const turn = (turns.get(ledger) ?? Promise.resolve()).then(work)
    turns.set(
      ledger,
      turn.catch(() => {}),
    )
    return turn
  }

  const failed = (ledger: Ledger, error: unknown): 'unavailable' => {
    if (!ledger.troubled) log({ event: 'slice_unavailable', ...ledger.key, detail: String(error) })
    ledger.troubled = true
    return 'unavailable'
  }

  /** The slice as it is now, opened if the directory grants one, after the grant in force. */
  const look = async (ledger: Ledger): Promise<Slice | undefined> => {
    let slice = await slices.read(ledger.key)
    const grant = granted.here(ledger.key)
    if (slice === undefined && grant !== undefined) slice = await slices.open(ledger.key, grant.amount, grant.directorySeq)
    if (slice === undefined) return undefined
    if (grant !== undefined && slice.granted !== grant.amount && slice.directorySeq < grant.directorySeq)
      slice = (await slices.follow(ledger.key, slice, grant.amount, grant.directorySeq)) ?? (await slices.read(ledger.key))
    if (slice !== undefined) ledger.see(slice, clock.monotonic())
    return slice
  }

  const refill = async (ledger: Ledger, cost: number): Promise<Cover> => {
    for (let round = 0; round < ROUNDS_MAX; round++) {
      if (cost <= ledger.available) return 'covered'
      const seen = round === 0 && followsGrant(ledger, granted) ? ledger.slice : await look(ledger)
      // Nobody grants this budget here: its state is unknown, not zero.
      if (seen === undefined) return 'unavailable'
      if (cost <= ledger.available) return 'covered'
      const amount = leaseSize(seen.free, cost - ledger.available, ledger.waiting - ledger.available)
      if (amount === 0) {
        if (clock.monotonic() - ledger.seenMs > freshMs) continue
        return 'exhausted'
      }
      const taken = await slices.lease(ledger.key, ledger.name, ledger.growing(amount, clock.now()), amount)
      if (taken !== undefined) ledger.see(taken, clock.monotonic())
    }
    return cost <= ledger.available ? 'covered' : 'unavailable'
  }

  const refillInTurn = (ledger: Ledger, cost: number): Promise<Cover> => {
    const running = refills.get(ledger)
    if (running !== undefined) return running
    const started = inTurn(ledger, () => refill(ledger, cost))
      .catch((error) => failed(ledger, error))
      .finally(() => refills.delete(ledger))
    refills.set(ledger, started)
    return started
  }

  const shrink = async (ledger: Ledger, next: { lease: ReturnType<Ledger['growing']>; back: number }): Promise<boolean> => {
    const known = ledger.slice ?? { shortfall: 0 }
    const done = await slices.giveBack(ledger.key, ledger.name, next.lease, next.back, known)
    if (done !== undefined) ledger.see(done, clock.monotonic())
    return done !== undefined
  }

  return {
    async cover(ledger, cost) {
      ledger.waiting += cost
      try {
        // Calls that come while a refill is under way share it, and look again when it is done: it may have been for a smaller one.
        for (let round = 0; round < ROUNDS_MAX; round++) {
          if (cost <= ledger.available) return 'covered'
          const outcome = await refillInTurn(ledger, cost)
          if (cost <= ledger.available) return 'covered'
          if (outcome === 'unavailable') return outcome
          if (cost > ledger.available + (ledger.slice?.free ?? 0)) {
            // More than the whole budget is no reason to fetch what other regions have.
            if (cost <= granted.total(ledger.key)) ledger.refused = { atMs: clock.monotonic(), lacking: cost - ledger.available }
            return 'exhausted'
          }
        }
        return 'unavailable'
      } finally {
        ledger.waiting -= cost
      }
    },

    maintain: (ledger) =>
      inTurn(ledger, async () => {
        const nowMs = clock.monotonic()
        await look(ledger)
        const idle = ledger.available > 0 && nowMs - ledger.lastUsedMs > idleMs
        const untold = ledger.spent !== ledger.told.spent || ledger.held > ledger.spent
        if (idle && !ledger.unsettled) await shrink(ledger, ledger.shrinking(clock.now()))
        // Any change that arrives settles the one before: it takes the same number, so that only one of both can ever be applied.
        else if (ledger.unsettled || (untold && nowMs - ledger.told.atMs > beatMs)) {
          const said = await slices.lease(ledger.key, ledger.name, ledger.growing(0, clock.now()), 0)
          if (said !== undefined) ledger.see(said, nowMs)
        }
      }).catch((error) => void failed(ledger, error)),

    async close(ledger) {
      await inTurn(ledger, async () => {
        for (let attempt = 0; attempt < CLOSING_ATTEMPTS; attempt++) {
          if (ledger.held === 0 && !ledger.unsettled) return
          await look(ledger)
          if (await shrink(ledger, ledger.closing(clock.now()))) return
        }
      }).catch((error) => void failed(ledger, error))
    },
  }
}

/** What memory knows of the slice is after the grant in force, as far as this process knows that. */
function followsGrant({ slice, key }: Ledger, granted: Granted): boolean {
  const grant = granted.here(key)
  return slice !== undefined && (grant === undefined || slice.granted === grant.amount || slice.directorySeq >= grant.directorySeq)
}
