import type { JWK } from 'jose'
import { verifyAttestation } from '../../evidence/attestation.ts'
import type { Clock } from '../../model/ports.ts'
import type { Place } from '../services.ts'
import type { ExportGate } from '../stages/guard.ts'

export interface ExportGateOptions {
  place: Place
  /** Public halves of the region's two keys. */
  approvalKey: () => Promise<JWK>
  dataProtectionKey: () => Promise<JWK>
  clock: Clock
}

/** Checks the attestation of an export against the region's own keys, before a byte leaves. Rejects when a key does not answer. */
export function exportGate({ place, approvalKey, dataProtectionKey, clock }: ExportGateOptions): ExportGate {
  return {
    async covers(attestation, { classes, ...leaving }) {
      const [approval, dataProtection] = await Promise.all([approvalKey(), dataProtectionKey()])
      const expected = { ...leaving, dataClasses: classes, source: { zone: place.zone, region: place.region }, nowMs: clock.now() }
      return verifyAttestation(attestation, { approval, dataProtection }, expected).length === 0
    },
  }
}
