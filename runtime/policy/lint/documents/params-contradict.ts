import { allowedActions } from '../allowed-actions.ts'
import { type Constraint, fits } from '../constraint.ts'
import type { DocumentRule, Report } from '../rule.ts'

/** All operators of one argument must hold, so two that no value satisfies deny every call. */
export const paramsContradict: DocumentRule = {
  id: 'params-contradict',
  refuses: '`params` whose operators contradict each other, so that no value or a listed one never passes',
  agent({ document, registry }, report) {
    for (const { tool, action, rule } of allowedActions(document, registry)) {
      for (const [name, constraint] of Object.entries(rule.params ?? {})) {
        const path = ['allowed_tools', tool, action, 'params', name]
        checkConstraint(constraint, (below, message) => report([...path, ...below], message))
      }
    }
  },
}

function checkConstraint(constraint: Constraint, report: Report): void {
  const { equals, one_of, prefix, suffix, at_most } = constraint
  if (at_most !== undefined && (prefix ?? suffix) !== undefined) {
    report(['at_most'], 'asks for a number, and prefix or suffix for a text: no value passes; keep one of them')
    return
  }
  if (equals !== undefined) {
    const broken = brokenBy(constraint, equals)
    if (broken !== undefined) report(['equals'], `${show(equals)} does not satisfy ${broken}: no value passes; correct one of them`)
    return
  }
  one_of?.forEach((value, index) => {
    const broken = brokenBy(constraint, value)
    if (broken !== undefined)
      report(['one_of', index], `${show(value)} does not satisfy ${broken}, so it never passes; correct it or take it out`)
  })
}

/** The first other operator that refuses a value. */
function brokenBy(constraint: Constraint, value: string | number | boolean): string | undefined {
  const { equals: _, ...others } = constraint
  const entry = Object.entries(others).find(([op, operand]) => operand !== undefined && !fits(value, op as keyof Constraint, operand))
  return entry === undefined ? undefined : `${entry[0]} ${show(entry[1])}`
}

const show = (value: unknown): string => JSON.stringify(value)
