import type { ZoneRecord } from './zone.ts'

/** What is known to be down. Everything else counts as healthy, as a new health check does in Route 53. */
export interface Health {
  /** Ids of health checks whose endpoint is unhealthy. */
  failedChecks: ReadonlySet<string>
  /** Ids of load balancers without a healthy target. */
  failedBalancers: ReadonlySet<string>
}

/**
 * A record's own health (Route 53 developer guide, "How Route 53 chooses records when health checking is configured"):
 * its health check and, for an alias with EvaluateTargetHealth, its target must be healthy. A record with neither always is.
 */
export function isHealthy(record: ZoneRecord, { failedChecks, failedBalancers }: Health): boolean {
  if (record.healthCheckId !== undefined && failedChecks.has(record.healthCheckId)) return false
  const { target } = record
  return !('loadBalancer' in target && target.evaluateTargetHealth && failedBalancers.has(target.loadBalancer))
}

export interface Chooser {
  place: string
  roll: number
  rttMs: (from: string, region: string) => number
}

/** The one record of a group (same name, type and policy) that answers. When none is healthy, all count as healthy. */
export function pick(group: ZoneRecord[], healthy: (record: ZoneRecord) => boolean, chooser: Chooser): ZoneRecord {
  const up = group.filter(healthy)
  const record = choose(group, up, chooser) ?? choose(group, group, chooser) ?? group[0]
  if (record === undefined) throw new Error('a group of records is never empty')
  return record
}

function choose(group: ZoneRecord[], candidates: ZoneRecord[], chooser: Chooser): ZoneRecord | undefined {
  const policy = group[0]?.routing.policy
  if (policy === 'failover') return candidates.find(isPrimary) ?? candidates[0]
  if (policy === 'latency') return nearest(candidates, chooser)
  if (policy === 'weighted') return draw(candidates, chooser.roll)
  return candidates[0]
}

function isPrimary({ routing }: ZoneRecord): boolean {
  return routing.policy === 'failover' && routing.role === 'PRIMARY'
}

function nearest(candidates: ZoneRecord[], { place, rttMs }: Chooser): ZoneRecord | undefined {
  const distance = ({ routing }: ZoneRecord) => (routing.policy === 'latency' ? rttMs(place, routing.region) : Number.POSITIVE_INFINITY)
  return candidates.reduce<ZoneRecord | undefined>(
    (best, record) => (best === undefined || distance(record) < distance(best) ? record : best),
    undefined,
  )
}

/** Weight 0 is drawn only when no record with a weight is left; records with weight 0 share evenly. */
function draw(candidates: ZoneRecord[], roll: number): ZoneRecord | undefined {
  const weight = ({ routing }: ZoneRecord) => (routing.policy === 'weighted' ? routing.weight : 0)
  const total = candidates.reduce((sum, record) => sum + weight(record), 0)
  if (total === 0) return candidates[Math.floor(roll * candidates.length)]
  let rest = roll * total
  return candidates.find((record) => {
    rest -= weight(record)
    return rest < 0
  })
}
