import type { FabricControl } from './faults/control.ts'
import { OBJECTIVES, type Objective, type ObjectiveName } from './objectives.ts'
import { type Bounds, boundsOf, type Profile } from './profile.ts'
import { seededRandom } from './random.ts'
import { type Runbook, RunbookError } from './runbook.ts'
import type { CallSpec, Check, Duration } from './runbook-schema.ts'

/** A client with everything that its calls need, but for the token. */
export interface Client {
  id: string
  place: string
  host: string
  proxyUrl: string
  agent: string
  perSecond: number
  freshEvery: number
  timeoutMs: number
  calls: readonly CallSpec[]
  /** Regions that may answer: those of the name's zone, or all for the global name. */
  allowedRegions: readonly string[]
}

/** A runbook that fits the system at hand, with every duration known. Nothing in it can fail for being unknown. */
export interface Plan {
  runbook: Runbook
  profile: Profile
  bounds: Bounds
  seed: number
  /** Milliseconds between the end of the gate and the kill, one a round: health checks and caches must be hit in any phase. */
  killDelaysMs: readonly number[]
  region: string
  clients: readonly Client[]
  /** Objectives with their bound in the objective's own unit. */
  objectives: readonly { name: ObjectiveName; bound: number; derived: boolean }[]
}

/**
 * Fits a runbook to a running system.
 * @param agents those that have a token
 * @throws RunbookError naming everything that does not fit, before anything has run
 */
export function planDrill(
  runbook: Runbook,
  fabric: Pick<FabricControl, 'profile' | 'regions' | 'names' | 'wan'>,
  agents: ReadonlySet<string>,
  { seed, repeat }: { seed: number; repeat: number },
): Plan {
  const bounds = boundsOf(fabric.profile)
  const inject = runbook.steps.find((step) => step.type === 'inject')
  const faults = [...unknownWords(runbook, fabric, agents), ...durationFaults(runbook, bounds), ...objectiveFaults(runbook)]
  if (inject === undefined || faults.length > 0) throw new RunbookError(faults)
  const random = seededRandom(seed)
  const phaseMs = fabric.profile.healthCheckIntervalMs + fabric.profile.recordTtlMs
  return {
    runbook,
    profile: fabric.profile,
    bounds,
    seed,
    killDelaysMs: Array.from({ length: repeat }, () => random() * phaseMs),
    region: inject.region,
    clients: clientsOf(runbook, fabric),
    objectives: Object.entries(runbook.objectives).map(([key, value]) => {
      const name = key as ObjectiveName
      const derived = value === 'derived'
      return { name, derived, bound: derived ? ((OBJECTIVES[name] as Objective).derived?.(bounds) ?? Number.NaN) : value }
    }),
  }
}

/** Milliseconds of a runbook's duration under a profile. */
export function durationMs({ rto = 0, seconds = 0 }: Duration, bounds: Bounds): number {
  return rto * bounds.rtoMs + seconds * 1000
}

function clientsOf(
  runbook: Runbook,
  { names, wan, regions, profile }: Pick<FabricControl, 'profile' | 'regions' | 'names' | 'wan'>,
): Client[] {
  return runbook.steps
    .flatMap((step) => (step.type === 'steady' ? step.clients : []))
    .map(({ id, place, name, agent, per_second, calls }) => ({
      id,
      place,
      host: names[name] ?? '',
      proxyUrl: wan[place] ?? '',
      agent,
      perSecond: per_second,
      freshEvery: runbook.probe.fresh_every,
      timeoutMs: profile.clientTimeoutMs,
      calls,
      allowedRegions: regions.filter(({ zone }) => name === 'global' || zone === name).map(({ region }) => region),
    }))
}

function unknownWords(
  runbook: Runbook,
  { regions, names, wan }: Pick<FabricControl, 'regions' | 'names' | 'wan'>,
  agents: ReadonlySet<string>,
): string[] {
  const faults: string[] = []
  const known = (line: number, kind: string, value: string, all: Iterable<string>) => {
    const list = [...all]
    if (!list.includes(value))
      faults.push(`${runbook.file}:${line}: no ${kind} ${JSON.stringify(value)} is running, there are ${list.join(', ')}`)
  }
  const regionNames = regions.map(({ region }) => region)
  const aboutCheck = (line: number, check: Check) => {
    if (check.check === 'health') {
      if (check.region !== 'every') known(line, 'region', check.region, regionNames)
      return
    }
    if (check.check !== 'names') return
    known(line, 'name', check.name, Object.keys(names))
    known(line, 'place', check.place, Object.keys(wan))
    known(line, 'region', check.with ?? check.without ?? '', regionNames)
  }
  const clientIds = new Set<string>()
  for (const step of runbook.steps) {
    if ('checks' in step) for (const check of step.checks) aboutCheck(step.line, check)
    if (step.type === 'inject') known(step.line, 'region', step.region, regionNames)
    if (step.type !== 'steady') continue
    for (const { id, place, name, agent } of step.clients) {
      if (clientIds.has(id)) faults.push(`${runbook.file}:${step.line}: two clients are called ${id}`)
      clientIds.add(id)
      known(step.line, 'place', place, Object.keys(wan))
      known(step.line, 'name', name, Object.keys(names))
      known(step.line, 'agent', agent, agents)
    }
  }
  return faults
}

/** An observation shorter than what it is to prove would always end before the proof. */
function durationFaults(runbook: Runbook, bounds: Bounds): string[] {
  return runbook.steps.flatMap((step) => {
    const stabilityMs = runbook.stability_s * 1000
    const needMs = step.type === 'observe' ? bounds.rtoMs + stabilityMs : step.type === 'failback' ? bounds.failbackMs : 0
    if (!('for' in step) || durationMs(step.for, bounds) >= needMs) return []
    return [
      `${runbook.file}:${step.line}: for: ${durationMs(step.for, bounds) / 1000} s is too short to show what is promised, needs ${needMs / 1000} s`,
    ]
  })
}

function objectiveFaults(runbook: Runbook): string[] {
  return Object.entries(runbook.objectives).flatMap(([name, value]) =>
    value === 'derived' && (OBJECTIVES[name as ObjectiveName] as Objective).derived === undefined
      ? [`${runbook.file}:1: objectives.${name}: nothing derives this, give a number`]
      : [],
  )
}
