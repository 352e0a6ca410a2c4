import type { BundleStatus, Comparison, FleetReport, RevisionCounts } from '../../state/fleet.ts'
import { CANARY } from '../../state/pointers.ts'
import type { ActivationStatus } from '../activation.ts'
import type { CandidateStatus } from './candidate.ts'
import type { Refusal } from './fetched.ts'

/** What one gateway process knows of itself. */
export interface FleetFacts {
  labels: FleetReport['labels']
  /** The one whose pointer it follows. */
  ring: string
  status: ActivationStatus
  counts: Readonly<Record<string, RevisionCounts>>
  comparison: Comparison | null
  startedMs: number
  nowMs: number
}

/** In the shape of OPA's status reports (https://www.openpolicyagent.org/docs/management-status). */
export function fleetReportOf({ labels, ring, status, counts, comparison, startedMs, nowMs }: FleetFacts): FleetReport {
  const { policy } = status.stable
  return {
    labels,
    bundles: { [ring]: stableStatus(ring, status), ...canaryStatus(status) },
    aegis: {
      at_ms: nowMs,
      started_ms: startedMs,
      bundle_seq: policy?.bundleSeq ?? null,
      bundle_digest: policy?.bundleDigest ?? null,
      directory_seq: policy?.directorySeq ?? null,
      directory_digest: policy?.directoryDigest ?? null,
      age_s: policy === undefined ? null : ageS(policy, nowMs),
      expires_in_s: policy === undefined ? null : Math.round((policy.notAfterMs - nowMs) / 1000),
      candidate: status.candidate === undefined ? null : candidateOf(status.candidate),
      revisions: { ...counts },
      comparison,
    },
  }
}

/** Seconds since the older of bundle and directory was issued. */
export function ageS({ issuedAtMs }: { issuedAtMs: number }, nowMs: number): number {
  return Math.max(0, Math.round((nowMs - issuedAtMs) / 1000))
}

/** The candidate as reports and the operators' status show it. */
export function candidateOf({ named, bundle, loaded, refusal }: CandidateStatus): NonNullable<FleetReport['aegis']['candidate']> {
  return {
    rollout: named.rollout,
    revision: bundle?.bundle.revision ?? null,
    // What the bundle itself says counts, once it is known.
    seq: bundle?.bundle.seq ?? named.bundleSeq,
    digest: named.bundleDigest,
    share_percent: named.sharePercent,
    compare: named.compare,
    loaded,
    error: refusal === undefined ? null : said(refusal),
  }
}

export const said = ({ fault, detail }: Refusal) => `${fault}: ${detail}`

function stableStatus(ring: string, { stable, askedAtMs, answeredAtMs }: ActivationStatus): BundleStatus {
  return bundleStatus(ring, {
    revision: stable.policy?.revision,
    size: stable.sizeBytes,
    askedAtMs,
    answeredAtMs,
    fetchedAtMs: stable.fetchedAtMs,
    activatedAtMs: stable.activatedAtMs,
    fault: stable.refusal && said(stable.refusal),
  })
}

function canaryStatus({ candidate, candidateFault, askedAtMs, answeredAtMs }: ActivationStatus): Record<string, BundleStatus> {
  if (candidate === undefined && candidateFault === undefined) return {}
  const status = bundleStatus(CANARY, {
    revision: candidate?.loaded === true ? candidate.bundle?.bundle.revision : undefined,
    size: candidate?.bundle?.sizeBytes,
    askedAtMs,
    answeredAtMs,
    fetchedAtMs: candidate?.bundle?.fetchedAtMs,
    activatedAtMs: candidate?.loadedAtMs,
    fault: candidate?.refusal === undefined ? candidateFault : said(candidate.refusal),
  })
  return { [CANARY]: status }
}

interface BundleFacts {
  revision: string | undefined
  size: number | undefined
  askedAtMs: number | undefined
  answeredAtMs: number | undefined
  fetchedAtMs: number | undefined
  activatedAtMs: number | undefined
  fault: string | undefined
}

function bundleStatus(
  name: string,
  { revision, size, askedAtMs, answeredAtMs, fetchedAtMs, activatedAtMs, fault }: BundleFacts,
): BundleStatus {
  return {
    name,
    type: 'snapshot',
    ...(revision !== undefined && { active_revision: revision }),
    ...(size !== undefined && { size }),
    ...at('last_request', askedAtMs),
    ...at('last_successful_request', answeredAtMs),
    ...at('last_successful_download', fetchedAtMs),
    ...at('last_successful_activation', activatedAtMs),
    // OPA's code for a bundle that could not be activated.
    ...(fault !== undefined && { code: 'bundle_error', message: fault }),
  }
}

function at<Name extends string>(name: Name, ms: number | undefined): { [key in Name]?: string } {
  return ms === undefined ? {} : ({ [name]: new Date(ms).toISOString() } as { [key in Name]: string })
}
