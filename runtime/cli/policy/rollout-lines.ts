import type { Rollout } from './answers.ts'
import { evidenceText, stageLine } from './progress.ts'
import { between, instant } from './span.ts'
import { wrap } from './wrap.ts'

/** A rollout that is under way, as lines. */
export function rolloutLines(rollout: Rollout, { nowMs, columns }: { nowMs: number; columns: number }): string[] {
  const { state, why, done, evidence } = rollout
  const fields: [string, string][] = [
    ['stage', `${state === 'paused' ? `PAUSED${why === null ? '' : ` (${why})`}; ` : ''}${stageLine(rollout, nowMs)}`],
    ['have it', done.join(', ')],
    ['counted', evidenceText(evidence)],
  ]
  return [
    ...wrap('rollout   ', headOf(rollout), columns),
    ...fields.filter(([, text]) => text !== '').flatMap(([name, text]) => wrap(`  ${name.padEnd(8)}`, text, columns)),
  ]
}

/** One that is over. */
export function lastRolloutLines(rollout: Rollout, columns: number): string[] {
  const { state, started_at, ended_at, why } = rollout
  const when = ended_at === null ? '' : ` at ${instant(ended_at)} after ${between(started_at, ended_at)}`
  const text = `${headOf(rollout)}: ${state.replace('_', ' ')}${when}${why === null ? '' : `: ${why}`}`
  return wrap('last      ', text, columns)
}

function headOf({ id, revision, seq, publisher, reason }: Rollout): string {
  return `${id} of ${revision}${seq === null ? '' : `, seq ${seq}`}, by ${publisher} (${reason})`
}
