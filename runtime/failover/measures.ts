import type { FailureClass, JournalEvent, ProbeResult } from './journal.ts'
import { clientRtoMs } from './rto.ts'
import { worst } from './statistics.ts'
import { type WindowMeasures, windowOf } from './windows.ts'

// What a journal proves. Pure: the same journal gives the same numbers, on any machine, at any time.

/** One kill and its way back, in milliseconds since the epoch. */
export interface Round {
  round: number
  /** The region that was lost. */
  region: string
  steadyFromMs: number
  t0Ms: number
  /** When bringing the region back began: what comes later is failback. */
  undoAtMs: number
  readyAtMs: number
  endMs: number
}

/** Who was asking: a client at a place, by a public name, with a fixed arrival rate. */
export interface Observed {
  id: string
  place: string
  /** Host name that it asks for. */
  host: string
  perSecond: number
}

export interface ClientMeasures {
  client: string
  place: string
  host: string
  /** The name led to the lost region before the fault, so this client was bound to notice. */
  exposed: boolean
  /** Fault to lasting success; null when that never came. Of a client that never failed: 0. */
  rtoMs: number | null
  /** Region ready to this client's first answer from it; null when none came. Only of exposed clients. */
  failbackMs: number | null
  failbackErrors: number
  attempted: number
  failed: number
  failures: Partial<Record<FailureClass, number>>
  /** From the gate to the fault. */
  before: WindowMeasures
  /** From the fault until the last exposed client had recovered. */
  during: WindowMeasures
  /** From then until the region was brought back. */
  after: WindowMeasures
}

export interface RoundMeasures {
  round: number
  /** Fault to the health check's change of state. */
  detectionMs: number | null
  /** Fault to the first authoritative answer without the region, the slowest of the exposed names. */
  dnsShiftMs: number | null
  /** The worst exposed client. */
  rtoMs: number | null
  failbackMs: number | null
  failbackErrors: number
  /** Failed calls that the lost region does not explain. */
  failedElsewhere: number
  /** Smallest share of successes among exposed clients between recovery and failback. */
  goodputAfter: number | null
  /** Least completed share of the calls that the schedule wanted, over all clients: below 1 the probe itself stopped. */
  coverage: number
  clients: ClientMeasures[]
}

type Probe = Readonly<ProbeResult>

/** @param stabilityMs how long without a failure counts as recovered */
export function measureRound(
  events: readonly JournalEvent[],
  round: Round,
  clients: readonly Observed[],
  stabilityMs: number,
): RoundMeasures {
  const noticed = clients.map((client) => noticedBy(events, round, client, stabilityMs))
  const rtoMs = worst(noticed.filter(({ exposed }) => exposed).map((client) => client.rtoMs))
  // One border for all, so that a client that noticed nothing can be compared with one that did.
  const recoveredMs = Math.min(round.undoAtMs, round.t0Ms + (rtoMs ?? Number.POSITIVE_INFINITY))
  const measured = noticed.map((client) => ({
    ...client,
    before: windowOf(events, round.steadyFromMs, round.t0Ms, client.client),
    during: windowOf(events, round.t0Ms, recoveredMs, client.client),
    after: windowOf(events, recoveredMs, round.undoAtMs, client.client),
  }))
  const exposed = measured.filter((client) => client.exposed)
  const flipped = events.find(
    (event) => event.type === 'health' && event.atMs >= round.t0Ms && event.region === round.region && event.state === 'unhealthy',
  )
  return {
    round: round.round,
    detectionMs: flipped === undefined || flipped.type !== 'health' ? null : flipped.atMs - round.t0Ms,
    dnsShiftMs: worst(exposed.map(({ host, place }) => dnsShiftMs(events, round, host, place))),
    rtoMs,
    failbackMs: worst(exposed.map(({ failbackMs }) => failbackMs)),
    failbackErrors: measured.reduce((sum, { failbackErrors }) => sum + failbackErrors, 0),
    failedElsewhere: failedElsewhere(events, round, new Set(exposed.map(({ client }) => client))),
    goodputAfter: exposed.length === 0 ? null : Math.min(...exposed.map(({ after }) => shareOf(after))),
    coverage: Math.min(...clients.map((client) => coverageOf(events, round, client))),
    clients: measured,
  }
}

function noticedBy(
  events: readonly JournalEvent[],
  round: Round,
  client: Observed,
  stabilityMs: number,
): Omit<ClientMeasures, 'before' | 'during' | 'after'> {
  const probes = probesOf(events, round.t0Ms, round.endMs).filter((probe) => probe.client === client.id)
  const untilUndo = probes.filter(({ doneMs }) => doneMs < round.undoAtMs)
  const failed = probes.filter(({ ok }) => !ok)
  const failures: Partial<Record<FailureClass, number>> = {}
  for (const { failure = 'other' } of failed) failures[failure] = (failures[failure] ?? 0) + 1
  const exposed = answeredBefore(events, round.t0Ms, client.host, client.place).includes(round.region)
  const rtoMs = clientRtoMs(untilUndo, round.t0Ms, round.undoAtMs, stabilityMs)
  const back = probes.filter(({ ok, region, doneMs }) => ok && region === round.region && doneMs >= round.readyAtMs)
  return {
    client: client.id,
    place: client.place,
    host: client.host,
    exposed,
    rtoMs,
    failbackMs: exposed && back.length > 0 ? Math.min(...back.map(({ doneMs }) => doneMs)) - round.readyAtMs : null,
    failbackErrors: failed.filter(({ sentMs }) => sentMs >= round.undoAtMs).length,
    attempted: probes.length,
    failed: failed.length,
    failures,
  }
}

/**
 * Failures of clients whose name did not lead to the lost region, and failures that a gateway answered: a lost
 * region answers nothing, so an error with a status came from another one (a returning one is the rare exception).
 */
function failedElsewhere(events: readonly JournalEvent[], round: Round, exposed: ReadonlySet<string>): number {
  return probesOf(events, round.t0Ms, round.endMs).filter(
    ({ ok, client, failure, doneMs }) =>
      !ok && (!exposed.has(client) || (doneMs < round.undoAtMs && failure !== undefined && !UNANSWERED.has(failure))),
  ).length
}

const UNANSWERED: ReadonlySet<FailureClass> = new Set(['refused', 'reset', 'timeout', 'dns', 'proxy', 'other'])

/** Calls that ended in the interval: one in flight at t0 is a victim too. */
function probesOf(events: readonly JournalEvent[], fromMs: number, toMs: number): Probe[] {
  return events.filter(
    (event): event is { type: 'probe' } & ProbeResult => event.type === 'probe' && event.doneMs >= fromMs && event.doneMs < toMs,
  )
}

function answeredBefore(events: readonly JournalEvent[], beforeMs: number, host: string, place: string): string[] {
  const last = events.findLast((event) => event.type === 'dns' && event.name === host && event.place === place && event.atMs <= beforeMs)
  return last?.type === 'dns' ? last.regions : []
}

function dnsShiftMs(events: readonly JournalEvent[], round: Round, host: string, place: string): number | null {
  const shifted = events.find(
    (event) =>
      event.type === 'dns' &&
      event.name === host &&
      event.place === place &&
      event.atMs >= round.t0Ms &&
      event.atMs < round.undoAtMs &&
      event.regions.length > 0 &&
      !event.regions.includes(round.region),
  )
  return shifted?.type === 'dns' ? shifted.atMs - round.t0Ms : null
}

/** The last second is left out: its calls may still have been under way when the journal was closed. */
function coverageOf(events: readonly JournalEvent[], round: Round, client: Observed): number {
  const toMs = Math.max(round.t0Ms, round.endMs - 1000)
  const wanted = (client.perSecond * (toMs - round.t0Ms)) / 1000
  return wanted < 1 ? 1 : Math.min(1, windowOf(events, round.t0Ms, toMs, client.id).attempted / wanted)
}

function shareOf({ attempted, succeeded }: WindowMeasures): number {
  return attempted === 0 ? 0 : succeeded / attempted
}
