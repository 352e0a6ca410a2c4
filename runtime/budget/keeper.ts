import type { Clock } from '../model/ports.ts'
import type { ActiveAgent } from '../policy/bundle-data.ts'
import type { Outcomes } from '../state/outcomes.ts'
import type { Slices } from '../state/slices.ts'
import type { Vouchers } from '../state/vouchers.ts'
import { type GrantsInForce, grantedIn } from './granted.ts'
import { Ledger } from './ledger.ts'
import { createLessee, type LesseeLimits } from './lessee.ts'
import { createOutcomeDesk } from './outcome-desk.ts'
import { periodAfter, periodOf } from './period.ts'
import { createReservations, type HeldReservation, type Outcome } from './reservations.ts'
import { createShadowBook } from './shadow-book.ts'
import { type BudgetStatus, statusOf } from './status.ts'
import { createTransfers } from './transfers.ts'

export type { HeldReservation } from './reservations.ts'
export type { BudgetStatus } from './status.ts'

/** Keeps agents within their budgets. A spend touches memory only; the region's own table is asked when a lease runs out. */
export interface BudgetKeeper {
  /** Before policy: makes the lease cover `cost` if the region's slice can. Nothing to wait for when it does already. Never rejects. */
  prepare(agent: ActiveAgent, cost: number, shadow: boolean): Promise<void> | void
  /** What policy is told, from memory. Null: what is left is not known. */
  facts(agent: ActiveAgent, cost: number, shadow: boolean): { remaining: number; cost: number } | null
  /** After policy. Never rejects. */
  reserve(agent: ActiveAgent, cost: number, of: ReserveFor): Promise<HeldReservation | 'exhausted' | 'unavailable'>
  /**
   * What an agent says became of a call.
   * @returns what it cost; null where another process of the region keeps the count and takes the report in
   * @throws AegisError not_found, malformed_call (a cost above the reservation), already_decided, state_unavailable
   */
  report(
    decisionId: string,
    by: { agentId: string; tenant: string },
    outcome: Outcome,
  ): Promise<{ spent: number | null; unit: string | null }>
  /** Every budget that was used here lately. */
  status(): readonly BudgetStatus[]
  /** Transfers, reports, renewal and roll-over. Stopping it ends all spending and returns what is left of every lease. */
  start(intervalMs: number): () => Promise<void>
  /** One round of what `start` repeats. Never rejects. */
  tick(): Promise<void>
}

export interface ReserveFor {
  decisionId: string
  tenant: string
  /** Unreported by then, it counts as spent: milliseconds since the epoch. */
  untilMs: number
  shadow: boolean
}

export interface KeeperOptions {
  region: string
  /** This process, see `newNode`. */
  node: string
  slices: Slices
  vouchers: Vouchers
  outcomes: Outcomes
  clock: Clock
  /** The directory in force, as the signed one says; undefined before the first. */
  directory: () => GrantsInForce | undefined
  log: (event: object) => void
  limits?: Partial<LesseeLimits>
}

/** Between looks at a slice whose budget is in use, and at one that is not. */
const USED_LATELY_MS = 60_000
const IDLE_LOOK_MS = 10_000
/** Attempts of one call at a lease that others take away from it. */
const ROUNDS_MAX = 3
/** Ledgers that are looked after at the same time. */
const CONCURRENT = 8

export function createKeeper(options: KeeperOptions): BudgetKeeper {
  const { region, node, slices, vouchers, outcomes, clock, directory, log, limits } = options
  const granted = grantedIn(region, directory)
  const lessee = createLessee({ slices, granted, clock, log, ...(limits && { limits }) })
  const transfers = createTransfers({ region, slices, vouchers, granted, clock, log })
  const reservations = createReservations()
  const desk = createOutcomeDesk({ node, slices, outcomes, reservations, clock })
  const shadows = createShadowBook()
  const ledgers = new Map<string, Ledger>()
  /** By agent, the one that was used last. */
  const newest = new Map<string, Ledger>()
  let named = 0
  let stopped = false

  const ledgerOf = (agent: string, unit: string): Ledger => {
    const nowMs = clock.monotonic()
    const period = periodOf(clock.now())
    let ledger = newest.get(agent)
    if (ledger === undefined || ledger.key.period !== period || ledger.key.unit !== unit) {
      const id = `${agent} ${period} ${unit}`
      ledger = ledgers.get(id)
      if (ledger === undefined) {
        named += 1
        ledger = new Ledger({ agent, period, unit }, `${node}.${named}`, nowMs)
        ledgers.set(id, ledger)
      }
      newest.set(agent, ledger)
    }
    ledger.lastUsedMs = nowMs
    return ledger
  }

  const shadowOf = ({ id, budget }: ActiveAgent) => (budget === null ? undefined : shadows.account(id, periodOf(clock.now()), budget))

  const tend = async (ledger: Ledger) => {
    const { key } = ledger
    await lessee.maintain(ledger)
    await transfers.resend(key, ledger.slice)
  }

  const tick = async () => {
    const nowMs = clock.now()
    reservations.expire(nowMs)
    const guarded = async (what: string, work: Promise<unknown>) => {
      await work.catch((error) => log({ event: 'budget_round_failed', what, detail: String(error) }))
    }
    await guarded('outcomes', desk.collect())
    await guarded('receive', transfers.receive())
    const due = [...ledgers.values()].filter((ledger) => isDue(ledger, clock.monotonic()))
    for (let at = 0; at < due.length; at += CONCURRENT) {
      await Promise.all(due.slice(at, at + CONCURRENT).map((ledger) => guarded('tend', tend(ledger))))
    }
    await guarded('ask', transfers.ask(ledgers.values()))
    await guarded('answer', transfers.answer())
    const yesterday = periodAfter(periodOf(nowMs), -1)
    for (const [id, ledger] of ledgers) {
      if (!isOver(ledger, yesterday)) continue
      ledgers.delete(id)
      if (newest.get(ledger.key.agent) === ledger) newest.delete(ledger.key.agent)
    }
    shadows.forgetBefore(yesterday)
  }

  return {
    prepare(agent, cost, shadow) {
      if (agent.budget === null || shadow || cost === 0 || stopped) return
      const ledger = ledgerOf(agent.id, agent.budget.unit)
      if (cost <= ledger.available) return
      return lessee.cover(ledger, cost).then(() => {})
    },

    facts(agent, cost, shadow) {
      if (agent.budget === null) return null
      if (shadow) return { remaining: shadowOf(agent)?.remaining ?? 0, cost }
      const ledger = ledgerOf(agent.id, agent.budget.unit)
      const { available, slice, troubled } = ledger
      if (cost > available && (slice === undefined || troubled)) return null
      return { remaining: available + (slice?.free ?? 0), cost }
    },

    async reserve(agent, cost, { decisionId, tenant, untilMs, shadow }) {
      if (agent.budget === null || stopped || !Number.isSafeInteger(cost) || cost < 0) return 'unavailable'
      const of = { decisionId, agentId: agent.id, tenant }
      if (shadow) return reservations.hold(shadows.account(agent.id, periodOf(clock.now()), agent.budget), cost, of, untilMs) ?? 'exhausted'
      const ledger = ledgerOf(agent.id, agent.budget.unit)
      // What one call found covered, another may take before it goes on.
      for (let round = 0; round < ROUNDS_MAX && cost > ledger.available; round++) {
        const outcome = await lessee.cover(ledger, cost)
        if (outcome !== 'covered') return outcome
      }
      if (stopped) return 'unavailable'
      return reservations.hold(ledger, cost, of, untilMs) ?? 'unavailable'
    },

    report: (decisionId, by, outcome) => desk.report(decisionId, by, outcome),

    status() {
      const nowMs = clock.now()
      return [...ledgers.values()].flatMap((ledger) => statusOf(ledger, nowMs))
    },

    tick,

    start(intervalMs) {
      let running: Promise<void> = Promise.resolve()
      let timer: NodeJS.Timeout
      const again = () => {
        timer = setTimeout(() => {
          running = tick().then(() => void (stopped || again()))
        }, intervalMs)
        timer.unref()
      }
      again()
      return async () => {
        stopped = true
        clearTimeout(timer)
        await running
        clearTimeout(timer)
        await Promise.all([...ledgers.values()].map((ledger) => lessee.close(ledger)))
      }
    },
  }
}

function isDue({ lastUsedMs, seenMs, unsettled, held, spent }: Ledger, nowMs: number): boolean {
  return unsettled || held > spent || nowMs - lastUsedMs < USED_LATELY_MS || nowMs - seenMs > IDLE_LOOK_MS
}

/** A period that ended a day ago, of which everything is told. Or a week ago, whatever became of it. */
function isOver({ key, unsettled, reserved, available, spent, told }: Ledger, yesterday: string): boolean {
  if (key.period >= yesterday) return false
  return (!unsettled && reserved === 0 && available === 0 && spent === told.spent) || key.period < periodAfter(yesterday, -6)
}
