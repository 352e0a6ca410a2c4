/**
 * What the checkers of one endpoint think of it, as pure state. The rules are those of "How Route 53 determines the status
 * of health checks": each location counts consecutive results, and the endpoint is healthy while more than 18 % of the locations
 * say so. A load balancer judging its targets is the same machine with one location and its own thresholds.
 */
export interface EndpointState {
  locations: Record<string, LocationState>
}

export interface LocationState {
  healthy: boolean
  /** Results in a row that contradict `healthy`. */
  streak: number
  /** The newest probe that has been counted: its number, and when its result came. */
  lastProbe: number
  lastMs: number
}

export interface Rules {
  /** Failures in a row before a healthy endpoint is unhealthy. */
  failures: number
  /** Successes in a row before an unhealthy endpoint is healthy. */
  successes: number
  /** Between two probes of a location, in milliseconds. */
  intervalMs: number
}

export interface Observation {
  location: string
  /** Probes of a location are numbered as they start. */
  probe: number
  ok: boolean
  /** When the result came, on a clock that never runs back. */
  atMs: number
}

const HEALTHY_SHARE = 0.18

/** A new check is healthy until enough results say otherwise. */
export function newEndpoint(locations: readonly string[]): EndpointState {
  const fresh = { healthy: true, streak: 0, lastProbe: -1, lastMs: Number.NEGATIVE_INFINITY }
  return { locations: Object.fromEntries(locations.map((location) => [location, fresh])) }
}

/**
 * Counts one result. A result that comes after that of a later probe is ignored: a probe that hung for six seconds says nothing
 * about the endpoint of now. So is one that comes within half an interval of the last: several probes that hung together and
 * end together are one look at the endpoint. Returns the same state when nothing was counted.
 */
export function observe(state: EndpointState, observation: Observation, rules: Rules): EndpointState {
  const before = state.locations[observation.location]
  if (before === undefined || observation.probe <= before.lastProbe) return state
  if (observation.atMs - before.lastMs < rules.intervalMs / 2) return state
  return { locations: { ...state.locations, [observation.location]: next(before, observation, rules) } }
}

function next({ healthy, streak }: LocationState, { probe, ok, atMs }: Observation, { failures, successes }: Rules): LocationState {
  const counted = { lastProbe: probe, lastMs: atMs }
  if (ok === healthy) return { ...counted, healthy, streak: 0 }
  const needed = healthy ? failures : successes
  return streak + 1 < needed ? { ...counted, healthy, streak: streak + 1 } : { ...counted, healthy: ok, streak: 0 }
}

export function isEndpointHealthy({ locations }: EndpointState): boolean {
  const opinions = Object.values(locations)
  return opinions.filter(({ healthy }) => healthy).length > opinions.length * HEALTHY_SHARE
}
