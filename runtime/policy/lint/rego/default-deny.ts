import { nameOf, type Term } from '../../rego/ast.ts'
import type { RegoLintRule } from '../rego-rule.ts'

const ENTRYPOINT = 'decision'

/** Where no rule has an answer, the default is the answer. */
export const defaultDeny: RegoLintRule = {
  id: 'default-deny',
  refuses: 'an entrypoint `decision` without a default, or whose default is another outcome than `deny`',
  check({ files }, report) {
    const decisions = files.flatMap((file) =>
      (file.rules ?? []).filter((rule) => nameOf(rule) === ENTRYPOINT).map((rule) => ({ file, rule })),
    )
    const fallback = decisions.find(({ rule }) => rule.default === true)
    if (fallback !== undefined) {
      if (outcomeIn(fallback.rule.head.value) !== 'deny')
        report(fallback.file, fallback.rule.location, 'the default of decision is not the outcome deny; say "outcome": "deny" in it')
      return
    }
    const [first] = decisions
    const file = first?.file ?? files[0]
    if (file !== undefined)
      report(
        file,
        first?.rule.location,
        'decision has no default; begin with default decision := {"outcome": "deny", ...} as decision.rego does',
      )
  },
}

/** The outcome in an object that is written out; anything that would have to be worked out is none. */
function outcomeIn(value: Term | undefined): unknown {
  if (value?.type !== 'object' || !Array.isArray(value.value)) return undefined
  const pair = (value.value as [Term, Term][]).find(([key]) => key.value === 'outcome')
  return pair?.[1].type === 'string' ? pair[1].value : undefined
}
