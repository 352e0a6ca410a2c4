import canonicalize from 'canonicalize'
import type { DoorName, Principal } from '../model/call.ts'
import type { ErrorCode } from '../model/codes.ts'
import type { Mode, Outcome, Reason } from '../model/verdict.ts'
import type { OperatorEvent } from './event.ts'
import { leafHash } from './leaf.ts'

/** What one verdict or refusal leaves behind. Never an argument's value. */
export interface RecordFacts {
  decisionId: string
  /** Milliseconds since the epoch. */
  timestampMs: number
  principal: Principal | undefined
  door: DoorName
  tool: string | null
  action: string | null
  /** `error` when no verdict was reached; `error` then says why. */
  decision: Outcome | 'error'
  enforced: Outcome
  error?: ErrorCode | undefined
  mode: Mode
  reasons: readonly Reason[]
  policyVersion: string
  tenantZone: string | null
  dataClasses: readonly string[]
  /** Id of the approval that the call waits for or used. */
  approvalId: string | null
  /** Id of the chain that the call belongs to. */
  chain: string | null
  /** Region of the endpoint the call goes to. */
  routeRegion: string | null
  durationNs: number
  policyNs: number
  /** Refusals of strangers since the last record that left none of their own. */
  unrecorded: number
}

/** What is the same for every record of one log. */
export interface LogIdentity {
  /** One log per region, process and boot. */
  log: string
  region: string
  zone: string
  version: string
}

/** What is the same in every record of a log, serialized once. */
export interface RecordFrame {
  log: string
  region: string
  zone: string
  labels: string
}

export function recordFrame({ log, region, zone, version }: LogIdentity): RecordFrame {
  const json = JSON.stringify
  return {
    log: json(log),
    region: json(region),
    zone: json(zone),
    labels: `{"id":${json(log)},"region":${json(region)},"version":${json(version)}}`,
  }
}

/**
 * One record line, in the shape of OPA's decision log (https://www.openpolicyagent.org/docs/management-decision-logs)
 * with ours under `custom`. `custom.leaf` is the RFC 9162 leaf hash of the RFC 8785 canonical form of the same record
 * without `custom.leaf`: keys are written in canonical order, so that no canonicalizer runs for each decision.
 * @returns the line without its line feed, and its leaf hash in hex
 */
export function recordLine(frame: RecordFrame, seq: number, facts: RecordFacts): { line: string; leaf: string } {
  const json = JSON.stringify
  const { principal, decision, enforced } = facts
  const reasons = facts.reasons.length === 0 ? '[]' : json(facts.reasons.map(({ code, message, rule }) => ({ code, message, rule })))
  const revision = json(facts.policyVersion)
  // Outcomes, modes, doors and codes are words of our own, which need no escape.
  const beforeLeaf =
    `{"bundles":{"aegis":{"revision":${revision}}},"custom":{"action":${json(facts.action)}` +
    `,"agent_id":${json(principal?.agentId ?? null)},"approval_id":${json(facts.approvalId)},"chain":${json(facts.chain)},"data_classes":${json(facts.dataClasses)}` +
    `,"decision":"${decision}","door":"${facts.door}","enforced":"${enforced}","error":${facts.error === undefined ? 'null' : `"${facts.error}"`},`
  const afterLeaf =
    `"log":${frame.log},"mode":"${facts.mode}","policy_version":${revision},"reasons":${reasons}` +
    `,"region":${frame.region},"route_region":${json(facts.routeRegion)},"seq":${seq},"tenant":${json(principal?.tenant ?? null)}` +
    `,"tenant_zone":${json(facts.tenantZone)},"token_id":${json(principal?.tokenId ?? null)},"tool":${json(facts.tool)},"unrecorded":${facts.unrecorded},"zone":${frame.zone}}` +
    `,"decision_id":"${facts.decisionId}","labels":${frame.labels}` +
    `,"metrics":{"timer_rego_query_eval_ns":${facts.policyNs},"timer_server_handler_ns":${facts.durationNs}},"path":"aegis/gateway/decision"` +
    `,"result":{"decision":"${decision}","enforced":"${enforced}","reasons":${reasons}},"timestamp":"${new Date(facts.timestampMs).toISOString()}"}`
  const leaf = leafHash(beforeLeaf + afterLeaf)
  return { line: `${beforeLeaf}"leaf":"${leaf}",${afterLeaf}`, leaf }
}

/** One line for what people and processes did beside verdicts: the same log, the same sequence, the same leaf. */
export function eventLine({ log, region, zone, version }: LogIdentity, seq: number, timestampMs: number, event: OperatorEvent): string {
  const { kind, actor, tenant, decisionId = null, approvalId = null, facts } = event
  const record = (leaf: object) =>
    canonicalize({
      custom: { actor, approval_id: approvalId, event: kind, facts, log, region, seq, tenant, zone, ...leaf },
      decision_id: decisionId,
      labels: { id: log, region, version },
      path: 'aegis/gateway/event',
      timestamp: new Date(timestampMs).toISOString(),
    }) ?? ''
  return record({ leaf: leafHash(record({})) })
}
