import { currency } from '../../agent-document.ts'
import { schemaAt } from '../../registry.ts'
import type { DocumentRule } from '../rule.ts'

/** Limits name currencies in lower case and policy compares letter by letter: `EUR` in the registry is money that nobody can limit or move. */
export const currencyEnum: DocumentRule = {
  id: 'currency-enum',
  refuses: 'a currency in `tools.yaml` that no limit can name, such as `EUR` in capitals',
  tools({ registry }, report) {
    for (const [tool, { actions }] of Object.entries(registry)) {
      for (const [action, { roles, schema }] of Object.entries(actions)) {
        const values = roles.currency === undefined ? undefined : schemaAt(schema, roles.currency)?.enum
        if (!Array.isArray(values)) continue
        const odd = values.filter((value) => !currency.safeParse(value).success)
        if (odd.length > 0)
          report(
            [tool, 'actions', action, 'roles', 'currency'],
            `the argument takes ${odd.map((value) => JSON.stringify(value)).join(', ')}, which no limit can name; write three lower case letters such as eur`,
          )
      }
    }
  },
}
