import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type DrillOptions, runDrill } from '../../../runtime/failover/drill.ts'
import type { FabricControl, FabricEvent } from '../../../runtime/failover/faults/control.ts'
import type { ProbeResult } from '../../../runtime/failover/journal.ts'
import type { Client } from '../../../runtime/failover/plan.ts'
import { type Arrival, arrivalsFrom } from '../../../runtime/failover/probes/schedule.ts'
import { profile } from './profile.ts'

/** What goes wrong in a simulated fabric. All times in milliseconds; a plant makes one objective red. */
export interface Plants {
  detectMs?: number
  /** How long after the DNS shift exposed clients go on failing. */
  clientsLagMs?: number
  noDnsShift?: boolean
  healthNeverFlips?: boolean
  /** Overrides the result of a call. `phase` is where the simulated region is. */
  call?: (result: ProbeResult, phase: 'before' | 'down' | 'back', clockMs: number) => Partial<ProbeResult> | undefined
  injectThrows?: boolean
  /** The region is down when the drill starts. */
  leftDown?: boolean
  /** Attempts to restore that fail before one succeeds. */
  restoreFails?: number
  neverTakenBack?: boolean
  /** The control plane is down when the drill starts. */
  controlPlaneLeftDown?: boolean
  /** A region that does not take what is published. */
  deafRegion?: string
  /** A new control plane answers, and cannot publish. */
  publishesNothing?: boolean
  probeDiesAtMs?: number
  /** Calls are made only until this long after the start. */
  probeStallsAtMs?: number
  interruptAtMs?: number
  /** Looks in a row, from ten seconds on, to which the fabric gives no answer. */
  blindLooks?: number
}

export interface Simulated {
  exitCode: number
  said: string[]
  report: { verdict: string; reasons: string[]; objectives: { name: string; held: boolean; values: (number | null)[] }[] } & Record<
    string,
    never
  >
  markdown: string
  journal: Record<string, unknown>[]
  /** What was done to the fabric, in order. */
  acts: string[]
  closed: boolean
}

const LOST = 'eu-west-1'
const START_MS = Date.UTC(2026, 0, 1)

/**
 * Runs the real runbook, plan, runner, measures and report against a fabric that exists only as arithmetic, in
 * virtual time: minutes of a drill take milliseconds, and every run is the same.
 */
export async function simulate(
  plants: Plants = {},
  options: Partial<DrillOptions> = {},
  runbook?: (text: string) => string,
): Promise<Simulated> {
  const root = mkdtempSync(join(tmpdir(), 'aegis-drill-'))
  cpSync(new URL('../../../runbooks', import.meta.url), join(root, 'runbooks'), { recursive: true })
  mkdirSync(join(root, 'reports'))
  if (runbook !== undefined) {
    const file = join(root, 'runbooks', `${options.runbook ?? 'region-loss'}.md`)
    writeFileSync(file, runbook(readFileSync(file, 'utf8')))
  }
  const world = simulatedWorld(plants)
  const said: string[] = []
  try {
    const exitCode = await runDrill(
      { runbook: 'region-loss', seed: 7, ...options },
      { root, ...world.ports, open: async () => ({ fabric: world.fabric, close: world.close }), say: (line) => said.push(line) },
    )
    return { exitCode, said, acts: world.acts, closed: world.closed(), ...readReport(root) }
  } finally {
    rmSync(root, { recursive: true })
  }
}

function readReport(root: string): Pick<Simulated, 'report' | 'markdown' | 'journal'> {
  const drills = join(root, 'reports', 'drills')
  const folder = readdirSync(join(root, 'reports')).includes('drills') ? readdirSync(drills)[0] : undefined
  if (folder === undefined) return { report: undefined as never, markdown: '', journal: [] }
  const read = (file: string) => readFileSync(join(drills, folder, file), 'utf8')
  return {
    report: JSON.parse(read('report.json')),
    markdown: read('report.md'),
    journal: read('journal.jsonl')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line)),
  }
}

function simulatedWorld(plants: Plants) {
  const { detectMs = 2600, clientsLagMs = 2000 } = plants
  const acts: string[] = []
  const events: FabricEvent[] = []
  const interrupt = new AbortController()
  let clockMs = START_MS
  let killedMs = plants.leftDown ? START_MS - 60_000 : Number.POSITIVE_INFINITY
  let readyMs = Number.NEGATIVE_INFINITY
  let closed = false
  let controlPlane = { up: plants.controlPlaneLeftDown !== true, seq: 3, orderedSeq: undefined as number | undefined }
  let restoreFails = plants.restoreFails ?? 0
  let blindLooks = plants.blindLooks ?? 0

  const down = () => clockMs >= killedMs && clockMs < killedMs + 1e9 && readyMs < killedMs
  const takenBackMs = () => (plants.neverTakenBack ? Number.POSITIVE_INFINITY : readyMs + 3000)
  const healthyAt = (atMs: number) =>
    atMs < killedMs + detectMs || (readyMs > killedMs && atMs >= takenBackMs()) || plants.healthNeverFlips === true
  const answerAt = (atMs: number, host: string, place: string): string => {
    const nearest = host.startsWith('global')
      ? { eu: LOST, us: 'us-east-1', apac: 'ap-southeast-1' }[place]
      : { eu: LOST, us: 'us-east-1', apac: 'ap-southeast-1' }[host.split('.')[0] ?? '']
    return nearest === LOST && !healthyAt(atMs) && !plants.noDnsShift ? 'eu-central-1' : (nearest as string)
  }

  const fabric: FabricControl = {
    profile,
    regions: [
      { region: LOST, zone: 'eu' },
      { region: 'eu-central-1', zone: 'eu' },
      { region: 'us-east-1', zone: 'us' },
      { region: 'ap-southeast-1', zone: 'apac' },
    ],
    names: Object.fromEntries(['global', 'eu', 'us', 'apac'].map((name) => [name, `${name}.aegis.example`])),
    wan: { eu: 'http://127.0.0.1:1', us: 'http://127.0.0.1:2', apac: 'http://127.0.0.1:3' },
    about: { engine: 'arithmetic', templates: 'none' },
    tokens: async () => Object.fromEntries(['finance-agent', 'ops-agent', 'apac-agent', 'research-agent'].map((agent) => [agent, 'token'])),
    async killRegion(region) {
      acts.push(`kill ${region}`)
      if (plants.injectThrows) throw new Error('the control API went away')
      if (region === 'control-plane') {
        controlPlane = { ...controlPlane, up: false }
        return { atMs: clockMs, doneAtMs: clockMs + 5, processes: ['control-plane'] }
      }
      killedMs = clockMs
      events.push({ type: 'health', atMs: killedMs + detectMs, region, state: 'unhealthy' })
      return { atMs: clockMs, doneAtMs: clockMs + 5, processes: ['gateway', 'stores'] }
    },
    async restoreRegion(region) {
      acts.push(`restore ${region}`)
      if (restoreFails-- > 0) throw new Error('no answer')
      const atMs = clockMs
      if (region === 'control-plane') {
        const processes = controlPlane.up ? [] : ['control-plane']
        controlPlane = { ...controlPlane, up: true }
        return { atMs, doneAtMs: atMs, processes }
      }
      if (!down()) return { atMs, doneAtMs: atMs, processes: [] }
      clockMs += 1500
      readyMs = clockMs
      if (!plants.neverTakenBack) events.push({ type: 'health', atMs: takenBackMs(), region, state: 'healthy' })
      return { atMs, doneAtMs: readyMs, processes: ['gateway', 'stores'] }
    },
    async publishAnew() {
      acts.push('publish')
      if (plants.publishesNothing) throw new Error('the control plane does not publish: 503')
      controlPlane = { ...controlPlane, seq: controlPlane.seq + 1, orderedSeq: controlPlane.seq + 1 }
    },
    publication: async () =>
      controlPlane.up
        ? {
            ...(controlPlane.orderedSeq !== undefined && { orderedSeq: controlPlane.orderedSeq }),
            regions: fabric.regions.map(({ region }) => ({
              region,
              servedSeq: region === plants.deafRegion ? 3 : controlPlane.seq,
              error: null,
            })),
          }
        : undefined,
    health: async () =>
      fabric.regions.map(({ region }) => ({
        region,
        state: region !== LOST || healthyAt(clockMs) ? 'healthy' : 'unhealthy',
        sinceMs: START_MS,
      })),
    events: async (after) => {
      if (clockMs - START_MS > 10_000 && blindLooks-- > 0) throw new Error('no answer to GET /events')
      const visible = plants.healthNeverFlips ? [] : events.filter(({ atMs }) => atMs <= clockMs).slice(after)
      return { last: after + visible.length, events: visible }
    },
    dnsAnswer: async (host, place) => [answerAt(clockMs, host, place)],
  }

  /** The region whose answer a client's resolver still holds. */
  const servedBy = (dueMs: number, { host, place }: Client): string => {
    const shiftMs = killedMs + detectMs
    const stale = dueMs >= killedMs && dueMs < shiftMs + clientsLagMs
    return stale ? answerAt(killedMs - 1, host, place) : answerAt(dueMs, host, place)
  }
  const resultOf = (arrival: Arrival, client: Client): ProbeResult => {
    const { dueMs } = arrival
    const region = servedBy(dueMs, client)
    const dead = region === LOST && dueMs >= killedMs && (readyMs < killedMs || dueMs < readyMs)
    const base = {
      client: client.id,
      call: client.calls[arrival.call]?.id ?? '',
      connection: arrival.connection,
      dueMs,
      sentMs: dueMs + 1,
      doneMs: dueMs + 21,
    }
    const result: ProbeResult = dead
      ? { ...base, ok: false, failure: 'refused', wrongVerdict: false, residencyViolation: false }
      : { ...base, ok: true, region, wrongVerdict: false, residencyViolation: false }
    const phase = dueMs < killedMs ? 'before' : readyMs < killedMs || dueMs < readyMs ? 'down' : 'back'
    return { ...result, ...plants.call?.(result, phase, dueMs - START_MS) }
  }

  let clients: readonly Client[] = []
  let arrivals: Iterator<Arrival> | undefined
  let next: Arrival | undefined
  const drain = () => {
    if (clockMs - START_MS >= (plants.probeDiesAtMs ?? Number.POSITIVE_INFINITY)) throw new Error('the probe died: out of memory')
    const results: ProbeResult[] = []
    while (arrivals !== undefined && next !== undefined && next.dueMs + 21 <= clockMs) {
      const arrival = next
      const client = clients.find(({ id }) => id === arrival.client)
      if (client !== undefined && arrival.dueMs - START_MS < (plants.probeStallsAtMs ?? Number.POSITIVE_INFINITY))
        results.push(resultOf(arrival, client))
      next = arrivals.next().value
    }
    return results
  }

  return {
    acts,
    fabric,
    closed: () => closed,
    close: async () => {
      closed = true
    },
    ports: {
      signal: interrupt.signal,
      time: {
        now: () => clockMs,
        sleep: async (ms: number) => {
          clockMs += ms
          if (clockMs - START_MS >= (plants.interruptAtMs ?? Number.POSITIVE_INFINITY)) interrupt.abort()
        },
      },
      probes: () => ({
        async start(started: readonly Client[]) {
          clients = started
          if (arrivals !== undefined) return
          arrivals = arrivalsFrom(started, clockMs)
          next = arrivals.next().value
        },
        drain,
        stop: async () => {
          try {
            return drain()
          } catch {
            return []
          }
        },
      }),
    },
  }
}
