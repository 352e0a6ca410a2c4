import type { Mode, Outcome } from '../../model/verdict.ts'
import { POLICY_ARGUMENTS_BYTES_MAX, selectArguments } from '../arguments.ts'
import type { ActiveAgent } from '../bundle-data.ts'
import { DOCUMENT_REASONS, type PolicyInput } from '../policy-io.ts'
import type { Candidate, CandidateAction } from './candidate.ts'
import type { Asked, RecordedDecision, RecordedReason } from './recorded.ts'

/** Two outcomes of one call: by what decided it, and by the candidate. */
export interface Rejudged {
  from: Outcome
  to: Outcome
  /** The candidate's reasons. */
  reasons: RecordedReason[]
  /** The candidate's registry has the action, or the one that decided had it: else its name is only the caller's word. */
  registered: boolean
}

/**
 * Judges a recorded call anew by a candidate's agents, tools, zones and module: effect, risk, zones and arguments are taken from its
 * registry, everything else was recorded. What it cannot know: data classes that the candidate adds, the hosts that it lists for a tool
 * whose destination is an argument, and the amount that it would give a budget; those stay as they were.
 *
 * Both outcomes are policy's own. Only where the candidate changes between enforcing and shadow are they what would be done.
 *
 * @returns undefined when the candidate would need a fact that nobody recorded
 */
export function rejudge(recorded: RecordedDecision & { policy: Asked }, candidate: Candidate): Rejudged | undefined {
  const { policy, mode } = recorded
  const { input } = policy
  const named = candidate.agents.get(input.agent.id)
  const agent = named?.tenant === input.tenant.id ? named : undefined
  const action = candidate.actions.get(input.call.tool)?.get(input.call.action)
  if (!isAnswerable(policy, agent, action)) return undefined
  const { outcome, reasons } = judge(policy, agent, action, candidate)
  const nowMode: Mode = input.tenant.mode === 'shadow' || agent?.mode === 'shadow' ? 'shadow' : 'enforce'
  const switched = agent !== undefined && nowMode !== mode
  return {
    from: switched ? enforcedIn(mode, policy) : policy.outcome,
    to: switched ? enforcedIn(nowMode, { outcome, reasons }) : outcome,
    reasons,
    registered: action !== undefined || input.tool !== null,
  }
}

/** Does the recording hold every fact that the candidate's documents would ask for? */
function isAnswerable({ input, basis }: Asked, agent: ActiveAgent | undefined, action: CandidateAction | undefined): boolean {
  const known = basis.reads ?? []
  if (action?.policyReads.some((pointer) => !known.some((read) => pointer === read || pointer.startsWith(`${read}/`)))) return false
  if (agent === undefined) return true
  if (agent.chain.length > 0 && !basis.chain_rules) return false
  const { budget } = agent
  if (budget !== null && action !== undefined && budget.unit !== basis.budget_unit && spends(budget.unit, action)) return false
  return action?.roles.url === undefined || destinationKnown(input.tool, agent)
}

/** A budget in money is about actions that move money, every other one about all. */
function spends(unit: string, { roles }: CandidateAction): boolean {
  return unit === 'calls' || unit === 'tokens' || roles.amount !== undefined
}

/** Where the arguments said that the call goes was not recorded, only in which zone that was. */
function destinationKnown(tool: PolicyInput['tool'], agent: ActiveAgent): boolean {
  if (tool === null) return false
  return tool.zones.every((zone) => zone === OUTSIDE || agent.egress.some((listed) => listed.zone === zone))
}

/** What the host calls the place of a destination that lies outside every zone. */
const OUTSIDE = 'outside'

function judge(
  { input }: Asked,
  agent: ActiveAgent | undefined,
  action: CandidateAction | undefined,
  { evaluator }: Candidate,
): { outcome: Outcome; reasons: RecordedReason[] } {
  const selected = action === undefined ? {} : selectArguments(input.call.arguments, action.policyReads)
  if (Buffer.byteLength(JSON.stringify(selected)) > POLICY_ARGUMENTS_BYTES_MAX)
    return { outcome: 'deny', reasons: [{ code: 'policy_input_too_large', rule: 'host.policy_input' }] }
  try {
    const { outcome, reasons } = evaluator.evaluate({
      ...input,
      call: { ...input.call, arguments: selected },
      agent: { id: input.agent.id, policyJson: agent?.policyJson ?? null },
      tool: toolFacts(input.tool, action),
    })
    return { outcome, reasons: reasons.map(({ code, rule }) => ({ code, rule })) }
  } catch {
    // As a gateway has it: a policy that throws is a deny.
    return { outcome: 'deny', reasons: [{ code: 'policy_error', rule: 'host.policy' }] }
  }
}

function toolFacts(then: PolicyInput['tool'], action: CandidateAction | undefined): PolicyInput['tool'] {
  if (action === undefined) return null
  const facts = then?.drift === true ? action.driftedFacts : action.facts
  return action.roles.url === undefined || then === null ? facts : { ...facts, zones: then.zones }
}

/** What shadow mode makes of an outcome that only the agent's document gave, see `DOCUMENT_REASONS`. */
function enforcedIn(mode: Mode, { outcome, reasons }: { outcome: Outcome; reasons: readonly RecordedReason[] }): Outcome {
  if (mode === 'enforce' || outcome === 'allow') return outcome
  if (reasons.every(({ code }) => (DOCUMENT_REASONS as ReadonlySet<string>).has(code))) return 'allow'
  return outcome === 'approval_needed' ? 'deny' : outcome
}
