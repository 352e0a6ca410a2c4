import type { Target } from '../delivery/deliver.ts'
import type { PlaneState } from '../store/plane-state.ts'
import { moved, type Rollout, stageOf } from './rollout.ts'

/** What a region is to have in this state. Pure. Undefined before the first publication. */
export function targetIn(
  { active, rollout, signedDirectories }: PlaneState,
  { region, zone }: { region: string; zone: string },
  canarySharePercent: number,
): Target | undefined {
  const directory = signedDirectories?.zones[zone]
  if (active === null || signedDirectories === null || directory === undefined) return undefined
  const running = rollout !== null && rollout.endedAtMs === null ? rollout : undefined
  const release = running !== undefined && moved(running).includes(region) ? running.release : active
  const bundle = release.zones[zone]?.bundle
  if (bundle === undefined) return undefined
  return {
    bundle: { digest: bundle, seq: release.seq },
    directory: { digest: directory, seq: signedDirectories.seq },
    candidate: running && release !== running.release ? candidateOf(running, region, zone, canarySharePercent) : undefined,
    stored: running?.release.zones[zone]?.bundle,
  }
}

function candidateOf(rollout: Rollout, region: string, zone: string, canarySharePercent: number): Target['candidate'] {
  const stage = stageOf(rollout)
  const bundleDigest = rollout.release.zones[zone]?.bundle
  // A replay judges by what lies in the bucket: nothing is loaded for it.
  if (stage === undefined || stage.kind === 'replay' || bundleDigest === undefined) return undefined
  const canary = stage.kind === 'canary' && stage.region === region
  return {
    rollout: rollout.id,
    bundleDigest,
    bundleSeq: rollout.release.seq,
    // Elsewhere it is only made ready: then its turn takes no loading.
    sharePercent: canary ? canarySharePercent : 0,
    compare: canary || stage.kind === 'shadow',
  }
}
