import { callDigest } from '../../evidence/call-digest.ts'
import { AegisError } from '../../model/codes.ts'
import type { Reason } from '../../model/verdict.ts'
import type { ActivePolicy } from '../active-policy.ts'
import { type ApprovalDesk, type ApprovalRequest, OverrideRefused, type VerifiedOverride } from '../approvals/desk.ts'
import type { Place } from '../services.ts'
import type { Aim } from './aim.ts'
import type { EnrichedCall } from './enrich.ts'
import { exportOf } from './guard.ts'
import type { Judgement } from './judge.ts'
import type { Payload } from './rewrite.ts'

/** Where a call goes, as its approval and attestation name it. */
export function destinationFacts(aim: Aim | undefined) {
  return { zone: aim?.zone ?? null, region: aim?.endpoint.region ?? null, endpoint: aim?.endpoint.url ?? null }
}

/** What people agree to, and what an override token is bound to: the exact call, as it would be forwarded. */
export function digestOf({ principal, call, registered }: EnrichedCall, payload: Payload, aim: Aim | undefined, chain: string): string {
  return callDigest({
    tenant: principal.tenant,
    agent: principal.agentId,
    tool: call.tool,
    action: call.action,
    schemaDigest: registered?.action.schemaDigest ?? '',
    arguments: payload.arguments,
    destination: destinationFacts(aim),
    chain,
  })
}

/**
 * The override token that came with a call.
 * @returns undefined without one; a reason when it proves nothing for this caller
 * @throws AegisError held_elsewhere when another region issued it
 */
export async function overrideOf(
  { call, principal }: EnrichedCall,
  desk: ApprovalDesk,
): Promise<VerifiedOverride | { refused: Reason } | undefined> {
  if (call.approval === undefined) return undefined
  try {
    const override = await desk.verify(call.approval)
    if (override.tenant === principal.tenant && override.agent === principal.agentId) return override
    return { refused: invalid('it was given to another agent') }
  } catch (error) {
    if (error instanceof OverrideRefused) return { refused: invalid(error.message) }
    throw error
  }
}

/** Whether the token is for this very call under this very policy. */
export function mismatch(override: VerifiedOverride, digest: string, { revision }: ActivePolicy): Reason | undefined {
  if (override.digest !== digest) return invalid('it was given for another call')
  if (override.policyVersion !== revision) return invalid('policy has changed since; ask again')
  return undefined
}

export function invalid(detail: string): Reason {
  return { code: 'approval_invalid', message: `the override token is not accepted: ${detail}`, rule: 'host.approval' }
}

export interface Asked {
  enriched: EnrichedCall
  judgement: Judgement
  payload: Payload
  aim: Aim | undefined
  chain: string
  digest: string
}

/** @throws AegisError internal_error when policy asks without saying what for: the module's answers are checked, so this is a bug */
export function approvalRequest(
  { enriched, judgement, payload, aim, chain, digest }: Asked,
  revision: string,
  place: Place,
): ApprovalRequest {
  const { approval } = judgement.obligations
  if (approval === null) throw new AegisError('internal_error', 'an approval without an obligation')
  const { principal, call, registered, tenant } = enriched
  const leaving = aim === undefined ? undefined : exportOf({ enriched, payload }, aim, digest)
  return {
    tenant: tenant.id,
    agent: principal.agentId,
    requester: principal,
    tool: call.tool,
    action: call.action,
    risk: registered?.action.risk ?? 'high',
    digest,
    arguments: payload.arguments,
    destination: destinationFacts(aim),
    chain,
    rules: approval.rules,
    roles: approval.roles,
    minApprovers: approval.min_approvers,
    ttlS: approval.ttl_s,
    policyVersion: revision,
    reasons: judgement.reasons,
    exported:
      leaving === undefined
        ? null
        : {
            classes: [...leaving.classes],
            source: place.region,
            destinationZone: leaving.destination.zone,
            destinationRegion: leaving.destination.region,
            records: leaving.records,
          },
  }
}
