import type { ActionRule } from '../agent-document.ts'

/** What a document asks of one argument. */
export type Constraint = NonNullable<ActionRule['params']>[string]

/** Whether a value satisfies one operator: what params.rego says, said again for values that the author wrote down. */
export function fits(value: unknown, op: keyof Constraint, operand: unknown): boolean {
  switch (op) {
    case 'equals':
      return value === operand
    case 'one_of':
      return Array.isArray(operand) && operand.includes(value)
    case 'prefix':
      return typeof value === 'string' && value.startsWith(String(operand))
    case 'suffix':
      return typeof value === 'string' && value.endsWith(String(operand))
    case 'at_most':
      return Number.isSafeInteger(value) && Number(value) >= 0 && Number(value) <= Number(operand)
  }
}
