import type { Operator } from '../../identity/operator-token.ts'
import { AegisError } from '../../model/codes.ts'
import type { Approval, ApprovalStatus, Approver, Decided, ExportTerms } from '../../state/approval-item.ts'

// Who may decide what about an approval. Pure: the desk's table makes a ruling count once.

/** An approval's status now: expiry is a rejection that nobody has to write. */
export function statusAt({ status, expiresAtMs }: Approval, nowMs: number): ApprovalStatus {
  return (status === 'pending' || status === 'approved') && nowMs >= expiresAtMs ? 'expired' : status
}

export type GivenTerms = Pick<ExportTerms, 'legalBasis' | 'recordLimit'>

/** What an approver may say beside yes. Terms are a data protection officer's. Nothing of the call can be edited. */
export interface Said {
  reason: string | null
  terms: GivenTerms | undefined
}

/**
 * One person agrees.
 * @throws AegisError subject_mismatch without a role that was asked for, or on one's own call; already_decided; malformed_call for terms
 * that are missing, too low or out of place
 */
export function approvedBy(approval: Approval, operator: Operator, { reason, terms: given }: Said, nowMs: number): Decided {
  const roles = rolesAsked(approval, operator)
  refuseOwnCall(approval, operator)
  refuseDecided(approval, nowMs)
  if (approval.approvers.some((earlier) => isPerson(earlier, operator)))
    throw new AegisError('already_decided', 'you have approved this before; it needs another person')
  const terms = termsOf(approval, roles, operator, given)
  const approvers: Approver[] = [...approval.approvers, { iss: operator.iss, sub: operator.sub, roles, atMs: nowMs, reason }]
  return {
    status: isComplete(approval, approvers) ? 'approved' : 'pending',
    approvers,
    terms,
    rejection: null,
    attestation: null,
  }
}

/** One person refuses, and that is final. @throws AegisError subject_mismatch or already_decided */
export function rejectedBy(approval: Approval, operator: Operator, reason: string | null, nowMs: number): Decided {
  rolesAsked(approval, operator)
  refuseDecided(approval, nowMs)
  const { approvers, terms } = approval
  return {
    status: 'rejected',
    approvers,
    terms,
    rejection: { iss: operator.iss, sub: operator.sub, atMs: nowMs, reason },
    attestation: null,
  }
}

/** Enough people, and somebody in each role that was asked for. One who holds both roles fills both. */
export function isComplete({ roles, minApprovers }: Pick<Approval, 'roles' | 'minApprovers'>, approvers: readonly Approver[]): boolean {
  const people = new Set(approvers.map(({ iss, sub }) => JSON.stringify([iss, sub])))
  return people.size >= minApprovers && roles.every((role) => approvers.some((approver) => approver.roles.includes(role)))
}

function rolesAsked({ roles }: Approval, operator: Operator): string[] {
  const held = roles.filter((role) => operator.roles.some((own) => own === role))
  if (held.length === 0) throw new AegisError('subject_mismatch', `this needs the role ${roles.join(' or ')}`)
  return held
}

/** Nobody approves what they asked for, in whatever case or spelling of their name. */
function refuseOwnCall({ agent, requester }: Approval, { sub }: Operator): void {
  const own = [agent, requester.agentId].map(folded)
  if (own.includes(folded(sub))) throw new AegisError('subject_mismatch', 'nobody approves their own call')
}

const folded = (name: string) => name.normalize('NFKC').trim().toLowerCase()

function refuseDecided(approval: Approval, nowMs: number): void {
  const status = statusAt(approval, nowMs)
  if (status === 'expired') throw new AegisError('already_decided', 'this approval has expired, which is a rejection')
  if (status !== 'pending') throw new AegisError('already_decided', `this approval is ${status}, and that stands`)
}

function isPerson(one: { iss: string; sub: string }, other: { iss: string; sub: string }): boolean {
  return one.iss === other.iss && one.sub === other.sub
}

function termsOf(
  { exported, terms }: Approval,
  roles: readonly string[],
  { sub }: Operator,
  given: GivenTerms | undefined,
): ExportTerms | null {
  if (exported === null || !roles.includes('dpo')) {
    if (given !== undefined)
      throw new AegisError('malformed_call', 'legal_basis and record_limit are for a data protection officer on an export')
    return terms
  }
  if (given === undefined) throw new AegisError('malformed_call', 'an export needs legal_basis and record_limit')
  if (given.recordLimit < exported.records)
    throw new AegisError('malformed_call', `record_limit is lower than the ${exported.records} records of this call`)
  if (terms !== null && (terms.legalBasis !== given.legalBasis || terms.recordLimit !== given.recordLimit))
    throw new AegisError('already_decided', 'another officer has given other terms, and those stand')
  return terms ?? { ...given, officer: sub }
}
