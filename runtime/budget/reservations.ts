import { AegisError } from '../model/codes.ts'
import type { ReportedOutcome } from '../state/outcomes.ts'
import type { Account } from './ledger.ts'

/** What was set aside for one call. The first of `settle`, `release`, a report and `untilMs` says what became of it; all others change nothing. */
export interface HeldReservation {
  readonly cost: number
  /** ISO 4217 code in lower case, `calls` or `tokens`. */
  readonly unit: string
  readonly untilMs: number
  /** The call was made. `cost`: what it really cost, at most what is held, and all of it by default. */
  settle(cost?: number): void
  /** The call was not made. */
  release(): void
}

export interface ReservedFor {
  decisionId: string
  agentId: string
  tenant: string
}

export interface Outcome {
  status: ReportedOutcome['status']
  cost?: number
}

/** The reservations of this process: those that are open, and for a while those that were reported or expired. */
export interface Reservations {
  /** Holds `cost`. @returns undefined when the account does not have it */
  hold(account: Account, cost: number, of: ReservedFor, untilMs: number): HeldReservation | undefined
  /** @throws AegisError not_found, malformed_call, already_decided */
  report(decisionId: string, by: Omit<ReservedFor, 'decisionId'>, outcome: Outcome, nowMs: number): { spent: number; unit: string }
  /** Nobody reported: counts as spent. */
  expire(nowMs: number): void
  readonly open: number
}

/** Reservations that memory has room for. The oldest give way, and count as spent. */
const OPEN_MAX = 200_000
const DECIDED_MAX = 50_000
const DECIDED_KEPT_MS = 15 * 60_000

interface Decided {
  of: ReservedFor
  status: Outcome['status']
  spent: number
  unit: string
  untilMs: number
}

export function createReservations({ openMax = OPEN_MAX, decidedMax = DECIDED_MAX } = {}): Reservations {
  // Maps keep their order: the oldest come first.
  const held = new Map<string, Reservation>()
  const decided = new Map<string, Decided>()

  const decide = (reservation: Reservation, status: Outcome['status'], spent: number, nowMs: number): Decided => {
    const { of, unit } = reservation
    reservation.close(spent)
    const decision = { of, status, spent, unit, untilMs: nowMs + DECIDED_KEPT_MS }
    decided.set(of.decisionId, decision)
    for (const [id, { untilMs }] of decided) {
      if (untilMs > nowMs && decided.size <= decidedMax) break
      decided.delete(id)
    }
    return decision
  }

  return {
    hold(account, cost, of, untilMs) {
      // An id is decided once. Whoever brings it again would hide the reservation that stands under it.
      if (held.has(of.decisionId) || decided.has(of.decisionId) || !account.hold(cost)) return undefined
      const reservation = new Reservation(account, cost, of, untilMs, held)
      held.set(of.decisionId, reservation)
      if (held.size > openMax) held.values().next().value?.settle()
      return reservation
    },
    report(decisionId, by, outcome, nowMs) {
      const of = held.get(decisionId)?.of ?? decided.get(decisionId)?.of
      if (of === undefined || of.agentId !== by.agentId || of.tenant !== by.tenant)
        throw new AegisError('not_found', 'there is no reservation of this agent for the decision')
      const reservation = held.get(decisionId)
      const late = reservation !== undefined && nowMs >= reservation.untilMs
      if (reservation !== undefined && late) decide(reservation, 'executed', reservation.cost, nowMs)
      if (reservation === undefined || late) return repeated(decided.get(decisionId), outcome)
      return answer(decide(reservation, outcome.status, spentOf(outcome, reservation.cost), nowMs))
    },
    expire(nowMs) {
      for (const reservation of held.values()) {
        if (reservation.untilMs > nowMs) break
        decide(reservation, 'executed', reservation.cost, nowMs)
      }
    },
    get open() {
      return held.size
    },
  }
}

class Reservation implements HeldReservation {
  readonly cost: number
  readonly of: ReservedFor
  readonly untilMs: number
  readonly #account: Account
  readonly #among: Map<string, Reservation>
  #open = true

  constructor(account: Account, cost: number, of: ReservedFor, untilMs: number, among: Map<string, Reservation>) {
    this.cost = cost
    this.of = of
    this.untilMs = untilMs
    this.#account = account
    this.#among = among
  }

  get unit(): string {
    return this.#account.unit
  }

  settle(cost = this.cost): void {
    this.close(Number.isSafeInteger(cost) && cost >= 0 && cost <= this.cost ? cost : this.cost)
  }

  release(): void {
    this.close(0)
  }

  close(spent: number): void {
    if (!this.#open) return
    this.#open = false
    this.#among.delete(this.of.decisionId)
    this.#account.close(this.cost, spent)
  }
}

/** @throws AegisError malformed_call */
function spentOf({ status, cost }: Outcome, reserved: number): number {
  if (status === 'not_executed') {
    if (cost !== undefined && cost !== 0) throw new AegisError('malformed_call', 'what was not executed has no cost')
    return 0
  }
  if (cost === undefined) return reserved
  if (!Number.isSafeInteger(cost) || cost < 0 || cost > reserved)
    throw new AegisError('malformed_call', 'the cost is not a whole number, or above what was reserved')
  return cost
}

function repeated(decision: Decided | undefined, { status, cost }: Outcome): { spent: number; unit: string } {
  if (decision === undefined) throw new AegisError('not_found', 'there is no reservation of this agent for the decision')
  const same = status === decision.status && (status === 'not_executed' || cost === undefined || cost === decision.spent)
  if (!same) throw new AegisError('already_decided', 'another outcome stands for this decision')
  return answer(decision)
}

const answer = ({ spent, unit }: Decided) => ({ spent, unit })
