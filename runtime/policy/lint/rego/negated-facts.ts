import { callsOf, nameOf, type Term } from '../../rego/ast.ts'
import type { RegoLibrary, RegoLintRule } from '../rego-rule.ts'

/**
 * Arguments are evaluated outside the `not`, so `not f(input.x)` is undefined where `x` is missing, and the refusal that it stands in
 * is gone with it.
 */
export const negatedFacts: RegoLintRule = {
  id: 'negated-facts',
  refuses:
    '`not f(input.x)` and `not input.x == y`, which refuse nothing where `x` is missing: name the condition as a rule and write `not condition`',
  check(library, report) {
    const open = mayBeUndefined(library)
    for (const file of library.files) {
      for (const { negated, args, location } of callsOf(file.rules)) {
        if (negated && args.some((arg) => reads(arg, open)))
          report(
            file,
            location,
            'a fact that is missing makes this line undefined; name the condition as a rule of its own and write not <that rule>',
          )
      }
    }
  },
}

function reads(value: unknown, open: ReadonlySet<string>): boolean {
  if (Array.isArray(value)) return value.some((inner) => reads(inner, open))
  if (typeof value !== 'object' || value === null || !('type' in value)) return false
  const { type, value: inner } = value as Term
  // The name of a function is a ref as well, and no fact.
  if (type === 'call') return Array.isArray(inner) && reads(inner.slice(1), open)
  if (type === 'ref') return Array.isArray(inner) && inner.length > 1
  return type === 'var' ? open.has(String(inner)) : reads(inner, open)
}

/** Values that rules give only where something holds. */
function mayBeUndefined({ files }: RegoLibrary): ReadonlySet<string> {
  const rules = files.flatMap((file) => file.rules ?? [])
  const defaults = new Set(rules.filter((rule) => rule.default).map(nameOf))
  const given = rules.filter((rule) => rule.head.args === undefined && !defaults.has(nameOf(rule))).map(nameOf)
  return new Set(given.filter((name) => name !== undefined))
}
