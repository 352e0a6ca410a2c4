import { AegisError } from '../model/codes.ts'
import { nodeOf } from '../model/decision-id.ts'
import type { Clock } from '../model/ports.ts'
import type { Outcomes, ReportedOutcome } from '../state/outcomes.ts'
import type { Slices } from '../state/slices.ts'
import { periodAfter, periodOf } from './period.ts'
import type { Outcome, Reservations } from './reservations.ts'

/** Takes reports of what became of calls, whichever process of the region decided them. */
export interface OutcomeDesk {
  /** @throws AegisError not_found, malformed_call, already_decided, state_unavailable */
  report(decisionId: string, by: Reporter, outcome: Outcome): Promise<{ spent: number | null; unit: string | null }>
  /** Takes in what other processes were told about decisions of this one. */
  collect(): Promise<void>
}

export interface Reporter {
  agentId: string
  tenant: string
}

export interface OutcomeDeskOptions {
  node: string
  slices: Pick<Slices, 'ofAgent'>
  outcomes: Outcomes
  reservations: Reservations
  clock: Clock
}

/** A report may reach the mailbox so much later than its own time says, by clocks that differ and requests that are slow. */
const SLACK_MS = 30_000

export function createOutcomeDesk({ node, slices, outcomes, reservations, clock }: OutcomeDeskOptions): OutcomeDesk {
  let collectedMs = Number.NEGATIVE_INFINITY

  const pass = async (owner: string, report: ReportedOutcome) => {
    const nowMs = clock.now()
    // Only a process that holds a lease of this agent's budget can have reserved from it: nothing is written for an id that was made up.
    const known = await slices.ofAgent(report.agentId, periodAfter(periodOf(nowMs), -1))
    const unit = known.find(({ slice }) => [...slice.leases.keys()].some((name) => name.startsWith(`${owner}.`)))?.key.unit
    if (unit === undefined) return { spent: null, unit: null }
    const standing = await outcomes.claim(report, nowMs)
    if (standing.status !== report.status || standing.cost !== report.cost)
      throw new AegisError('already_decided', 'another outcome was reported for this decision')
    await outcomes.tell(owner, report, nowMs)
    return { spent: report.status === 'not_executed' ? 0 : (report.cost ?? null), unit }
  }

  return {
    async report(decisionId, { agentId, tenant }, outcome) {
      const owner = nodeOf(decisionId)
      if (owner === undefined) throw new AegisError('not_found', 'there is no such decision')
      if (owner === node) return reservations.report(decisionId, { agentId, tenant }, outcome, clock.now())
      try {
        return await pass(owner, { decisionId, agentId, tenant, status: outcome.status, cost: outcome.cost })
      } catch (error) {
        if (error instanceof AegisError) throw error
        throw new AegisError('state_unavailable', 'the report could not be written down', { cause: error })
      }
    },

    async collect() {
      if (reservations.open === 0) return
      const nowMs = clock.now()
      const told = await outcomes.toldTo(node, Math.max(0, Math.min(collectedMs, nowMs) - SLACK_MS))
      for (const { decisionId, agentId, tenant, status, cost } of told) {
        try {
          reservations.report(decisionId, { agentId, tenant }, { status, ...(cost !== undefined && { cost }) }, nowMs)
        } catch (error) {
          // Reported before, expired, or not this agent's: what stands, stands.
          if (!(error instanceof AegisError)) throw error
        }
      }
      collectedMs = nowMs
    },
  }
}
