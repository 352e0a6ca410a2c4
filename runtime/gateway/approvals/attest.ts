import { signAttestation } from '../../evidence/attestation.ts'
import type { DataProtectionKey } from '../../identity/data-protection-signer.ts'
import { AegisError } from '../../model/codes.ts'
import type { Signer } from '../../model/ports.ts'
import type { Approval, Decided } from '../../state/approval-item.ts'

export interface AttestationSigners {
  approvalKey: () => Promise<Signer>
  dataProtectionKey: DataProtectionKey
  /** The zone of this region. */
  zone: string
}

/**
 * Signs the permission for an export that has just been approved: once with the region's approval key and once with the data-protection
 * key, in the name of the officer who gave the terms.
 * @returns the envelope, or null when nothing is exported
 * @throws AegisError state_unavailable when a key does not answer: the approval then does not happen
 */
export async function attest(
  approval: Approval,
  { status, approvers, terms }: Decided,
  { approvalKey, dataProtectionKey, zone }: AttestationSigners,
  nowMs: number,
): Promise<string | null> {
  const { exported } = approval
  if (status !== 'approved' || exported === null) return null
  if (terms === null) throw new AegisError('internal_error', 'an export was approved without terms')
  const permission = {
    approvalId: approval.id,
    digest: approval.digest,
    tenant: approval.tenant,
    source: { zone, region: exported.source },
    destination: { zone: exported.destinationZone, region: exported.destinationRegion },
    dataClasses: exported.classes,
    recordLimit: terms.recordLimit,
    legalBasis: terms.legalBasis,
    policyVersion: approval.policyVersion,
    approvers,
    notBeforeMs: nowMs,
    notAfterMs: approval.expiresAtMs,
  }
  try {
    const [byApproval, byDataProtection] = await Promise.all([approvalKey(), dataProtectionKey.signerFor(terms.officer, approval.id)])
    return await signAttestation(permission, { approval: byApproval, dataProtection: byDataProtection })
  } catch (cause) {
    throw new AegisError('state_unavailable', 'the keys that attest an export do not answer', { cause })
  }
}
