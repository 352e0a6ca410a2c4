import { budgetOf, limitsOf } from '../../agent-document.ts'
import { allowedActions } from '../allowed-actions.ts'
import type { DocumentRule } from '../rule.ts'

/** A budget that nothing draws on looks like a cap and is none. Budgets in tokens are checked beside the roles of the registry. */
export const budgetUnspent: DocumentRule = {
  id: 'budget-unspent',
  refuses: 'a budget that no allowed action draws on: money that none moves, or calls where none is allowed',
  agent({ document, registry }, report) {
    const budget = budgetOf(document)
    if (budget === null || budget.unit === 'tokens') return
    const allowed = allowedActions(document, registry)
    if (budget.unit === 'calls') {
      if (allowed.length === 0) report(['budget'], 'the agent may use no action, so no call is ever counted; take it out')
      return
    }
    const spends = allowed.some(({ rule }) => limitsOf(rule).some(({ currency }) => currency === budget.unit))
    if (!spends)
      report(
        ['budget', 'currency'],
        `no action that the agent may use moves ${budget.unit}, so nothing is ever counted; take the budget out`,
      )
  },
}
