import type { Profile } from '../../../runtime/failover/profile.ts'

/** The default deployment's timings divided by ten. */
export const profile: Profile = {
  name: 'compressed',
  healthCheckIntervalMs: 1000,
  failureThreshold: 3,
  recordTtlMs: 3000,
  clientTimeoutMs: 1000,
  deployed: { healthCheckIntervalMs: 10_000, failureThreshold: 3, recordTtlMs: 30_000, clientTimeoutMs: 1000 },
}
