import { hash } from 'node:crypto'
import { setTimeout } from 'node:timers/promises'
import type { EventLog } from '../../evidence/event.ts'
import { OVERRIDE_TTL_MAX_S, signOverrideToken } from '../../identity/override-token.ts'
import type { Principal } from '../../model/call.ts'
import { AegisError } from '../../model/codes.ts'
import type { Clock, Signer } from '../../model/ports.ts'
import type { Approval } from '../../state/approval-item.ts'
import type { Approvals } from '../../state/approvals.ts'
import { checkHeldHere } from './approval-id.ts'
import { expiryReflector } from './expiry.ts'

/** The agent's side: how its own approvals stand, and the tokens of those that were approved. */
export interface AgentApprovals {
  /**
   * @param wait ends early when the approval is no longer pending, or when `signal` aborts
   * @throws AegisError not_found unless it is this agent's own; held_elsewhere; state_unavailable
   */
  status(id: string, principal: Principal, wait?: { ms: number; signal: AbortSignal }): Promise<Approval>
  /**
   * A fresh token each time, while the approval is approved and not used.
   * @throws AegisError in_progress while it is pending, already_decided when it was rejected, has expired or was used; else as `status`
   */
  collect(id: string, principal: Principal): Promise<{ token: string; expiresAtMs: number }>
}

export interface AgentApprovalsOptions {
  region: string
  regionUrl: (region: string) => string | undefined
  approvals: Approvals
  key: () => Promise<Signer>
  events: EventLog
  clock: Clock
  /** How often a waiting agent's approval is looked at. */
  pollMs?: number
  /** More agents than this do not wait: they are told at once and come again. */
  waitersMax?: number
}

export function agentApprovals(options: AgentApprovalsOptions): AgentApprovals {
  const { region, regionUrl, approvals, key, events, clock, pollMs = 1000, waitersMax = 256 } = options
  const reflect = expiryReflector(options)
  let waiters = 0

  const find = async (id: string, { tenant, agentId }: Principal) => {
    checkHeldHere(id, region, regionUrl)
    const found = await approvals.get(tenant, id)
    if (found === undefined || found.agent !== agentId) throw new AegisError('not_found', 'there is no such approval')
    return reflect(found)
  }

  return {
    async status(id, principal, wait) {
      let found = await find(id, principal)
      if (wait === undefined || waiters >= waitersMax) return found
      const endMs = clock.monotonic() + wait.ms
      waiters++
      try {
        while (found.status === 'pending' && clock.monotonic() < endMs && !wait.signal.aborted) {
          await pause(Math.min(pollMs, endMs - clock.monotonic()), wait.signal)
          found = await find(id, principal)
        }
      } finally {
        waiters--
      }
      return found
    },

    async collect(id, principal) {
      const approval = await find(id, principal)
      if (approval.status === 'pending') throw new AegisError('in_progress', 'this approval is still pending')
      if (approval.status !== 'approved')
        throw new AegisError('already_decided', `this approval is ${approval.status}: there is no token for it`)
      const claims = claimsOf(approval, region, clock.now())
      const url = regionUrl(region) ?? ''
      const token = await signed(() => key().then((signer) => signOverrideToken(claims, signer, url)))
      const facts = { tool: approval.tool, action: approval.action, approvals: approval.approvers.length }
      await events.write({ kind: 'approval.token_issued', actor: principal.agentId, tenant: approval.tenant, approvalId: id, facts })
      return { token, expiresAtMs: Math.floor(claims.expiresAtMs / 1000) * 1000 }
    },
  }
}

function claimsOf(approval: Approval, region: string, nowMs: number) {
  const { id, tenant, agent, digest, policyVersion, rules, roles, approvers, attestation, expiresAtMs } = approval
  // An export's token without its attestation could only be refused, by the guard: then it is not made.
  if (approval.exported !== null && attestation === null)
    throw new AegisError('internal_error', 'an export was approved without an attestation')
  return {
    id,
    tenant,
    agent,
    digest,
    policyVersion,
    region,
    rules,
    roles: roles.filter((role) => approvers.some((approver) => approver.roles.includes(role))),
    approvers,
    attestationDigest: attestation === null ? null : hash('sha256', attestation, 'hex'),
    notBeforeMs: nowMs,
    expiresAtMs: Math.min(nowMs + OVERRIDE_TTL_MAX_S * 1000, expiresAtMs),
  }
}

async function signed(sign: () => Promise<string>): Promise<string> {
  try {
    return await sign()
  } catch (cause) {
    throw new AegisError('state_unavailable', 'the regional approval key does not answer', { cause })
  }
}

/** Ends early when the signal aborts. */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await setTimeout(ms, undefined, { signal }).catch(() => {})
}
