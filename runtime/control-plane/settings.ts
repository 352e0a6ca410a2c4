import type { Deployment } from '../../config/schema.ts'
import type { ControlPlaneConfig } from './config.ts'
import type { PlaneOptions } from './plane.ts'

/** When a rollout is taken back. How often a policy may deny newly is up to the deployment; the rest is what chance and noise allow. */
const LIMITS = { maxRisePercent: 2, minNewDenies: 3, minCalls: 20, maxP99Ratio: 2, minCallsForP99: 500, p99FloorUs: 5000 }
const REPLAY_WAIT_MS = 5 * 60_000

/** How rollouts go: the deployment's word, with the timings of this process in its place where it has some. */
export function rolloutSettings(
  { rollout, homeRegion }: Pick<Deployment, 'rollout' | 'homeRegion'>,
  instead: ControlPlaneConfig['rollout'],
): PlaneOptions['rollout'] {
  const { canaryBakeS, regionBakeS, silentS, canarySharePercent, maxNewDenyPercent, canaryRegions } = { ...rollout, ...instead }
  return {
    canaryBakeMs: canaryBakeS * 1000,
    regionBakeMs: regionBakeS * 1000,
    silentMs: silentS * 1000,
    replayMs: REPLAY_WAIT_MS,
    limits: LIMITS,
    canarySharePercent,
    maxNewDenyPercent,
    canaryRegions: canaryRegions.length > 0 ? canaryRegions : [homeRegion],
  }
}
