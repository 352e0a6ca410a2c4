import { EXIT, type ExitCode } from '../exit-codes.ts'
import type { Rollout } from './answers.ts'
import { evidenceText } from './progress.ts'
import { between, span } from './span.ts'
import type { Ending } from './watch.ts'

/** How a rollout that was watched came out: in lines, and as exit code. */
export function endingOf(ending: Ending, { id, revision }: Pick<Rollout, 'id' | 'revision'>): { lines: string[]; code: ExitCode } {
  if (ending.kind === 'ended') return ended(ending.rollout)
  if (ending.kind === 'paused') return failed([pausedLine(ending.rollout), `go on: ${RESUME}; end it: ${ABORT}`])
  if (ending.kind === 'left') return failed([`not watched any more; rollout ${id} goes on`, `see it: ${STATUS}; end it: ${ABORT}`])
  if (ending.kind === 'lost')
    return failed([
      `the control plane has not answered for ${span(ending.forMs)}: how rollout ${id} ends is not known`,
      `every region goes on deciding by what it has; ${STATUS} shows how it went on`,
    ])
  const line = `rollout ${id} of ${revision} ended unseen (${ending.state}), and another one has begun since; ${STATUS} shows it`
  return { lines: [line], code: ending.state === 'completed' ? EXIT.held : EXIT.failed }
}

function ended({ state, revision, from, started_at, ended_at, why, evidence }: Rollout): { lines: string[]; code: ExitCode } {
  const took = ended_at === null ? '' : ` ${state === 'completed' ? 'in' : 'after'} ${between(started_at, ended_at)}`
  if (state === 'completed') return { lines: [`done${took}: ${revision} is in force`], code: EXIT.held }
  const measured = evidenceText(evidence)
  const stays = from === null ? 'nothing is in force' : `${from} is in force`
  return failed([
    `${state.replace('_', ' ')}${took}: ${why ?? 'no reason was given'}`,
    ...(measured === '' ? [] : [`measured: ${measured}`]),
    `${stays}; see what would change with npm run policy -- replay ${revision}, mend it and publish again`,
  ])
}

const failed = (lines: string[]) => ({ lines, code: EXIT.failed })

/** In one line, why it stands still. */
export const pausedLine = ({ id, why, waiting_for, stage, region }: Rollout) =>
  `rollout ${id} is paused in stage ${stage}${region === null ? '' : ` at ${region}`}: ${why ?? waiting_for ?? 'no reason was given'}`

const STATUS = 'npm run policy -- status'
const RESUME = 'npm run policy -- resume'
const ABORT = 'npm run policy -- abort'
