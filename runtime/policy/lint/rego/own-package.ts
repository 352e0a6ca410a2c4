import { dotted } from '../../rego/ast.ts'
import type { RegoLintRule } from '../rego-rule.ts'

/** The documents stand beside the library, under `aegis`: a module of another package could write over them in a real OPA. */
export const ownPackage: RegoLintRule = {
  id: 'own-package',
  refuses: 'a module outside the package `aegis.gateway`',
  check({ files }, report) {
    for (const file of files) {
      const name = dotted({ type: 'ref', value: file.package.path }) ?? ''
      if (within(name)) continue
      report(
        file,
        file.package.location,
        `is package ${name.replace(/^data\./, '')}; only aegis.gateway and packages below it are the library's`,
      )
    }
  },
}

export function within(name: string): boolean {
  return name === 'data.aegis.gateway' || name.startsWith('data.aegis.gateway.')
}
