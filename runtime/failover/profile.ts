import { z } from 'zod'

/** The timings that decide how long clients notice the loss of a region. Milliseconds, but for the threshold. */
export interface Timings {
  healthCheckIntervalMs: number
  /** Failed (or, coming back, passed) probes in a row before a check changes its state. */
  failureThreshold: number
  recordTtlMs: number
  clientTimeoutMs: number
}

/** The timings in force, and those of the deployed templates that they were derived from. */
export interface Profile extends Timings {
  name: 'compressed' | 'deployed'
  deployed: Timings
}

/** Room for scheduling and round trips on top of the arithmetic. */
const MARGIN = 1.2

export interface Bounds {
  /** Fault to health state. */
  detectionMs: number
  /** Fault to lasting success, as a client sees it. */
  rtoMs: number
  /** Region ready again to a client's new connection reaching it. */
  failbackMs: number
}

/**
 * What the timings promise: a check needs `threshold` intervals to change its mind, a resolver keeps the
 * old answer for one TTL, and the last call on the old address runs into the client's timeout. Coming back
 * takes the same three steps (Route 53 counts the threshold in both directions).
 */
export function boundsOf(timings: Timings): Bounds {
  const detection = timings.healthCheckIntervalMs * timings.failureThreshold
  const wayOfAClient = (detection + timings.recordTtlMs + timings.clientTimeoutMs) * MARGIN
  return { detectionMs: detection * MARGIN, rtoMs: wayOfAClient, failbackMs: wayOfAClient }
}

/** One line that lets a reader recompute the RTO objective. */
export function describeRto(timings: Timings): string {
  const s = (ms: number) => `${+(ms / 1000).toFixed(2)} s`
  return (
    `(${s(timings.healthCheckIntervalMs)} x ${timings.failureThreshold} + TTL ${s(timings.recordTtlMs)} + ` +
    `client timeout ${s(timings.clientTimeoutMs)}) x ${MARGIN} = ${s(boundsOf(timings).rtoMs)}`
  )
}

/**
 * Scales a measured RTO to the deployed timings. Detection grows with the interval, the wait for the resolver
 * with the TTL, and the client's timeout not at all. A projection: nothing was run at these timings.
 */
export function projectRtoMs(profile: Profile, measured: { detectionMs: number; rtoMs: number }): number {
  const afterDetection = Math.max(0, measured.rtoMs - measured.detectionMs)
  const timeout = Math.min(profile.clientTimeoutMs, afterDetection)
  const waitForTtl = afterDetection - timeout
  const { deployed } = profile
  return (
    measured.detectionMs * (deployed.healthCheckIntervalMs / profile.healthCheckIntervalMs) +
    waitForTtl * (deployed.recordTtlMs / profile.recordTtlMs) +
    timeout * (deployed.clientTimeoutMs / profile.clientTimeoutMs)
  )
}

const timings = z.object({
  health_check_interval_ms: z.number().positive(),
  health_check_failure_threshold: z.int().positive(),
  record_ttl_ms: z.number().positive(),
  client_timeout_ms: z.number().positive(),
})

/** The profile as the supervisor states it. */
export const profileSchema = timings
  .extend({ name: z.enum(['compressed', 'deployed']), deployed: timings.transform(toTimings) })
  .transform(({ name, deployed, ...rest }): Profile => ({ name, deployed, ...toTimings(rest) }))

function toTimings(wire: z.infer<typeof timings>): Timings {
  return {
    healthCheckIntervalMs: wire.health_check_interval_ms,
    failureThreshold: wire.health_check_failure_threshold,
    recordTtlMs: wire.record_ttl_ms,
    clientTimeoutMs: wire.client_timeout_ms,
  }
}
