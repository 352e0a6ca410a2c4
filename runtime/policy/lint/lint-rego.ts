import type { DocumentFault } from '../yaml-file.ts'
import type { RegoLibrary, RegoLintRule } from './rego-rule.ts'
import { REGO_RULES } from './rego-rules.ts'

/** Asks every rule about parsed Rego. @returns faults whose `file` is the path in the library */
export function lintRego(library: RegoLibrary, rules: readonly RegoLintRule[] = REGO_RULES): DocumentFault[] {
  const faults: DocumentFault[] = []
  for (const rule of rules) {
    rule.check(library, ({ path: file }, place, message) => {
      faults.push({ file, line: place?.row ?? 1, column: Math.max(1, place?.col ?? 1), path: '', message: `${message} [${rule.id}]` })
    })
  }
  return faults
}
