import { costOf } from '../../budget/cost.ts'
import type { BudgetKeeper, HeldReservation } from '../../budget/keeper.ts'
import type { PolicyInput } from '../../policy/policy-io.ts'
import type { EnrichedCall } from './enrich.ts'

/** What a call costs its agent's budget. */
export interface Spend {
  prepare(budgets: Pick<BudgetKeeper, 'prepare'>): Promise<void> | void
  facts(budgets: Pick<BudgetKeeper, 'facts'>): PolicyInput['budget']
  reserve(budgets: Pick<BudgetKeeper, 'reserve'>, decisionId: string, nowMs: number): Promise<HeldReservation | 'exhausted' | 'unavailable'>
}

/** How long a caller may take to say what became of its call. After that the call counts as made. */
export const RESERVATION_MS = 5 * 60_000

/** @returns undefined for an agent without a budget, or a call that costs nothing of it */
export function spendOf({ agent, registered, call, tenant, mode }: EnrichedCall): Spend | undefined {
  if (agent === undefined || agent.budget === null || registered === undefined) return undefined
  const priced = costOf(agent, registered.action.roles, call.arguments)
  if (priced === null) return undefined
  const shadow = mode === 'shadow'
  return {
    prepare: (budgets) => budgets.prepare(agent, priced.cost, shadow),
    facts: (budgets) => budgets.facts(agent, priced.cost, shadow),
    reserve: (budgets, decisionId, nowMs) =>
      budgets.reserve(agent, priced.cost, { decisionId, tenant: tenant.id, untilMs: nowMs + RESERVATION_MS, shadow }),
  }
}
