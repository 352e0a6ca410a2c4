import type { Rollout } from '../../../runtime/control-plane/rollout/rollout.ts'
import { stagesFor } from '../../../runtime/control-plane/rollout/rollout.ts'
import type { RolloutSettings } from '../../../runtime/control-plane/rollout/step.ts'
import type { RegionView, View } from '../../../runtime/control-plane/rollout/view.ts'
import type { Comparison, FleetReport, RevisionCounts } from '../../../runtime/state/fleet.ts'

export const OLD = 'a'.repeat(16)
export const NEW = 'b'.repeat(16)
export const DIGEST = 'd'.repeat(64)
export const CELLS = [
  { region: 'eu-west-1', zone: 'eu' },
  { region: 'eu-central-1', zone: 'eu' },
  { region: 'us-east-1', zone: 'us' },
  { region: 'ap-southeast-1', zone: 'apac' },
]

export const settings: RolloutSettings = {
  canaryBakeMs: 1000,
  regionBakeMs: 500,
  silentMs: 5000,
  replayMs: 60_000,
  limits: { maxRisePercent: 2, minNewDenies: 3, minCalls: 20, maxP99Ratio: 2, minCallsForP99: 500, p99FloorUs: 5000 },
}

export function newRollout(more: Partial<Rollout> = {}, stages: Partial<Parameters<typeof stagesFor>[0]> = {}): Rollout {
  const zones = Object.fromEntries(['eu', 'us', 'apac'].map((zone) => [zone, { bundle: DIGEST, rego: DIGEST }]))
  return {
    id: 'r1',
    revision: NEW,
    from: OLD,
    release: { revision: NEW, seq: 8, keyId: 'control', signedAtMs: 0, notAfterMs: 1, zones },
    author: 'ana',
    publisher: 'ben',
    reason: 'a higher limit',
    startedAtMs: 0,
    endedAtMs: null,
    state: 'running',
    stages: stagesFor({ cells: CELLS, canaryRegion: 'eu-west-1', shadowS: 0, replay: undefined, ...stages }),
    at: 0,
    stageSinceMs: 0,
    readySinceMs: null,
    silent: [],
    shadowS: stages.shadowS ?? 0,
    maxNewDenyPercent: 1,
    before: {},
    mark: {},
    why: null,
    evidence: {},
    ...more,
  }
}

export interface Says {
  seq?: number
  loaded?: boolean
  error?: string | null
  revisions?: Record<string, Partial<RevisionCounts>>
  comparison?: Partial<Comparison>
  candidateSeq?: number
}

/** What one gateway reports. */
export function report(
  region: string,
  { seq = 7, loaded, error = null, revisions = {}, comparison, candidateSeq = 8 }: Says = {},
): FleetReport {
  const none = { calls: 0, allow: 0, deny: 0, sanitize: 0, approval_needed: 0, faults: 0, duration_us: [] }
  const zone = CELLS.find((cell) => cell.region === region)?.zone ?? ''
  return {
    labels: { id: `${region}-1`, version: '0', region, zone, environment: 'prod' },
    bundles: {},
    aegis: {
      ...{
        at_ms: 0,
        started_ms: 0,
        bundle_seq: seq,
        bundle_digest: null,
        directory_seq: 1,
        directory_digest: null,
        age_s: 0,
        expires_in_s: 1,
      },
      candidate:
        loaded === undefined
          ? null
          : { rollout: 'r1', revision: NEW, seq: candidateSeq, digest: DIGEST, share_percent: 10, compare: true, loaded, error },
      revisions: Object.fromEntries(Object.entries(revisions).map(([name, counts]) => [name, { ...none, ...counts }])),
      comparison:
        comparison === undefined
          ? null
          : {
              ...{ revision: NEW, compared: 0, skipped: 0, new_denies: 0, new_approvals: 0, loosened: 0, faults: 0 },
              ...{ rules: {}, tools: {}, tenants: {}, decision_ids: [] },
              ...comparison,
            },
    },
  }
}

/** Every region with one gateway that says this; a region without words is silent. */
export function view(says: Readonly<Record<string, Says | undefined>>, replays: View['replays'] = new Map()): View {
  const regions = CELLS.map(({ region }): RegionView => {
    const words = says[region]
    return { region, reports: words === undefined ? [] : [report(region, words)], error: undefined }
  })
  return { regions, replays }
}

export const everywhere = (says: Says) => Object.fromEntries(CELLS.map(({ region }) => [region, says]))
