import type { Approval } from '../../state/approval-item.ts'
import { visible, visibleJson } from './visible.ts'

/** An approval as the agent that asked sees it. */
export function agentView({ id, status, expiresAtMs }: Approval, region: string) {
  return { id, status, expires_at: iso(expiresAtMs), region }
}

/** An approval as people see it: all that they decide about, with nothing hidden in it. `arguments` is null where a list leaves it out. */
export function operatorView(approval: Approval, region: string, { brief = false } = {}) {
  const { id, tenant, agent, tool, action, risk, destination, exported, rejection, terms } = approval
  const bytes = Buffer.byteLength(JSON.stringify(approval.arguments))
  return {
    id,
    status: approval.status,
    region,
    tenant: visible(tenant),
    agent: visible(agent),
    tool: visible(tool),
    action: visible(action),
    risk,
    rules: approval.rules.map(visible),
    roles: approval.roles,
    min_approvers: approval.minApprovers,
    reasons: approval.reasons.map(({ code, message, rule }) => ({ code, message: visible(message), rule: visible(rule) })),
    arguments: brief && bytes > LISTED_ARGUMENTS_BYTES_MAX ? null : visibleJson(approval.arguments),
    arguments_bytes: bytes,
    digest: approval.digest,
    destination: { ...destination, endpoint: destination.endpoint === null ? null : visible(destination.endpoint) },
    export:
      exported === null
        ? null
        : {
            data_classes: exported.classes,
            records: exported.records,
            source_region: exported.source,
            destination_zone: exported.destinationZone,
            destination_region: exported.destinationRegion,
          },
    chain: visible(approval.chain),
    policy_version: approval.policyVersion,
    created_at: iso(approval.createdAtMs),
    expires_at: iso(approval.expiresAtMs),
    approvals: approval.approvers.map(({ sub, roles, atMs, reason }) => ({
      sub: visible(sub),
      roles,
      at: iso(atMs),
      reason: reason === null ? null : visible(reason),
    })),
    terms:
      terms === null ? null : { legal_basis: visible(terms.legalBasis), record_limit: terms.recordLimit, officer: visible(terms.officer) },
    rejection:
      rejection === null
        ? null
        : { sub: visible(rejection.sub), at: iso(rejection.atMs), reason: rejection.reason === null ? null : visible(rejection.reason) },
  }
}

/** A list is for choosing; what is larger is read one by one. */
const LISTED_ARGUMENTS_BYTES_MAX = 4096

function iso(epochMs: number): string {
  return new Date(epochMs).toISOString()
}
