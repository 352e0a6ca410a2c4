import type { ActionRule, AgentDocument } from '../agent-document.ts'
import type { BundledTool } from '../bundle-data.ts'
import type { Registry } from '../compile.ts'

export interface AllowedAction {
  tool: string
  action: string
  rule: ActionRule
  entry: BundledTool['actions'][string]
}

/** What a checked document allows, each with its entry in the registry. */
export function allowedActions({ allowed_tools }: AgentDocument, registry: Registry): AllowedAction[] {
  return Object.entries(allowed_tools).flatMap(([tool, actions]) =>
    Object.entries(actions).flatMap(([action, rule]) => {
      const entry = registry[tool]?.actions[action]
      return entry === undefined ? [] : [{ tool, action, rule, entry }]
    }),
  )
}
