import { type Expression, expressionsOf, isConstant, type Term } from '../../rego/ast.ts'
import type { RegoLintRule } from '../rego-rule.ts'

/** A rule with such a line was switched off, or never did what its author believes. */
export const constantFalse: RegoLintRule = {
  id: 'constant-false',
  refuses: 'a Rego rule that can never fire: a literal `false`, or a comparison of two constants that never holds',
  check({ files }, report) {
    for (const file of files) {
      for (const expression of expressionsOf(file.rules)) {
        if (neverHolds(expression))
          report(file, expression.location, 'this line never holds, so the rule never fires; correct it or take the rule out')
      }
    }
  },
}

function neverHolds({ terms, negated = false }: Expression): boolean {
  const known = Array.isArray(terms) ? compared(terms) : truth(terms as Term)
  return known !== undefined && known === negated
}

function truth({ type, value }: Term): boolean | undefined {
  return type === 'boolean' ? value === true : undefined
}

function compared([operator, left, right]: readonly Term[]): boolean | undefined {
  const name = Array.isArray(operator?.value) ? operator.value[0]?.value : undefined
  if (left === undefined || right === undefined || !isConstant(left) || !isConstant(right)) return undefined
  const same = left.type === right.type && left.value === right.value
  if (name === 'equal' || name === 'eq') return same
  return name === 'neq' ? !same : undefined
}
