import type { Deployment } from '../../../config/schema.ts'
import { intervalMs, type Profile, ttlS } from '../profile.ts'
import type { Topology } from '../topology/topology.ts'

/** What decides how long clients notice a loss, in milliseconds, as the wire names it. */
export interface TimingsAnswer {
  health_check_interval_ms: number
  health_check_failure_threshold: number
  record_ttl_ms: number
  alias_ttl_ms: number
  client_timeout_ms: number
}

/** TTL of an alias to a load balancer: fixed by AWS. */
const ALIAS_TTL_S = 60

/**
 * The timings in force under a profile, from the synthesized templates: of several checks or records the slowest, which is what a
 * promise has to reckon with.
 */
export function timingsOf({ healthChecks, records }: Topology, deployment: Deployment, profile: Profile): TimingsAnswer {
  const slowest = (values: number[]) => Math.max(0, ...values)
  const ttls = records.flatMap(({ target, routing }) => ('ttlS' in target && routing.policy !== 'simple' ? [target.ttlS] : []))
  return {
    health_check_interval_ms: intervalMs(profile, slowest(healthChecks.map((check) => check.intervalS))),
    health_check_failure_threshold: slowest(healthChecks.map((check) => check.failureThreshold)),
    record_ttl_ms: ttlS(profile, slowest(ttls)) * 1000,
    alias_ttl_ms: ttlS(profile, ALIAS_TTL_S) * 1000,
    client_timeout_ms: deployment.clientTimeoutMs,
  }
}
