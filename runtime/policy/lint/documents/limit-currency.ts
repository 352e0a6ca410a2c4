import { limitsOf } from '../../agent-document.ts'
import { paramPointer } from '../../compile.ts'
import { allowedActions } from '../allowed-actions.ts'
import type { DocumentRule } from '../rule.ts'

/** 100000 is 1,000 EUR and 100,000 JPY: a number says nothing of money where the call chooses the currency. */
export const limitCurrency: DocumentRule = {
  id: 'limit-currency',
  refuses: 'a limit on an amount that does not say its currency: `params` on the amount of an action with limits in several',
  agent({ document, registry }, report) {
    for (const { tool, action, rule, entry } of allowedActions(document, registry)) {
      const currencies = limitsOf(rule).map(({ currency }) => currency)
      if (currencies.length < 2) continue
      for (const [name, constraint] of Object.entries(rule.params ?? {})) {
        if (paramPointer(name) !== entry.roles.amount || constraint.at_most === undefined) continue
        report(
          ['allowed_tools', tool, action, 'params', name, 'at_most'],
          `is a limit without a currency, and the action may be called in ${currencies.join(', ')}; write it as max_amount, once a currency`,
        )
      }
    }
  },
}
