import type { Reason } from '../../model/verdict.ts'
import { POLICY_ARGUMENTS_BYTES_MAX, selectArguments } from '../../policy/arguments.ts'
import { DOCUMENT_REASONS, type PolicyInput, type PolicyOutput } from '../../policy/policy-io.ts'
import type { ActivePolicy } from '../active-policy.ts'
import type { Place } from '../services.ts'
import type { EnrichedCall } from './enrich.ts'

export type Judgement = Pick<PolicyOutput, 'outcome' | 'reasons' | 'obligations'>

/** What the host found out about a call beside its memory of the tenant, agent and tool. */
export type FoundFacts = Pick<PolicyInput, 'data' | 'chain' | 'budget' | 'approval'>

/** Policy's judgement of a call. Whatever goes wrong in it is a deny. */
export function judge(enriched: EnrichedCall, found: FoundFacts, active: ActivePolicy, place: Place, nowMs: number): Judgement {
  const { call, registered } = enriched
  const selected = registered === undefined ? {} : selectArguments(call.arguments, registered.action.policyReads)
  if (Buffer.byteLength(JSON.stringify(selected)) > POLICY_ARGUMENTS_BYTES_MAX) {
    return denial({ code: 'policy_input_too_large', message: 'the arguments that policy reads are too large', rule: 'host.policy_input' })
  }
  try {
    return active.evaluator.evaluate(policyInput(enriched, found, selected, place, nowMs))
  } catch {
    return denial({ code: 'policy_error', message: 'policy could not be evaluated', rule: 'host.policy' })
  }
}

/**
 * What is done instead of what was decided. Softened only when every reason may be: one from elsewhere (registry, residency of a bound
 * tenant, an error) keeps the whole outcome in force. Shadow mode asks nobody, so what would need an approval there is refused. Where
 * exports are only observed, what policy has rewritten is rewritten all the same.
 */
export function soften(
  { outcome, reasons }: Pick<Judgement, 'outcome' | 'reasons'>,
  { mode, tenant }: Pick<EnrichedCall, 'mode' | 'tenant'>,
): Judgement['outcome'] {
  if (outcome === 'allow' || reasons.length === 0) return outcome
  const standing = reasons.filter(({ code }) => {
    return !((mode === 'shadow' && DOCUMENT_REASONS.has(code)) || (tenant.residency === 'observe' && code === 'residency_export'))
  })
  if (standing.length === 0) return 'allow'
  if (standing.every(({ code }) => code === 'data_class_sanitized')) return 'sanitize'
  return mode === 'shadow' && outcome === 'approval_needed' ? 'deny' : outcome
}

export function denial(reason: Reason): Judgement {
  return {
    outcome: 'deny',
    reasons: [reason],
    obligations: { redact: [], approval: null, cost: 0, route_zone: null, export: false, taint: [] },
  }
}

function policyInput(
  { call, principal, tenantFacts, agent, toolFacts }: EnrichedCall,
  found: FoundFacts,
  selected: PolicyInput['call']['arguments'],
  place: Place,
  nowMs: number,
): PolicyInput {
  return {
    call: { tool: call.tool, action: call.action, arguments: selected, door: call.door },
    agent: { id: principal.agentId, policyJson: agent?.policyJson ?? null },
    tenant: tenantFacts,
    tool: toolFacts,
    ...found,
    region: place.region,
    zone: place.zone,
    now: { epoch_ms: nowMs },
  }
}
