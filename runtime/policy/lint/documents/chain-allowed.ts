import type { AgentDocument } from '../../agent-document.ts'
import { allowedActions } from '../allowed-actions.ts'
import type { AgentSubject, DocumentRule } from '../rule.ts'

/**
 * What the agent may not do anyway is denied before any chain rule. `after` is left alone: another agent's calls may be in the
 * chain. So is `export`, as a tool may move abroad tomorrow, but for tenants that nothing is an export for.
 */
export const chainAllowed: DocumentRule = {
  id: 'chain-allowed',
  refuses: 'a chain rule that counts or denies what the agent may not do anyway, or denies the export of a tenant without zone',
  agent(subject, report) {
    const { document, tenants } = subject
    document.chain.forEach((rule, index) => {
      const target = 'count' in rule ? rule.count : rule.deny
      const key = 'count' in rule ? 'count' : 'deny'
      if (target === 'export') {
        if (tenants.get(document.tenant)?.binding === 'none')
          report(['chain', index, key], `tenant ${document.tenant} is bound to no zone, so nothing is an export; take the rule out`)
      } else if (target === 'write') {
        if (!writes(subject))
          report(['chain', index, key], 'the agent may use no action that writes, so this never holds; take the rule out')
      } else if (!allows(document, target)) {
        report(
          ['chain', index, key],
          `the agent may not use ${target}, so this never holds; allow it in allowed_tools or take the rule out`,
        )
      }
    })
  },
}

function writes({ document, registry }: AgentSubject): boolean {
  return allowedActions(document, registry).some(({ entry }) => entry.effect === 'write')
}

/** @param target a tool, or tool.action */
function allows({ allowed_tools }: AgentDocument, target: string): boolean {
  const [tool = '', action] = target.split('.')
  const actions = Object.hasOwn(allowed_tools, tool) ? Object.keys(allowed_tools[tool] ?? {}) : []
  return action === undefined ? actions.length > 0 : actions.includes(action)
}
