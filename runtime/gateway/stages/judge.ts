import type { Reason } from '../../model/verdict.ts'
import { POLICY_ARGUMENTS_BYTES_MAX, selectArguments } from '../../policy/arguments.ts'
import { DOCUMENT_REASONS, type PolicyInput, type PolicyOutput } from '../../policy/policy-io.ts'
import type { ActivePolicy } from '../active-policy.ts'
import type { EnrichedCall } from './enrich.ts'

export interface Place {
  region: string
  zone: string
}

export type Judgement = Pick<PolicyOutput, 'outcome' | 'reasons' | 'obligations'>

/** Policy's judgement of a call. Whatever goes wrong in it is a deny. */
export function judge(enriched: EnrichedCall, active: ActivePolicy, place: Place, nowMs: number): Judgement {
  const { call, registered } = enriched
  const selected = registered === undefined ? {} : selectArguments(call.arguments, registered.action.policyReads)
  if (Buffer.byteLength(JSON.stringify(selected)) > POLICY_ARGUMENTS_BYTES_MAX) {
    return denial({ code: 'policy_input_too_large', message: 'the arguments that policy reads are too large', rule: 'host.policy_input' })
  }
  try {
    return active.evaluator.evaluate(policyInput(enriched, selected, place, nowMs))
  } catch {
    return denial({ code: 'policy_error', message: 'policy could not be evaluated', rule: 'host.policy' })
  }
}

/**
 * What is done under shadow mode: outcomes of the document alone are softened. One reason from elsewhere (registry,
 * residency, an error) keeps the whole outcome in force.
 */
export function soften(judgement: Judgement, mode: EnrichedCall['mode']): Judgement['outcome'] {
  const { outcome, reasons } = judgement
  const softened = mode === 'shadow' && reasons.length > 0 && reasons.every(({ code }) => DOCUMENT_REASONS.has(code))
  return softened ? 'allow' : outcome
}

export function denial(reason: Reason): Judgement {
  return {
    outcome: 'deny',
    reasons: [reason],
    obligations: { redact: [], approval: null, cost: 0, route_zone: null, export: false, taint: [] },
  }
}

const NOTHING_FOUND: PolicyInput['data'] = { classes: [], findings: [], findings_total: 0 }

function policyInput(
  { call, principal, tenantFacts, agent, registered }: EnrichedCall,
  selected: PolicyInput['call']['arguments'],
  place: Place,
  nowMs: number,
): PolicyInput {
  return {
    call: { tool: call.tool, action: call.action, arguments: selected, door: call.door },
    agent: { id: principal.agentId, policyJson: agent?.policyJson ?? null },
    tenant: tenantFacts,
    tool: registered?.action.facts ?? null,
    // Classification, chains, budgets and approvals have no stage yet. Null says "unknown", and policy denies where it
    // would have to know. Classes are not looked for yet: the guard lets no call of a bound tenant leave its zone.
    data: NOTHING_FOUND,
    chain: null,
    budget: null,
    approval: null,
    region: place.region,
    zone: place.zone,
    now: { epoch_ms: nowMs },
  }
}
