import { monotonicMs } from '../monotonic.ts'
import { intervalMs, type Profile } from '../profile.ts'
import type { HealthCheck, LoadBalancer } from '../topology/topology.ts'
import { type EndpointState, isEndpointHealthy, newEndpoint, observe, type Rules } from './health.ts'
import type { Health } from './routing.ts'

/**
 * One probe from one place. Resolves to true when the endpoint connected, and answered with 2xx or 3xx, both in time; never
 * rejects. Aborting the signal ends it early.
 */
export type Probe = (target: ProbeTarget, from: string, signal: AbortSignal) => Promise<boolean>

export interface ProbeTarget {
  /** A Route 53 checker resolves the name; a load balancer knows its own target. */
  to: { fqdn: string; port: number } | { gatewayOf: string }
  path: string
  connectMs: number
  answerMs: number
}

export interface HealthChange {
  kind: 'check' | 'loadBalancer'
  /** Id of the health check or load balancer in the topology. */
  id: string
  /** Region whose endpoint it is, where there is one. */
  region: string | undefined
  healthy: boolean
  /** The machine's monotonic clock: comparable between processes (see monotonic.ts). */
  atMs: number
  wallMs: number
}

/** JSON for drills and the console. `sinceMs` is on the monotonic clock. */
export interface HealthSnapshot {
  checks: { id: string; fqdn: string; region: string | undefined; healthy: boolean; sinceMs: number; locations: Record<string, boolean> }[]
  loadBalancers: { id: string; region: string; healthy: boolean; sinceMs: number }[]
}

export interface Checkers {
  /** What the DNS server routes by. A new object after each change, so it can be held for one answer. */
  health(): Health
  snapshot(): HealthSnapshot
  onChange(listener: (change: HealthChange) => void): () => void
  close(): void
}

export interface CheckersOptions {
  healthChecks: HealthCheck[]
  loadBalancers: LoadBalancer[]
  profile: Profile
  probe: Probe
  /** Region that a checked name stands for, for readers of the changes. */
  regionOf: (fqdn: string) => string | undefined
}

/** Regions that Route 53 probes from when a check does not choose (API reference, HealthCheckConfig, "Regions"). */
export const CHECKER_LOCATIONS = [
  'us-east-1',
  'us-west-1',
  'us-west-2',
  'eu-west-1',
  'ap-southeast-1',
  'ap-southeast-2',
  'ap-northeast-1',
  'sa-east-1',
] as const

/**
 * Limits of a Route 53 probe: four seconds to connect, then two to answer. No profile scales them: they are not waiting but
 * patience, and a slow machine must not look like a lost region. In the compressed profile a probe may thus outlast the interval;
 * probes then overlap, and a silent region is detected one time-out later than a dead one, as in Route 53.
 */
const CONNECT_MS = 4000
const ANSWER_MS = 2000

interface Watch {
  kind: HealthChange['kind']
  id: string
  name: string
  region: string | undefined
  target: ProbeTarget
  rules: Rules
  state: EndpointState
  sinceMs: number
}

/** Starts probing every endpoint at once, each location at its own phase of the interval, and stops at close(). */
export function startCheckers(options: CheckersOptions): Checkers {
  const watches = [
    ...options.healthChecks.map((check) => watchCheck(check, options)),
    ...options.loadBalancers.map((lb) => watchBalancer(lb, options)),
  ]
  const listeners = new Set<(change: HealthChange) => void>()
  const stop = new AbortController()
  let health = healthOf(watches)

  const record = (watch: Watch, location: string, probe: number, ok: boolean) => {
    const before = isEndpointHealthy(watch.state)
    watch.state = observe(watch.state, { location, probe, ok, atMs: monotonicMs() }, watch.rules)
    const healthy = isEndpointHealthy(watch.state)
    if (healthy === before) return
    watch.sinceMs = monotonicMs()
    health = healthOf(watches)
    const change = { kind: watch.kind, id: watch.id, region: watch.region, healthy, atMs: watch.sinceMs, wallMs: Date.now() }
    for (const listener of listeners) listener(change)
  }

  for (const watch of watches) {
    const locations = Object.keys(watch.state.locations)
    locations.forEach((location, index) => {
      let probe = 0
      const once = async () => {
        const number = probe++
        const ok = await options.probe(watch.target, location, stop.signal)
        if (!stop.signal.aborted) record(watch, location, number, ok)
      }
      every(watch.rules.intervalMs, (index / locations.length) * watch.rules.intervalMs, once, stop.signal)
    })
  }

  return {
    health: () => health,
    snapshot: () => snapshotOf(watches),
    onChange: (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    close: () => stop.abort(),
  }
}

function watchCheck(check: HealthCheck, { profile, regionOf }: CheckersOptions): Watch {
  return {
    kind: 'check',
    id: check.id,
    name: check.fqdn,
    region: regionOf(check.fqdn),
    target: { to: { fqdn: check.fqdn, port: check.port }, path: check.path, connectMs: CONNECT_MS, answerMs: ANSWER_MS },
    rules: { failures: check.failureThreshold, successes: check.failureThreshold, intervalMs: intervalMs(profile, check.intervalS) },
    state: newEndpoint(check.locations ?? CHECKER_LOCATIONS),
    sinceMs: monotonicMs(),
  }
}

function watchBalancer({ id, region, targetCheck }: LoadBalancer, { profile }: CheckersOptions): Watch {
  const limitMs = targetCheck.timeoutS * 1000
  return {
    kind: 'loadBalancer',
    id,
    name: id,
    region,
    target: { to: { gatewayOf: region }, path: targetCheck.path, connectMs: limitMs, answerMs: limitMs },
    rules: {
      failures: targetCheck.unhealthyThreshold,
      successes: targetCheck.healthyThreshold,
      intervalMs: intervalMs(profile, targetCheck.intervalS),
    },
    state: newEndpoint([region]),
    sinceMs: monotonicMs(),
  }
}

function healthOf(watches: Watch[]): Health {
  const failed = (kind: HealthChange['kind']) =>
    new Set(watches.filter((watch) => watch.kind === kind && !isEndpointHealthy(watch.state)).map(({ id }) => id))
  return { failedChecks: failed('check'), failedBalancers: failed('loadBalancer') }
}

function snapshotOf(watches: Watch[]): HealthSnapshot {
  const common = ({ id, state, sinceMs }: Watch) => ({ id, healthy: isEndpointHealthy(state), sinceMs })
  const opinions = ({ state }: Watch) => Object.fromEntries(Object.entries(state.locations).map(([place, { healthy }]) => [place, healthy]))
  return {
    checks: watches
      .filter(({ kind }) => kind === 'check')
      .map((watch) => ({ ...common(watch), fqdn: watch.name, region: watch.region, locations: opinions(watch) })),
    loadBalancers: watches
      .filter(({ kind }) => kind === 'loadBalancer')
      .map((watch) => ({ ...common(watch), region: watch.region as string })),
  }
}

/** Calls without drift, first after `phaseMs`. A late call is not made up for: the next keeps its own time. */
function every(periodMs: number, phaseMs: number, call: () => Promise<void>, signal: AbortSignal): void {
  const startMs = monotonicMs() + phaseMs
  let timer: NodeJS.Timeout
  const schedule = () => {
    const turn = Math.max(0, Math.ceil((monotonicMs() - startMs) / periodMs))
    timer = setTimeout(
      () => {
        schedule()
        void call()
      },
      Math.max(0, startMs + turn * periodMs - monotonicMs()),
    )
  }
  schedule()
  signal.addEventListener('abort', () => clearTimeout(timer), { once: true })
}
