import { EXIT, type ExitCode } from '../exit-codes.ts'
import { SILENT } from '../terminal.ts'
import { type Replay, replayAnswer, replayStarted } from './answers.ts'
import { type Ask, askingIn, type Told } from './control-plane.ts'
import { TREE } from './diff.ts'
import { withJsonRefusal } from './json-refusal.ts'
import type { Surroundings } from './publish.ts'
import { register } from './register.ts'
import { replayLines } from './replay-lines.ts'
import { ownFolders } from './sources.ts'
import { span } from './span.ts'
import { pause } from './watch.ts'

export interface ReplayOptions {
  stateDir: string
  /** Or the working tree. */
  revision: string
  /** Hours. */
  since?: number
  /** Newest decisions, in every region. */
  limit?: number
  /** Default: all. */
  region?: string
  json: boolean
}

/** How often is asked, and how long none of the regions may have said anything new. */
const PACE = { pollMs: 300, patienceMs: 120_000 }

/** `aegis policy replay`: recorded decisions judged by another revision, in the regions that own them. @returns held when all have answered */
export async function policyReplay(
  { stateDir, revision: asked, since, limit, region, json }: ReplayOptions,
  { terminal: shown, out, signal, pace = PACE, folders = ownFolders() }: Surroundings,
): Promise<ExitCode> {
  const terminal = json ? SILENT : shown
  const ask = askingIn(stateDir, folders)
  if (asked === TREE) terminal.now('checking the policy of this clone ...')
  const registering = () => register(ask, folders)
  const revision = asked === TREE ? (await withJsonRefusal(json, out, registering)).revision : asked
  const body = {
    revision,
    ...(since !== undefined && { since_h: since }),
    ...(limit !== undefined && { limit }),
    ...(region !== undefined && { regions: [region] }),
  }
  const doing = `replaying by ${revision}`
  const { id } = (await ask({ as: 'publisher', method: 'POST', path: '/v1/replays', body, answer: replayStarted, doing })).value
  const of = asked === TREE ? ' (the working tree)' : ''
  terminal.say(`revision ${revision}${of} judges what was decided in the last ${since ?? SINCE_H} h`)
  const { value, fields } = await untilDone(ask, id, { terminal, signal, pace })
  terminal.end()
  if (json) out(JSON.stringify(fields))
  else for (const line of replayLines(value, terminal.columns)) out(line)
  return value.done && value.regions.every(({ result }) => result !== null && !result.error) ? EXIT.held : EXIT.failed
}

/** What the control plane takes by itself. */
const SINCE_H = 24

/** @returns the last word, which is not the whole one when somebody left or a region stays silent */
async function untilDone(
  ask: Ask,
  id: string,
  { terminal, signal, pace }: Pick<Surroundings, 'terminal' | 'signal'> & { pace: typeof PACE },
): Promise<Told<Replay>> {
  const startedAt = performance.now()
  let heard = { regions: -1, at: startedAt }
  for (;;) {
    const told = await ask({
      as: 'publisher',
      method: 'GET',
      path: `/v1/replays/${id}`,
      answer: replayAnswer,
      doing: `asking for replay ${id}`,
    })
    const { done, regions } = told.value
    const answered = regions.filter(({ result }) => result !== null).length
    if (answered > heard.regions) heard = { regions: answered, at: performance.now() }
    if (done || performance.now() - heard.at > pace.patienceMs) return told
    terminal.now(`${span(performance.now() - startedAt)}: ${answered} of ${regions.length} regions have answered`)
    if (!(await pause(pace.pollMs, signal))) return told
  }
}
