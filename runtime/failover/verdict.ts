import type { JournalEvent } from './journal.ts'
import { measureRound, type RoundMeasures } from './measures.ts'
import { type ObjectiveName, objectiveOf, type Safety } from './objectives.ts'
import type { Outcome } from './outcome.ts'
import type { Plan } from './plan.ts'
import { quantile } from './statistics.ts'
import { lagOf, safetyOf } from './windows.ts'

export interface ObjectiveResult {
  name: ObjectiveName
  label: string
  unit: 's' | 'calls' | 'share'
  /** The objective's bound, and whether it is the most or the least that passes. */
  bound: number
  direction: 'max' | 'min'
  derived: boolean
  /** One value a round (one in all for safety); null: never reached. */
  values: (number | null)[]
  /** Null when a value is null. */
  min: number | null
  median: number | null
  max: number | null
  held: boolean
}

export interface Verdict {
  /** `held`: every objective in every round. `missed`: at least one was not. `inconclusive`: nothing was proven. */
  word: 'held' | 'missed' | 'inconclusive'
  exitCode: 0 | 1 | 3
  /** Why, most important first; empty when held. */
  reasons: string[]
  objectives: ObjectiveResult[]
  rounds: RoundMeasures[]
  safety: Safety
  lag: ReturnType<typeof lagOf>
}

/** Calls that the probe must really have made, as a share of its schedule. */
const COVERAGE_MIN = 0.9

/**
 * The verdict on a drill. A wrong answer, a fault left behind or a passed limit is a miss, whatever else
 * happened. After that, a probe or control run that is not to be believed makes the drill inconclusive: slow
 * measuring must neither pass nor fail a system.
 */
export function judgeDrill(plan: Plan, outcome: Outcome, events: readonly JournalEvent[]): Verdict {
  const rounds = outcome.rounds.map((round) => measureRound(events, round, plan.clients, plan.runbook.stability_s * 1000))
  const safety = safetyOf(events)
  const lag = lagOf(events)
  const objectives = plan.objectives.map((objective) => resultOf(objective, rounds, safety))
  const missed = objectives.filter(({ held }) => !held)
  const unsafe = missed.filter(({ name }) => objectiveOf(name).safety)
  const { ended, rollback, failedChecks } = outcome

  const certain = [
    ...unsafe.map(describeMiss),
    ...(rollback?.fault === undefined ? [] : [`the rollback failed: ${rollback.fault}`]),
    ...(ended.how === 'abort' ? [`the drill was aborted: ${ended.detail}`] : []),
  ]
  const doubts = [
    ...(ended.how === 'completed' || ended.how === 'abort' ? [] : [ended.detail]),
    ...doubtsAboutProbe(plan, rounds, lag.p99Ms),
    ...(rounds.length > 0 && rounds.some(({ clients }) => !clients.some(({ exposed }) => exposed))
      ? ['no client was using the region that was lost, so its loss proved nothing']
      : []),
  ]
  const misses = [
    ...missed.filter((objective) => !unsafe.includes(objective)).map(describeMiss),
    ...failedChecks.map(({ step, round, detail }) => `round ${round}, step ${step}: ${detail}`),
  ]
  const rest = { objectives, rounds, safety, lag }
  if (certain.length > 0) return { word: 'missed', exitCode: 1, reasons: [...certain, ...misses, ...doubts], ...rest }
  if (doubts.length > 0) return { word: 'inconclusive', exitCode: 3, reasons: doubts, ...rest }
  if (misses.length > 0) return { word: 'missed', exitCode: 1, reasons: misses, ...rest }
  return { word: 'held', exitCode: 0, reasons: [], ...rest }
}

function doubtsAboutProbe(plan: Plan, rounds: readonly RoundMeasures[], lagP99Ms: number | null): string[] {
  const { lag_p99_max_ms: limitMs } = plan.runbook.probe
  const doubts: string[] = []
  if (lagP99Ms !== null && lagP99Ms > limitMs) {
    doubts.push(
      `the probe sent its calls up to ${lagP99Ms.toFixed(0)} ms late (P99), at most ${limitMs} ms may be: this machine is too busy to measure on`,
    )
  }
  for (const { round, coverage } of rounds) {
    if (coverage < COVERAGE_MIN) doubts.push(`round ${round}: a client made only ${(coverage * 100).toFixed(0)} % of its calls`)
  }
  return doubts
}

function resultOf({ name, bound, derived }: Plan['objectives'][number], rounds: readonly RoundMeasures[], safety: Safety): ObjectiveResult {
  const objective = objectiveOf(name)
  const values = objective.values(rounds, safety)
  const reached = values.filter((value) => value !== null)
  const known = reached.length === values.length
  const passes = (value: number | null) => value !== null && (objective.bound === 'max' ? value <= bound : value >= bound)
  return {
    name,
    label: objective.label,
    unit: objective.unit,
    bound,
    direction: objective.bound,
    derived,
    values,
    min: known ? quantile(reached, 0) : null,
    median: known ? quantile(reached, 0.5) : null,
    max: known ? quantile(reached, 1) : null,
    // No value at all is no proof: an objective is held only by rounds that measured it.
    held: values.length > 0 && values.every(passes),
  }
}

function describeMiss({ label, values, bound, direction, unit }: ObjectiveResult): string {
  const worstValue =
    values.length === 0 || values.includes(null)
      ? null
      : direction === 'max'
        ? Math.max(...(values as number[]))
        : Math.min(...(values as number[]))
  const is = worstValue === null ? 'never reached' : `${format(worstValue, unit)}`
  return `${label}: ${is}, the objective is ${direction === 'max' ? 'at most' : 'at least'} ${format(bound, unit)}`
}

/** A value in its unit, as people read it. */
export function format(value: number, unit: ObjectiveResult['unit']): string {
  if (unit === 's') return `${value.toFixed(2)} s`
  if (unit === 'share') return `${+(value * 100).toFixed(2)} %`
  return String(value)
}
