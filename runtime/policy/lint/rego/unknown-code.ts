import { everything, type Term } from '../../rego/ast.ts'
import type { RegoLintRule } from '../rego-rule.ts'

/** A reason that the gateway does not know is no answer: every call that it is about would be `policy_error`. */
export const unknownCode: RegoLintRule = {
  id: 'unknown-code',
  refuses: 'a reason code that the gateway does not know ([codes.md](codes.md))',
  check({ files, codes }, report) {
    for (const file of files) {
      for (const term of everything(file.rules)) {
        if (!('type' in term) || term.type !== 'object') continue
        for (const [key, value] of (term as Term).value as [Term, Term][]) {
          if (key.value === 'code' && value.type === 'string' && !codes.has(String(value.value)))
            report(
              file,
              value.location,
              `${JSON.stringify(value.value)} is no code of the gateway; use one of docs/codes.md, or declare it and deploy first`,
            )
        }
      }
    }
  },
}
