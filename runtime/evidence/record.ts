import type { Principal } from '../model/call.ts'
import type { ErrorCode } from '../model/codes.ts'
import type { Mode, Outcome, Reason } from '../model/verdict.ts'
import { leafHash } from './leaf.ts'

/** What one verdict or refusal leaves behind. Never an argument's value. */
export interface RecordFacts {
  decisionId: string
  /** Milliseconds since the epoch. */
  timestampMs: number
  principal: Principal | undefined
  door: string
  tool: string | null
  action: string | null
  /** `error` when no verdict was reached; `error` then says why. */
  decision: Outcome | 'error'
  enforced: Outcome
  error?: ErrorCode
  mode: Mode
  reasons: readonly Reason[]
  policyVersion: string
  tenantZone: string | null
  dataClasses: readonly string[]
  /** Region of the endpoint the call goes to. */
  routeRegion: string | null
  durationNs: number
  policyNs: number
}

/** What is the same for every record of one log. */
export interface LogIdentity {
  /** One log per region, process and boot. */
  log: string
  region: string
  zone: string
  version: string
}

/**
 * One record line, in the shape of OPA's decision log (https://www.openpolicyagent.org/docs/management-decision-logs)
 * with ours under `custom`. `custom.leaf` is the RFC 9162 leaf hash of the RFC 8785 canonical form of the same record
 * without `custom.leaf`: keys are written in canonical order, so that no canonicalizer runs for each decision.
 * @returns the line without its line feed, and its leaf hash in hex
 */
export function recordLine(identity: LogIdentity, seq: number, facts: RecordFacts): { line: string; leaf: string } {
  const json = JSON.stringify
  const reasons = json(facts.reasons.map(({ code, message, rule }) => ({ code, message, rule })))
  const beforeLeaf =
    `{"bundles":{"aegis":{"revision":${json(facts.policyVersion)}}},"custom":{"action":${json(facts.action)}` +
    `,"agent_id":${json(facts.principal?.agentId ?? null)},"approval_id":null,"chain":null,"data_classes":${json(facts.dataClasses)}` +
    `,"decision":${json(facts.decision)},"door":${json(facts.door)},"enforced":${json(facts.enforced)},"error":${json(facts.error ?? null)},`
  const afterLeaf =
    `"log":${json(identity.log)},"mode":${json(facts.mode)},"policy_version":${json(facts.policyVersion)},"reasons":${reasons}` +
    `,"region":${json(identity.region)},"route_region":${json(facts.routeRegion)},"seq":${seq},"tenant":${json(facts.principal?.tenant ?? null)}` +
    `,"tenant_zone":${json(facts.tenantZone)},"token_id":${json(facts.principal?.tokenId ?? null)},"tool":${json(facts.tool)},"zone":${json(identity.zone)}}` +
    `,"decision_id":${json(facts.decisionId)},"labels":{"id":${json(identity.log)},"region":${json(identity.region)},"version":${json(identity.version)}}` +
    `,"metrics":{"timer_rego_query_eval_ns":${facts.policyNs},"timer_server_handler_ns":${facts.durationNs}},"path":"aegis/gateway/decision"` +
    `,"result":{"decision":${json(facts.decision)},"enforced":${json(facts.enforced)},"reasons":${reasons}}` +
    `,"timestamp":${json(new Date(facts.timestampMs).toISOString())}}`
  const leaf = leafHash(beforeLeaf + afterLeaf)
  return { line: `${beforeLeaf}"leaf":"${leaf}",${afterLeaf}`, leaf }
}
