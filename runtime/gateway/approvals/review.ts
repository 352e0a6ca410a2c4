import type { EventLog } from '../../evidence/event.ts'
import type { Operator } from '../../identity/operator-token.ts'
import { AegisError } from '../../model/codes.ts'
import type { Clock } from '../../model/ports.ts'
import type { Approval, ApprovalStatus, Decided } from '../../state/approval-item.ts'
import type { Approvals } from '../../state/approvals.ts'
import { checkHeldHere } from './approval-id.ts'
import { type AttestationSigners, attest } from './attest.ts'
import { expiryReflector } from './expiry.ts'
import { approvedBy, rejectedBy, type Said, statusAt } from './ruling.ts'

/** The people's side: what waits, and their word on it. Other tenants' approvals do not exist for them. */
export interface ApprovalReview {
  /** Soonest end first. @throws AegisError state_unavailable */
  list(operator: Operator, status: ApprovalStatus | undefined): Promise<{ approvals: Approval[]; more: boolean }>
  /** @throws AegisError not_found, held_elsewhere, state_unavailable */
  find(operator: Operator, id: string): Promise<Approval>
  /** @throws AegisError as `find`, and as the rules say; audit_unavailable: then nothing was decided */
  approve(operator: Operator, id: string, said: Said): Promise<Approval>
  reject(operator: Operator, id: string, reason: string | null): Promise<Approval>
}

export interface ReviewOptions {
  region: string
  regionUrl: (region: string) => string | undefined
  approvals: Approvals
  signers: AttestationSigners
  events: EventLog
  clock: Clock
  /** Every tenant that the directory in force names. */
  tenants: () => readonly string[]
}

/** One answer holds no more than this, whatever agents have asked for. */
const LISTED_MAX = 200
/** An operator of every tenant asks for an id in all of them, so many at a time. */
const TENANTS_AT_ONCE = 16
const DECIDE_ATTEMPTS = 5

export function approvalReview(options: ReviewOptions): ApprovalReview {
  const { region, regionUrl, approvals, signers, events, clock } = options
  const reflect = expiryReflector(options)
  const tenantsOf = (operator: Operator) => [...new Set(operator.tenants.includes('*') ? options.tenants() : operator.tenants)]

  const find = async (operator: Operator, id: string) => {
    checkHeldHere(id, region, regionUrl)
    const tenants = tenantsOf(operator)
    for (let at = 0; at < tenants.length; at += TENANTS_AT_ONCE) {
      const asked = await Promise.all(tenants.slice(at, at + TENANTS_AT_ONCE).map((tenant) => approvals.get(tenant, id)))
      const found = asked.find((approval) => approval !== undefined)
      if (found !== undefined) return reflect(found)
    }
    throw new AegisError('not_found', 'there is no such approval')
  }

  const decide = async (operator: Operator, id: string, rule: (approval: Approval, nowMs: number) => Promise<Decided>) => {
    const nowMs = clock.now()
    for (let attempt = 0; attempt < DECIDE_ATTEMPTS; attempt++) {
      const approval = await find(operator, id)
      // The answer to our own write was lost and the SDK asked again: it stands.
      if (attempt > 0 && isOwn(approval, operator, nowMs)) return approval
      const decided = await rule(approval, nowMs)
      // On disk before it takes effect: an approval without a record must not exist, a record without one is followed by what came of it.
      await events.write(eventOf(approval, decided, operator))
      const written = await approvals.decide(approval, decided, nowMs).catch(async (error) => {
        await events.write(notWritten(approval, operator, 'unknown'))
        throw error
      })
      if (written) return { ...approval, ...decided, version: approval.version + 1 }
      await events.write(notWritten(approval, operator, 'changed_meanwhile'))
    }
    throw new AegisError('state_unavailable', 'others decide about this approval at this moment')
  }

  return {
    find,

    async list(operator, status) {
      const nowMs = clock.now()
      const found: Approval[] = []
      for (const tenant of tenantsOf(operator)) {
        if (found.length > LISTED_MAX) break
        found.push(...(await approvals.list(tenant, { status, nowMs, limit: LISTED_MAX + 1 - found.length })))
      }
      const sorted = found.slice(0, LISTED_MAX).sort((a, b) => a.expiresAtMs - b.expiresAtMs || (a.id < b.id ? -1 : 1))
      return { approvals: sorted.map((approval) => ({ ...approval, status: statusAt(approval, nowMs) })), more: found.length > LISTED_MAX }
    },

    approve: (operator, id, said) =>
      decide(operator, id, async (approval, nowMs) => {
        const decided = approvedBy(approval, operator, said, nowMs)
        return { ...decided, attestation: await attest(approval, decided, signers, nowMs) }
      }),

    reject: (operator, id, reason) => decide(operator, id, async (approval, nowMs) => rejectedBy(approval, operator, reason, nowMs)),
  }
}

function isOwn({ approvers, rejection }: Approval, { iss, sub }: Operator, nowMs: number): boolean {
  const words = rejection === null ? approvers : [...approvers, rejection]
  return words.some((word) => word.iss === iss && word.sub === sub && word.atMs === nowMs)
}

function eventOf(approval: Approval, decided: Decided, operator: Operator) {
  const { status, approvers, terms, attestation } = decided
  const facts = {
    tool: approval.tool,
    action: approval.action,
    digest: approval.digest,
    policy_version: approval.policyVersion,
    approvals: approvers.length,
    min_approvers: approval.minApprovers,
    roles: approval.roles.join(' '),
    ...(terms !== null && { record_limit: terms.recordLimit, legal_basis: terms.legalBasis }),
    attested: attestation !== null,
  }
  const kind = status === 'pending' ? 'approval.agreed' : `approval.${status}`
  return { kind, actor: operator.sub, tenant: approval.tenant, approvalId: approval.id, facts }
}

function notWritten({ id, tenant }: Approval, { sub }: Operator, why: string) {
  return { kind: 'approval.not_written', actor: sub, tenant, approvalId: id, facts: { why } }
}
