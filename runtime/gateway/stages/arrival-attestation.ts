import type { Scan } from '../../dlp/scan.ts'
import { verifyArrivingAttestation } from '../../evidence/attestation.ts'
import type { Reason } from '../../model/verdict.ts'
import type { ActivePolicy } from '../active-policy.ts'
import { envelopeIn } from '../attestation-header.ts'
import type { Services } from '../services.ts'
import type { EnrichedCall } from './enrich.ts'
import { personalIn } from './guard.ts'

/**
 * A call that says by which permission it left another zone is held to it here, by the keys that the directory lists: two gateways have to
 * agree before the data is used. Shadow mode softens none of it.
 * @returns undefined without such a permission, or when it covers what came
 */
export function refusedArrival(
  enriched: EnrichedCall,
  { findings }: Pick<Scan, 'findings'>,
  { attesters }: Pick<ActivePolicy, 'attesters'>,
  { place, clock }: Pick<Services, 'place' | 'clock'>,
): Reason | undefined {
  const { attestation } = enriched.call
  if (attestation === undefined) return undefined
  const envelope = envelopeIn(attestation)
  if (envelope === undefined) return refused('it cannot be read')
  const { classes, records } = personalIn(findings, enriched)
  const destination = { zone: place.zone, region: place.region }
  const faults = verifyArrivingAttestation(envelope, attesters, { destination, dataClasses: classes, records, nowMs: clock.now() })
  return faults.length === 0 ? undefined : refused(faults.join(', '))
}

function refused(why: string): Reason {
  return { code: 'attestation_invalid', message: `the attestation does not cover what arrived: ${why}`, rule: 'guard.arrival' }
}
