import type { FleetReport } from '../../state/fleet.ts'
import type { ReplayResult } from '../../state/replays.ts'
import type { Plane } from '../plane.ts'
import type { ReplayStatus } from '../replaying.ts'
import { moved, type Rollout, stageOf } from '../rollout/rollout.ts'
import { bakeUntilMs, evidenceIn, type RolloutSettings, waitingFor } from '../rollout/step.ts'
import { serves, type View } from '../rollout/view.ts'
import type { LedgerEntry } from '../store/ledger.ts'
import type { PlaneState } from '../store/plane-state.ts'
import type { RevisionRecord } from '../store/registry.ts'

// What operators are shown, in the words of the wire.

export const isoTime = (ms: number) => new Date(ms).toISOString()

/** @param live the view and settings while it is under way */
export function rolloutView(rollout: Rollout, live?: { view: View; settings: RolloutSettings }) {
  const stage = stageOf(rollout)
  const underway = rollout.endedAtMs === null
  const bakeUntil = live === undefined ? undefined : bakeUntilMs(rollout, live.settings)
  const kinds = { replay: 'replay', shadow: 'shadow', canary: 'canary' } as const
  return {
    id: rollout.id,
    revision: rollout.revision,
    from: rollout.from,
    seq: rollout.release.seq,
    publisher: rollout.publisher,
    author: rollout.author,
    reason: rollout.reason,
    started_at: isoTime(rollout.startedAtMs),
    ended_at: rollout.endedAtMs === null ? null : isoTime(rollout.endedAtMs),
    state: rollout.state,
    stage: stage === undefined ? null : stage.kind === 'regions' ? (stage.regions.length > 1 ? 'all' : 'region') : kinds[stage.kind],
    region:
      stage === undefined || stage.kind === 'replay' || stage.kind === 'shadow'
        ? null
        : stage.kind === 'canary'
          ? stage.region
          : stage.regions.join(', '),
    bake_until: underway && bakeUntil !== undefined ? isoTime(bakeUntil) : null,
    done: doneIn(rollout),
    silent: rollout.silent,
    waiting_for: live === undefined ? null : (waitingFor(rollout, live.view, live.settings) ?? null),
    why: rollout.why,
    evidence: live === undefined ? rollout.evidence : evidenceIn(rollout, live.view),
  }
}

/** Regions that serve it and have been watched for long enough. */
function doneIn(rollout: Rollout): string[] {
  return rollout.state === 'completed' ? moved(rollout) : moved({ ...rollout, at: rollout.at - 1 })
}

export interface StatusParts {
  plane: Plane
  settings: RolloutSettings
  refused: string | undefined
}

export async function statusView({ plane, settings, refused }: StatusParts) {
  const state = plane.kernel.state()
  const view = plane.view()
  const directory = await plane.directory.of(state)
  const signed = state.signedDirectories
  return {
    seq: state.active?.seq ?? null,
    revision: state.active?.revision ?? null,
    published_at: state.active === null ? null : isoTime(state.active.signedAtMs),
    expires_at: state.active === null ? null : isoTime(state.active.notAfterMs),
    converged: isConverged(state, view),
    /** Why the last revision was not taken; what is active stays active. */
    refused: refused ?? null,
    rollout: state.rollout === null ? null : rolloutView(state.rollout, { view, settings }),
    last_rollout: state.lastRollout === null ? null : rolloutView(state.lastRollout),
    directory: { version: directory.version, seq: signed?.seq ?? null },
    lifted: plane.standing()?.lifted ?? [],
    issuers: (plane.standing()?.issuers ?? []).map(({ region, keys, retiring = {}, removed = [] }) => ({
      region,
      keys: keys.map(({ kid }) => kid),
      retiring: Object.fromEntries(Object.entries(retiring).map(([kid, atMs]) => [kid, isoTime(atMs)])),
      removed,
    })),
    regions: plane.couriers.status().map((one) => ({
      region: one.region,
      zone: one.zone,
      seq: one.seq,
      directory_seq: one.directorySeq,
      bundle_digest: one.bundleDigest,
      directory_digest: one.directoryDigest,
      confirmed_at: one.confirmedAtMs === null ? null : isoTime(one.confirmedAtMs),
      error: one.error,
    })),
    fleet: view.regions.flatMap(({ reports }) => reports.map(memberView)),
  }
}

/** Every gateway that says anything serves what is active, and nothing is on its way. */
function isConverged({ active, rollout, signedDirectories }: PlaneState, { regions }: View): boolean {
  if (active === null || rollout !== null || signedDirectories === null) return false
  return regions.every(
    (region) =>
      region.error === undefined &&
      serves(region, active.seq) &&
      region.reports.every(({ aegis }) => (aegis.directory_seq ?? 0) >= signedDirectories.seq),
  )
}

function memberView({ labels, bundles, aegis }: FleetReport) {
  const failing = Object.values(bundles).find(({ message }) => message !== undefined)
  return {
    region: labels.region,
    id: labels.id,
    version: labels.version,
    revision: bundles.stable?.active_revision ?? null,
    seq: aegis.bundle_seq,
    directory_seq: aegis.directory_seq,
    age_s: aegis.age_s,
    expires_in_s: aegis.expires_in_s,
    candidate: aegis.candidate,
    comparison: aegis.comparison,
    error: failing?.message ?? null,
    reported_at: isoTime(aegis.at_ms),
  }
}

export function revisionView(record: RevisionRecord, rollouts: readonly object[]) {
  const { revision, author, atMs, reason, commit, checks } = record
  return { revision, author, at: isoTime(atMs), reason, commit, checks, rollouts }
}

export function entryView({ n, atMs, by, kind, reason, facts }: LedgerEntry) {
  return { n, at: isoTime(atMs), by: by ?? 'control plane', kind, reason, facts }
}

export function replayView({ id, revision, regions }: ReplayStatus) {
  const results = regions.flatMap(({ result }) => result ?? [])
  return {
    id,
    revision,
    done: results.length === regions.length,
    regions: regions.map(({ region, result }) => ({ region, result: result === null ? null : resultView(result) })),
    total: results.length === 0 ? null : totalView(results),
  }
}

function resultView({ newDenies, newApprovals, decisionIds, tookMs, ...rest }: ReplayResult) {
  return { ...rest, new_denies: newDenies, new_approvals: newApprovals, decision_ids: decisionIds, took_ms: tookMs }
}

function totalView(results: readonly ReplayResult[]) {
  const count = (of: (result: ReplayResult) => number) => results.reduce((all, result) => all + of(result), 0)
  const merged = (of: (result: ReplayResult) => Readonly<Record<string, number>>) => {
    const all: Record<string, number> = {}
    for (const result of results) for (const [key, value] of Object.entries(of(result))) all[key] = (all[key] ?? 0) + value
    return all
  }
  return {
    replayed: count((one) => one.replayed),
    unanswerable: count((one) => one.unanswerable),
    new_denies: count((one) => one.newDenies),
    new_approvals: count((one) => one.newApprovals),
    loosened: count((one) => one.loosened),
    changes: merged((one) => one.changes),
    rules: merged((one) => one.rules),
    tools: merged((one) => one.tools),
    tenants: merged((one) => one.tenants),
  }
}
