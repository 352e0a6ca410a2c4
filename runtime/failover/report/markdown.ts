import { FAULTS } from '../faults/registry.ts'
import type { JournalEvent } from '../journal.ts'
import type { RoundMeasures } from '../measures.ts'
import type { Outcome } from '../outcome.ts'
import type { Plan } from '../plan.ts'
import { boundsOf, describeRto, projectRtoMs } from '../profile.ts'
import { format, type ObjectiveResult, type Verdict } from '../verdict.ts'
import type { RunFacts } from './facts.ts'
import { renderRound } from './round.ts'
import { table } from './table.ts'

export interface Drill {
  plan: Plan
  outcome: Outcome
  verdict: Verdict
  events: readonly JournalEvent[]
  facts: RunFacts
}

/** The report for people: what happened first, then whether it was good enough, then everything that lets one doubt it. */
export function renderMarkdown(drill: Drill): string {
  const { plan, outcome, verdict } = drill
  return [
    `# ${WORDS[verdict.word]}: ${plan.runbook.title.toLowerCase()} (${plan.region})`,
    verdict.reasons.length > 0 ? list(verdict.reasons) : '',
    summary(drill),
    '## Objectives',
    objectivesTable(verdict),
    outcome.rounds.length > 0 ? '## What clients saw' : '',
    ...outcome.rounds.map((round, index) => renderRound(round, verdict.rounds[index] as RoundMeasures, drill.events)),
    '## Profile',
    profileSection(drill),
    '## How far to trust this',
    trustSection(drill),
    '## What this does not prove',
    list(NOT_PROVEN),
  ]
    .filter((part) => part !== '')
    .join('\n\n')
    .concat('\n')
}

const WORDS = { held: 'HELD', missed: 'MISSED', inconclusive: 'INCONCLUSIVE' } as const

const NOT_PROVEN = [
  'One machine: the regions share its CPU, disk and clock, and die as processes do, not as data centers do.',
  'The fault is a clean kill. A region that is slow, half dead or unreachable from some places only is another drill.',
  'Resolvers here honour TTLs. Some in the world do not, and their clients wait longer.',
  'Nothing here measures the load that a survivor must carry: the probes are a trickle.',
  'Route 53, load balancers and DynamoDB are stand-ins that follow the documented rules; AWS itself was not asked.',
]

function summary({ plan, outcome, verdict, events, facts }: Drill): string {
  const calls = events.filter(({ type }) => type === 'probe').length
  const rto = verdict.objectives.find(({ name }) => name === 'client_rto_s')
  const fault = plan.runbook.steps.find((step) => step.type === 'inject')
  const rounds = outcome.rounds.length
  const killed =
    rounds === 0 || fault === undefined ? 'No fault was injected.' : `${FAULTS[fault.fault].summary(plan.region)}, ${times(rounds)}.`
  const recovered =
    rto === undefined || rounds === 0
      ? ''
      : rto.max === null
        ? outcome.ended.how === 'completed'
          ? ' At least one client never recovered for good.'
          : ' The drill ended before clients had recovered for good.'
        : ` Clients recovered after ${spread(rto)}; the objective is ${format(rto.bound, 's')}.`
  return (
    `${plan.runbook.hypothesis}\n\n${killed}${recovered} ${calls} calls, ${verdict.safety.wrongVerdicts} wrong verdicts, ` +
    `${verdict.safety.residencyViolations} residency violations. ${rollbackWord(outcome)}\n\n` +
    `${new Date(outcome.startedMs).toISOString()}, ${((outcome.endedMs - outcome.startedMs) / 1000).toFixed(0)} s, ` +
    `profile \`${plan.profile.name}\`, seed ${plan.seed}, Aegis ${facts.aegis}.`
  )
}

function rollbackWord({ rollback }: Outcome): string {
  if (rollback === undefined) return 'There was nothing to roll back.'
  return rollback.fault === undefined ? 'Rolled back.' : `**ROLLBACK FAILED: ${rollback.fault}.**`
}

function objectivesTable({ word, objectives }: Verdict): string {
  // A drill that proved nothing has missed nothing either.
  const notHeld = word === 'inconclusive' ? 'not proven' : '**MISSED**'
  return table(
    ['', 'objective', 'value', 'bound', 'rounds'],
    objectives.map((objective) => [
      objective.held ? 'held' : notHeld,
      objective.label,
      spread(objective),
      `${objective.direction === 'max' ? '<=' : '>='} ${format(objective.bound, objective.unit)}${objective.derived ? ' (derived)' : ''}`,
      String(objective.values.length),
    ]),
  )
}

/** One value, or minimum / median / maximum of several. */
function spread({ values, min, median, max, unit }: ObjectiveResult): string {
  if (values.length === 0) return 'not measured'
  if (min === null || median === null || max === null) return 'never reached'
  if (values.length === 1) return format(max, unit)
  if (min === max) return `${format(max, unit)} in every round`
  return `${format(min, unit)} / ${format(median, unit)} / ${format(max, unit)} (min / median / max)`
}

function profileSection({ plan, verdict }: Drill): string {
  const { profile } = plan
  const lines = [`RTO objective under \`${profile.name}\`: ${describeRto(profile)}.`]
  if (profile.name === 'deployed') return lines.join('\n')
  lines.push('', `**Projection, not measured**, to the timings of the deployed templates: objective ${describeRto(profile.deployed)}.`)
  const projected = verdict.rounds.flatMap(({ detectionMs, rtoMs }) =>
    detectionMs === null || rtoMs === null ? [] : [projectRtoMs(profile, { detectionMs, rtoMs }) / 1000],
  )
  if (projected.length > 0) {
    const worstS = Math.max(...projected)
    const word = worstS <= boundsOf(profile.deployed).rtoMs / 1000 ? 'within' : 'past'
    lines.push(
      `Scaled from this run (detection by the interval, the rest by the TTL but for one client timeout): ${worstS.toFixed(0)} s at worst, ${word} that objective.`,
    )
  }
  return lines.join('\n')
}

function trustSection({ plan, outcome, verdict, facts }: Drill): string {
  const { control } = outcome
  const { lag } = verdict
  const ms = (value: number | null) => (value === null ? '-' : `${value.toFixed(1)} ms`)
  const band = plan.runbook.control_band
  return list([
    control === undefined
      ? 'Control run without fault: did not take place.'
      : `Control run without fault: ${control.failed} of ${control.attempted} calls failed (band: at most ${band.failed_share_max * 100} %), ` +
        `P50 ${ms(control.p50Ms)}, P99 ${ms(control.p99Ms)} (band: at most ${band.p99_max_ms} ms).`,
    `Calls were sent ${ms(lag.p50Ms)} (P50), ${ms(lag.p99Ms)} (P99), ${ms(lag.maxMs)} (maximum) after they were due; P99 may be ${plan.runbook.probe.lag_p99_max_ms} ms.`,
    `Open loop: ${plan.clients.map(({ id, perSecond }) => `${id} ${perSecond}/s`).join(', ')}, 1 call in ${plan.runbook.probe.fresh_every} on a new connection.`,
    `Kill delays after the gate, from seed ${plan.seed}: ${plan.killDelaysMs.map((delayMs) => `${(delayMs / 1000).toFixed(2)} s`).join(', ')}.`,
    `Machine: ${facts.cpu}, ${facts.memoryGiB} GiB, ${facts.system}, Node ${facts.node}.`,
    `System under test: ${Object.entries(facts.fabric)
      .map(([key, value]) => `${key} ${value}`)
      .join(', ')}.`,
    'Every call, health change, DNS answer and step is in `journal.jsonl`; the numbers here are in `report.json`.',
  ])
}

function list(items: readonly string[]): string {
  return items.map((item) => `- ${item}`).join('\n')
}

function times(count: number): string {
  return count === 1 ? 'once' : `${count} times`
}
