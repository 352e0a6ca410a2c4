import type { JsonObject } from '../../model/call.ts'
import { selectArguments } from '../../policy/arguments.ts'
import type { Asked, RecordedDecision } from '../../policy/replay/recorded.ts'
import type { Arrival } from '../arrival.ts'
import type { Ending } from '../journal.ts'
import type { Judged, Place } from '../services.ts'

/**
 * What is kept of one judgement: the facts that policy was asked about. The call's other arguments are let go of here, so that what waits
 * to be stored holds no more of them than what is stored.
 *
 * @returns null when the arguments were too large for policy to be asked
 */
export function askedOf({ enriched, found, judgement }: Judged, place: Place, nowMs: number): Asked | null {
  const { call, principal, tenantFacts, agent, registered, toolFacts } = enriched
  const [first] = judgement.reasons
  if (first?.code === 'policy_input_too_large') return null
  const args: JsonObject = registered === undefined ? {} : selectArguments(call.arguments, registered.action.policyReads)
  return {
    outcome: judgement.outcome,
    reasons: named(judgement.reasons),
    input: {
      call: { tool: call.tool, action: call.action, arguments: args, door: call.door },
      agent: { id: principal.agentId },
      tenant: tenantFacts,
      tool: toolFacts,
      data: found.data,
      chain: found.chain,
      budget: found.budget,
      approval: found.approval,
      region: place.region,
      zone: place.zone,
      now: { epoch_ms: nowMs },
    },
    basis: {
      reads: registered === undefined ? null : [...registered.action.policyReads],
      budget_unit: agent?.budget?.unit ?? null,
      chain_rules: (agent?.chain.length ?? 0) > 0,
    },
  }
}

/** @returns undefined for a call of nobody known: there is no tenant whose recording it would be */
export function recordingOf(arrival: Arrival, ending: Ending, asked: Asked | null, atMs: number): RecordedDecision | undefined {
  const { decisionId, admitted, call } = arrival
  if (admitted === undefined) return undefined
  const { principal, policy } = admitted
  const { decision, enforced, mode, error } = ending
  return {
    v: 1,
    decision_id: decisionId,
    at_ms: atMs,
    tenant: principal.tenant,
    agent: principal.agentId,
    tool: call?.tool ?? null,
    action: call?.action ?? null,
    mode,
    revision: policy.revision,
    bundle_digest: policy.bundleDigest,
    decision,
    enforced,
    reasons: error === undefined ? named(ending.reasons) : [{ code: error, rule: 'host' }],
    policy: asked,
  }
}

const named = (reasons: readonly { code: string; rule: string }[]) => reasons.map(({ code, rule }) => ({ code, rule }))
