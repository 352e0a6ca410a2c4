import type { FleetReport } from '../../state/fleet.ts'
import type { ReplayResult } from '../../state/replays.ts'

/** What is known of one region at this moment. */
export interface RegionView {
  region: string
  /** Reports of its gateways that are fresh. None: it is silent, whether it is lost or nothing runs there. */
  reports: readonly FleetReport[]
  /** Why the control plane could not bring it what it should have; undefined when it has. */
  error: string | undefined
}

export interface View {
  regions: readonly RegionView[]
  /** Answers to the replay of the rollout, by region. */
  replays: ReadonlyMap<string, ReplayResult>
}

/** Every gateway of the region has loaded this bundle beside the one in force. */
export function hasCandidate({ reports }: RegionView, digestOf: (zone: string) => string | undefined): boolean {
  return (
    reports.length > 0 &&
    reports.every(({ labels, aegis: { candidate } }) => candidate?.loaded === true && candidate.digest === digestOf(labels.zone))
  )
}

/** Every gateway of the region serves this number or a later one. */
export function serves({ reports }: RegionView, seq: number): boolean {
  return reports.length > 0 && reports.every(({ aegis }) => (aegis.bundle_seq ?? 0) >= seq)
}

/** Why a gateway of the region refused this very bundle. */
export function refusal({ region, reports }: RegionView, seq: number): string | undefined {
  const refusing = reports.find(({ aegis: { candidate } }) => candidate?.seq === seq && candidate.error !== null)
  return refusing && `a gateway of ${region} refused the bundle: ${refusing.aegis.candidate?.error}`
}
