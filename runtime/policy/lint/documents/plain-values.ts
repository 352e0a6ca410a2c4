import type { DocumentRule, Report } from '../rule.ts'

/**
 * Bundles are hashed over one spelling of every value, by us and by any other OPA. Whole numbers have one; fractions, numbers past 2^53
 * and half a surrogate pair have not.
 */
export const plainValues: DocumentRule = {
  id: 'plain-values',
  refuses: 'a number with a fraction or past 9007199254740991, and text that is no Unicode',
  agent({ document }, report) {
    walk(document, [], report)
  },
  tools({ registry }, report) {
    for (const [tool, { actions }] of Object.entries(registry)) {
      for (const [action, { schema }] of Object.entries(actions)) walk(schema, [tool, 'actions', action, 'schema'], report)
    }
  },
}

function walk(value: unknown, path: readonly (string | number)[], report: Report): void {
  if (typeof value === 'number' && !Number.isSafeInteger(value))
    report(path, `${value} is not a whole number that is exact everywhere; write one of at most 9007199254740991`)
  if (typeof value === 'string' && !value.isWellFormed()) report(path, 'has half of a surrogate pair; write the character out')
  if (typeof value !== 'object' || value === null) return
  for (const [key, inner] of Object.entries(value)) {
    if (!key.isWellFormed()) report(path, 'has a name with half of a surrogate pair; write the character out')
    walk(inner, [...path, Array.isArray(value) ? Number(key) : key], report)
  }
}
