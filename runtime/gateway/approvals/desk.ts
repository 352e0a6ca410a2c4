import { hash, randomUUID } from 'node:crypto'
import type { KmsSigner } from '../../identity/kms-signer.ts'
import { type OverrideClaims, OverrideRefused, unverifiedRegion, verifyOverrideToken } from '../../identity/override-token.ts'
import type { Principal } from '../../model/call.ts'
import { AegisError } from '../../model/codes.ts'
import type { Clock } from '../../model/ports.ts'
import type { PendingApproval } from '../../model/verdict.ts'
import type { Approval, AskedApproval } from '../../state/approval-item.ts'
import type { Approvals, Consumed } from '../../state/approvals.ts'
import { newApprovalId, regionOfApproval } from './approval-id.ts'
import { type Notice, noticeOf } from './notice.ts'
import { statusAt } from './ruling.ts'

export { OverrideRefused }

/** A call that policy pauses. */
export interface ApprovalRequest extends Omit<AskedApproval, 'id' | 'requester' | 'createdAtMs' | 'expiresAtMs'> {
  requester: Principal
  ttlS: number
}

/** What a token proved. That it is for this call, agent and policy is compared by those who know them. */
export interface VerifiedOverride {
  id: string
  tenant: string
  agent: string
  digest: string
  policyVersion: string
  rules: readonly string[]
  roles: readonly string[]
  approvers: number
  /** DSSE envelope as JSON text; null when nothing is exported. */
  attestation: string | null
  expiresAtMs: number
}

/** The way of a call through approvals. */
export interface ApprovalDesk {
  /**
   * Finds what this exact call waits for already, or asks people anew.
   * @throws AegisError state_unavailable
   */
  ask(request: ApprovalRequest): Promise<PendingApproval>
  /**
   * Signature, region and time of an override token.
   * @throws OverrideRefused; AegisError held_elsewhere for another region's, state_unavailable when table or key do not answer
   */
  verify(token: string): Promise<VerifiedOverride>
  /** Uses an override up, once. `unknown`: no answer came, and nothing may be forwarded. */
  consume(override: VerifiedOverride, digest: string): Promise<Consumed>
}

export interface DeskOptions {
  region: string
  /** URL of a region of this deployment; undefined for any other name. */
  regionUrl: (region: string) => string | undefined
  approvals: Approvals
  /** The regional approval key. */
  key: () => Promise<KmsSigner>
  /** Tells people, in the background. */
  notify: (notice: Notice) => void
  clock: Clock
}

export function approvalDesk(options: DeskOptions): ApprovalDesk {
  const { region, regionUrl, approvals, key, notify, clock } = options
  const ownUrl = regionUrl(region)
  if (ownUrl === undefined) throw new Error(`no URL is known for region ${region}, which is this one`)
  return {
    async ask(request) {
      // Losing against another gateway of the region twice in a row is possible, and then its approval is found.
      for (let attempt = 0; attempt < ASK_ATTEMPTS; attempt++) {
        const former = await approvals.pointer(request)
        const known = former === undefined ? undefined : await approvals.get(request.tenant, former)
        if (known !== undefined && answers(known, request, clock.now())) return pendingOf(known, ownUrl)
        const asked = newApproval(request, region, clock.now())
        await approvals.create(asked)
        if (await approvals.point(asked, former)) {
          notify(noticeOf(asked))
          return pendingOf(asked, ownUrl)
        }
        await approvals.withdraw(asked)
      }
      throw new AegisError('state_unavailable', 'the same call is being paused by others at this moment')
    },

    async verify(token) {
      refuseForeign(token, options)
      const { publicJwk } = await answering(key())
      const claims = verifyOverrideToken(token, { key: publicJwk, region, regionUrl: ownUrl, nowMs: clock.now() })
      if (regionOfApproval(claims.id) !== region) throw new OverrideRefused('it is of another region')
      const attestation = claims.attestationDigest === null ? null : await attestationOf(claims, approvals)
      const { id, tenant, agent, digest, policyVersion, rules, roles, expiresAtMs } = claims
      return { id, tenant, agent, digest, policyVersion, rules, roles, approvers: claims.approvers.length, attestation, expiresAtMs }
    },

    consume(override, digest) {
      if (override.digest !== digest) return Promise.resolve('refused')
      return approvals.consume(override, randomUUID(), clock.now())
    },
  }
}

const ASK_ATTEMPTS = 3
const TTL_MAX_S = 24 * 3600

/**
 * Whether an approval that exists is the answer to a request. It must cover the very rules, roles and policy, or its token would be refused
 * and the call would wait for it for ever. One that was approved and not used yet is an answer too: an agent that comes again
 * without its token has lost it, and people are not asked twice for one call.
 */
function answers(known: Approval, request: ApprovalRequest, nowMs: number): boolean {
  const status = statusAt(known, nowMs)
  if (status !== 'pending' && status !== 'approved') return false
  return known.policyVersion === request.policyVersion && termsText(known) === termsText(rolesOf(request))
}

function termsText({ rules, roles, minApprovers, exported }: Pick<AskedApproval, 'rules' | 'roles' | 'minApprovers' | 'exported'>): string {
  return JSON.stringify([[...rules].sort(), [...roles].sort(), minApprovers, exported && Object.entries(exported).sort()])
}

function newApproval(request: ApprovalRequest, region: string, nowMs: number): Approval {
  const { requester, ttlS, ...asked } = rolesOf(request)
  return {
    ...asked,
    id: newApprovalId(region),
    requester: { agentId: requester.agentId, tokenId: requester.tokenId },
    createdAtMs: nowMs,
    expiresAtMs: nowMs + Math.min(ttlS, TTL_MAX_S) * 1000,
    status: 'pending',
    approvers: [],
    terms: null,
    rejection: null,
    attestation: null,
    version: 1,
  }
}

/** Somebody always has to agree, and to an export a data protection officer, whatever policy forgot. */
function rolesOf(request: ApprovalRequest): ApprovalRequest {
  const asked = request.roles.length === 0 && request.exported === null ? ['approver'] : request.roles
  const roles = new Set(request.exported === null ? asked : [...asked, 'dpo'])
  return { ...request, roles: [...roles], minApprovers: Math.max(1, request.minApprovers) }
}

function pendingOf({ id, expiresAtMs }: Approval, ownUrl: string): PendingApproval {
  return { id, status: 'pending', expires_at: new Date(expiresAtMs).toISOString(), url: `${ownUrl}/v1/approvals/${id}` }
}

/** What a token says of its region is not verified: it only tells the bearer where to go. */
function refuseForeign(token: string, { region, regionUrl }: DeskOptions): void {
  const holder = unverifiedRegion(token)
  const url = holder === undefined || holder === region ? undefined : regionUrl(holder)
  if (holder === undefined || url === undefined) return
  throw new AegisError('held_elsewhere', `this override token was made in ${holder} and is used only there`, { region: holder, url })
}

async function attestationOf({ tenant, id, attestationDigest }: OverrideClaims, approvals: Approvals): Promise<string> {
  const attestation = (await approvals.get(tenant, id))?.attestation ?? null
  if (attestation === null || hash('sha256', attestation, 'hex') !== attestationDigest)
    throw new OverrideRefused('its attestation is not the one that was signed')
  return attestation
}

async function answering<T>(asked: Promise<T>): Promise<T> {
  try {
    return await asked
  } catch (cause) {
    throw new AegisError('state_unavailable', 'the regional approval key does not answer', { cause })
  }
}
