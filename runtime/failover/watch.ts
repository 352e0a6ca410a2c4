import { abortReason } from './decisions.ts'
import type { FabricControl } from './faults/control.ts'
import type { Journal } from './journal.ts'
import type { Round } from './measures.ts'
import type { Outcome } from './outcome.ts'
import { durationMs, type Plan } from './plan.ts'
import type { Probes } from './probes/probes.ts'
import type { Duration } from './runbook-schema.ts'

/** What the runner acts through. Decisions are made elsewhere, from the journal. */
export interface Ports {
  fabric: FabricControl
  probes: Probes
  journal: Journal
  time: { now(): number; sleep(ms: number): Promise<void> }
  /** One line of progress for whoever watches. */
  say: (line: string) => void
  /** Aborted by Ctrl-C: the drill then ends at the next look around, and rolls back. */
  signal: AbortSignal
}

/** A drill under way. */
export interface Run {
  plan: Plan
  ports: Ports
  outcome: Outcome
  round: number
  roundStartedMs: number
  /** Ids of inject blocks that were tried: those that the rollback undoes. */
  injected: Set<string>
  /** How far events have been read. */
  position: number
  looks: number
  /** Looks in a row at which the fabric gave no answer. */
  blindLooks: number
  /** Last authoritative answer by name and place, so that only changes are journaled. `close`: it has led to the region that is lost. */
  names: Map<string, { answer: string; close: boolean }>
  current?: Partial<Round>
}

/** Ends the drill; the rollback still runs. */
export class Stop extends Error {
  override name = 'Stop'
  readonly how: 'gate' | 'control' | 'abort' | 'interrupted'
  constructor(how: Stop['how'], detail: string) {
    super(detail)
    this.how = how
  }
}

/** How often events, names and results are looked at. Bounds the error of the DNS shift. */
export const LOOK_MS = 100

/** Lets a runbook's duration pass. */
export function watch(run: Run, duration: Duration): Promise<void> {
  return watchMs(run, durationMs(duration, run.plan.bounds))
}

/** Lets time pass and writes down what happens in it. */
export async function watchMs(run: Run, ms: number): Promise<void> {
  const { ports } = run
  const untilMs = ports.time.now() + ms
  for (;;) {
    await lookAround(run)
    const leftMs = untilMs - ports.time.now()
    if (leftMs <= 0) return
    await ports.time.sleep(Math.min(LOOK_MS, leftMs))
  }
}

async function lookAround(run: Run): Promise<void> {
  const { ports, plan } = run
  ports.journal.add(...ports.probes.drain().map((result) => ({ type: 'probe' as const, ...result })))
  if (ports.signal.aborted) throw new Stop('interrupted', 'interrupted by the operator')
  await lookAtFabric(run)
  const reason = abortReason(ports.journal.events, plan, {
    roundStartedMs: run.roundStartedMs,
    nowMs: ports.time.now(),
    faultAtMs: run.current?.t0Ms,
  })
  if (reason !== undefined) throw new Stop('abort', reason)
}

/** One lost datagram must not end a drill of minutes; not to see anything for half a second must. */
async function lookAtFabric(run: Run): Promise<void> {
  const { ports } = run
  try {
    const [happened] = await Promise.all([ports.fabric.events(run.position), lookAtNames(run)])
    run.position = happened.last
    run.blindLooks = 0
    ports.journal.add(...happened.events)
  } catch (error) {
    run.blindLooks += 1
    if (run.blindLooks >= BLIND_LOOKS_MAX) throw error
  }
}

const BLIND_LOOKS_MAX = 5

/**
 * Asks what every client's name answers, and journals changes with the time of the question. Names that never led
 * to the region are asked for more rarely: asking costs the machine that is being measured.
 */
async function lookAtNames(run: Run): Promise<void> {
  const { plan, ports, names } = run
  const asked = new Map(plan.clients.map(({ host, place }) => [`${host} ${place}`, { host, place }]))
  const all = run.looks++ % LOOKS_BETWEEN_OTHERS === 0
  await Promise.all(
    [...asked].map(async ([key, { host, place }]) => {
      const before = names.get(key)
      if (!all && before?.close === false) return
      const atMs = ports.time.now()
      const regions = await ports.fabric.dnsAnswer(host, place)
      names.set(key, { answer: regions.join(), close: before?.close === true || regions.includes(plan.region) })
      if (before?.answer !== regions.join()) ports.journal.add({ type: 'dns', atMs, name: host, place, regions })
    }),
  )
}

const LOOKS_BETWEEN_OTHERS = 10
