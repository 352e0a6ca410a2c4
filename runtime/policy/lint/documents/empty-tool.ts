import type { DocumentRule } from '../rule.ts'

/** It looks like the whole tool and is none of it. */
export const emptyTool: DocumentRule = {
  id: 'empty-tool',
  refuses: 'a tool in `allowed_tools` without any action, which allows nothing',
  agent({ document, registry }, report) {
    for (const [tool, actions] of Object.entries(document.allowed_tools)) {
      if (Object.keys(actions).length > 0) continue
      const known = Object.keys(registry[tool]?.actions ?? {}).join(', ')
      const hint = known === '' ? `there is no tool ${tool} in tools.yaml` : `name some of ${known}, or leave the tool out`
      report(['allowed_tools', tool], `names no action, so it allows nothing; ${hint}`)
    }
  },
}
