import { type ActiveAgent, type Roles, type Tool, toolZones } from '../bundle-data.ts'
import type { PolicyEvaluator } from '../evaluate.ts'
import type { PolicyInput } from '../policy-io.ts'

type ToolFacts = NonNullable<PolicyInput['tool']>

/** A bundle that recorded decisions are judged by. It decides no call. */
export interface Candidate {
  evaluator: Pick<PolicyEvaluator, 'evaluate'>
  agents: ReadonlyMap<string, ActiveAgent>
  /** By tool, then by action. */
  actions: ReadonlyMap<string, ReadonlyMap<string, CandidateAction>>
}

export interface CandidateAction {
  /** The same objects for every decision, so that each is serialized once. */
  facts: ToolFacts
  driftedFacts: ToolFacts
  policyReads: readonly string[]
  roles: Roles
}

export interface CandidateParts {
  agents: ReadonlyMap<string, ActiveAgent>
  tools: ReadonlyMap<string, Tool>
  /** Of the directory in force: regions by zone. */
  zones: Readonly<Record<string, readonly string[]>>
  evaluator: Pick<PolicyEvaluator, 'evaluate'>
}

export function candidateOf({ agents, tools, zones, evaluator }: CandidateParts): Candidate {
  const actionsOf = (tool: Tool) => {
    const reached = toolZones(tool, zones)
    return new Map(
      [...tool.actions].map(([name, { effect, risk, policyReads, roles }]): [string, CandidateAction] => {
        const facts = { name: tool.name, action: name, effect, zones: reached, risk, drift: false }
        // What nobody pinned cannot drift.
        const driftedFacts = tool.definition === undefined ? facts : { ...facts, drift: true }
        return [name, { facts, driftedFacts, policyReads, roles }]
      }),
    )
  }
  return { evaluator, agents, actions: new Map([...tools].map(([name, tool]) => [name, actionsOf(tool)])) }
}
