import type { JournalEvent } from '../journal.ts'
import type { ClientMeasures, Round, RoundMeasures } from '../measures.ts'
import type { WindowMeasures } from '../windows.ts'
import { chartOf, markLine } from './chart.ts'
import { table } from './table.ts'

/** One kill and its way back: a line of success a client, what happened when, and what each client noticed. */
export function renderRound(round: Round, measures: RoundMeasures, events: readonly JournalEvent[]): string {
  const chart = chartOf(
    events,
    measures.clients.map(({ client }) => client),
    round.steadyFromMs,
    round.endMs,
  )
  const marks = marksOf(events, round, measures)
  const width = Math.max(...chart.lines.map(({ client }) => client.length))
  return [
    `### Round ${round.round}`,
    '',
    '```text',
    ...chart.lines.map(({ client, line }) => `${client.padEnd(width)}  ${line}`),
    `${' '.repeat(width)}  ${markLine(chart, marks)}`,
    '',
    `One character is ${chart.columnS} s. Full block: every call succeeded; dot: no call.`,
    ...marks.map(({ letter, what }) => `${letter}  ${what}`),
    '```',
    '',
    clientsTable(measures.clients),
    '',
    `Steps: ${stepsLine(events, round.round)}.`,
  ].join('\n')
}

interface Mark {
  letter: string
  atMs: number
  what: string
}

function marksOf(events: readonly JournalEvent[], round: Round, { detectionMs, dnsShiftMs, rtoMs, failbackMs }: RoundMeasures): Mark[] {
  const after = (letter: string, fromMs: number, ms: number | null, what: (seconds: string) => string): Mark[] =>
    ms === null ? [] : [{ letter, atMs: fromMs + ms, what: what(seconds(ms)) }]
  return [
    { letter: 'K', atMs: round.t0Ms, what: `${faultOf(events, round)} ${round.region} at ${new Date(round.t0Ms).toISOString()}` },
    ...after('D', round.t0Ms, detectionMs, (time) => `health check flipped after ${time}`),
    ...after('S', round.t0Ms, dnsShiftMs, (time) => `names answered without it after ${time}`),
    ...after('R', round.t0Ms, rtoMs, (time) => `last exposed client recovered after ${time}`),
    { letter: 'B', atMs: round.undoAtMs, what: `bringing it back began after ${seconds(round.undoAtMs - round.t0Ms)}` },
    ...after('F', round.readyAtMs, failbackMs, (time) => `every exposed client reached it again ${time} after it was ready`),
  ]
}

function faultOf(events: readonly JournalEvent[], { t0Ms }: Round): string {
  const injected = events.find((event) => event.type === 'fault' && event.action === 'inject' && event.atMs === t0Ms)
  return injected?.type === 'fault' ? injected.fault : 'fault in'
}

function clientsTable(clients: readonly ClientMeasures[]): string {
  const windows = ({ before, during, after }: ClientMeasures, of: (window: WindowMeasures) => string) =>
    [before, during, after].map(of).join(' → ')
  const ms = (value: number | null) => (value === null ? '-' : value.toFixed(0))
  return table(
    ['client', 'asks for', 'used the region', 'RTO', 'failed of calls', 'why', 'successes/s', 'P50 / P99, ms'],
    clients.map((client) => [
      client.client,
      `${client.host} from ${client.place}`,
      client.exposed ? 'yes' : 'no',
      client.failed === 0 ? 'no failure' : client.rtoMs === null ? 'never' : seconds(client.rtoMs),
      `${client.failed} of ${client.attempted}`,
      Object.entries(client.failures)
        .map(([failure, count]) => `${failure} ${count}`)
        .join(', '),
      windows(client, ({ goodput }) => goodput.toFixed(1)),
      windows(client, ({ p50Ms, p99Ms }) => `${ms(p50Ms)} / ${ms(p99Ms)}`),
    ]),
  ).concat('\n\nBefore the fault → until the last exposed client had recovered → from then until failback.')
}

/** Each step with how long it took, and whether it held. */
function stepsLine(events: readonly JournalEvent[], round: number): string {
  const steps = events.filter((event) => event.type === 'step' && event.round === round)
  return steps
    .flatMap((event) => {
      if (event.type !== 'step' || event.state === 'started') return []
      const started = steps.find((other) => other.type === 'step' && other.step === event.step && other.state === 'started')
      const took = started?.type === 'step' ? seconds(event.atMs - started.atMs) : '?'
      return [`${event.step} ${event.state === 'passed' ? took : `**failed** after ${took}`}`]
    })
    .join(', ')
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(2)} s`
}
