import { allowedActions } from '../allowed-actions.ts'
import type { DocumentRule } from '../rule.ts'

/** The list and the tool that goes where its argument says need each other. */
export const egressTool: DocumentRule = {
  id: 'egress-tool',
  refuses: '`egress` without an allowed action that takes a URL, and such an action without `egress`',
  agent({ document, registry }, report) {
    const travelling = allowedActions(document, registry).filter(({ entry }) => entry.roles.url !== undefined)
    if (document.egress.length > 0 && travelling.length === 0)
      report(
        ['egress'],
        'no action that the agent may use takes a URL (roles.url in tools.yaml), so no host is ever asked for; take it out',
      )
    if (document.egress.length > 0) return
    for (const { tool, action } of travelling) {
      report(['allowed_tools', tool, action], 'goes where its argument says, and egress lists no host, so every call is denied; list hosts')
    }
  },
}
