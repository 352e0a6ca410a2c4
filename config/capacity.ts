import { type Deployment, primaryOf, regionsOf } from './schema.ts'

// How many gateways a region has so that losing any other region needs no new one, and how full they may be. Scaling up takes minutes, and
// needs ECS and free Fargate capacity just when everybody who lost that region asks for them.

export interface Capacity {
  /** Never fewer. As many as carry the region's own peak and what it takes over. */
  readonly minTasks: number
  /** Average CPU of the tasks that scaling aims at. */
  readonly cpuPercent: number
  /** Requests of a task in a minute that scaling aims at. */
  readonly requestsPerTaskPerMin: number
}

/**
 * Regions back each other in two groups. The global name has all regions, each active: N of them carry a load that N-1 must carry, so each
 * may be full to (N-1)/N. A zone's name has primary and standby, of which one is active: the standby needs all that the primary needs,
 * whether or not anybody calls it today.
 *
 * What it assumes: that those who called a lost region through the global name spread over all others. Latency decides, so they may all go to
 * its neighbour; where that matters, raise `minTasks`.
 */
export function capacityOf(deployment: Deployment, region: string): Capacity {
  const { minTasks, callsPerTask, fullCpuPercent, peakCallsPerSecond } = deployment.gateway
  const regions = regionsOf(deployment)
  const zone = regions.find((one) => one.region === region)?.zone
  if (zone === undefined) throw new Error(`zones: ${region} serves no zone`)
  const others = Math.max(1, regions.length - 1)
  const needed = zonePeak(deployment, region, zone) + peakCallsPerSecond.global / others
  const share = regions.length > 1 ? others / regions.length : 1
  return {
    minTasks: Math.max(minTasks, Math.ceil(needed / callsPerTask)),
    cpuPercent: Math.floor(fullCpuPercent * share),
    requestsPerTaskPerMin: Math.floor(callsPerTask * 60 * share),
  }
}

/** Calls by the zone's name: they come to the primary, and all of them to the standby when it is lost. To any other region of the zone, never. */
function zonePeak(deployment: Deployment, region: string, zone: string): number {
  const serves = region === primaryOf(deployment, zone) || region === deployment.zones[zone]?.standby
  return serves ? (deployment.gateway.peakCallsPerSecond.zones[zone] ?? 0) : 0
}
