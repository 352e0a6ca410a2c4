import { dotted, refsOf } from '../../rego/ast.ts'
import type { RegoLintRule } from '../rego-rule.ts'
import { within } from './own-package.ts'

/** In the gateway there is no data document, so a condition on it never holds, and its negation always does: that is how a policy fails open. */
export const noData: RegoLintRule = {
  id: 'no-data',
  refuses: 'Rego that reads `data` beyond its own package: the gateway has no data document',
  check({ files }, report) {
    for (const file of files) {
      for (const ref of refsOf([file.imports, file.rules])) {
        const name = dotted(ref) ?? ''
        if (name !== 'data' && !name.startsWith('data.')) continue
        if (!within(name))
          report(file, ref.location, `reads ${name}, and the gateway has no such data; documents come as input.agent.policy`)
      }
    }
  },
}
