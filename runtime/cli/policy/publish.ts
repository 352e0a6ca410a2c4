import { CommandError, EXIT, type ExitCode } from '../exit-codes.ts'
import { SILENT, type Terminal } from '../terminal.ts'
import type { Rollout, Status } from './answers.ts'
import { begin } from './begin.ts'
import { behindOf } from './behind.ts'
import { sayChanges } from './coming-changes.ts'
import { askingIn } from './control-plane.ts'
import { endingOf } from './ending.ts'
import { withJsonRefusal } from './json-refusal.ts'
import { type Registered, register, shortCommit } from './register.ts'
import { settle } from './settle.ts'
import { ownFolders, type SourceFolders } from './sources.ts'
import { PACE, type Pace, STATUS, timed, type Watch, watchRollout } from './watch.ts'
import { wrap } from './wrap.ts'

export interface PublishOptions {
  stateDir: string
  reason?: string
  /** One that is registered, instead of the working tree. */
  revision?: string
  /** Most recorded decisions that may newly be denied. */
  replay?: number
  /** Hours of recorded decisions. */
  since?: number
  /** Seconds of judging beside the active revision first. */
  shadow?: number
  /** Percent of compared calls. */
  maxNewDenies?: number
  wait: boolean
  json: boolean
}

export interface Surroundings {
  terminal: Terminal
  /** Where the JSON goes. */
  out: (line: string) => void
  signal: AbortSignal
  pace?: Pace
  folders?: SourceFolders
}

/**
 * `aegis policy publish`: the working tree as a revision, and that to every region, a stage at a time.
 * @returns held when it is in force everywhere, or is on its way and nobody wanted to wait
 */
export async function policyPublish(options: PublishOptions, surroundings: Surroundings): Promise<ExitCode> {
  if (options.since !== undefined && options.replay === undefined)
    throw new CommandError('--since says how far --replay looks back: give both, or neither')
  if (!options.json) return (await published(options, surroundings)).code
  const { out } = surroundings
  const { code, ...told } = await withJsonRefusal(true, out, () => published(options, { ...surroundings, terminal: SILENT }))
  out(JSON.stringify(told))
  return code
}

/** Wire shape of `--json`, beside the exit code. */
interface Published {
  code: ExitCode
  outcome: 'unchanged' | 'started' | 'lost' | 'left' | 'overtaken' | Rollout['state']
  revision: string
  rollout: Rollout | null
}

async function published(options: PublishOptions, surroundings: Surroundings): Promise<Published> {
  const { terminal, signal, pace = PACE, folders = ownFolders() } = surroundings
  const startedAt = performance.now()
  const ask = askingIn(options.stateDir, folders)
  const watch: Watch = { ask, terminal, signal, pace, elapsedMs: () => performance.now() - startedAt }
  const { value: before } = await ask(STATUS)
  terminal.now('checking the policy of this clone ...')
  const registered = options.revision === undefined ? await register(ask, folders, options.reason) : undefined
  const revision = registered?.revision ?? options.revision ?? ''
  for (const line of headLines({ revision, registered, before }, terminal.columns)) terminal.say(line)
  const result = { revision, rollout: null, outcome: 'unchanged' } as const
  if (before.revision === revision && (before.rollout === null || before.rollout.revision === revision))
    return { ...result, code: unchanged(before, terminal) }
  const underWay = before.rollout?.revision === revision ? before.rollout : undefined
  if (underWay === undefined) await sayChanges({ ask, from: before.revision, to: revision, terminal })
  if (signal.aborted) throw new CommandError('interrupted before the rollout began: nothing was rolled out', EXIT.failed)
  const rollout = underWay ?? (await begin(ask, { ...options, revision, registered, expects: before.revision }))
  const began = underWay === undefined ? 'begins' : `of ${underWay.publisher} is under way already`
  terminal.say(timed(watch, `rollout ${rollout.id} ${began}${rollout.seq === null ? '' : `, seq ${rollout.seq}`}`))
  if (!options.wait) {
    terminal.say('not waited for: npm run policy -- status --watch shows it')
    return { ...result, rollout, outcome: 'started', code: EXIT.held }
  }
  const ending = await watchRollout(watch, rollout)
  const { lines, code } = endingOf(ending, rollout)
  const [first = '', ...rest] = lines
  for (const line of wrap(timed(watch, ''), first, terminal.columns)) terminal.say(line)
  for (const line of rest.flatMap((one) => wrap(' '.repeat(10), one, terminal.columns))) terminal.say(line)
  if (ending.kind === 'ended' && code === EXIT.held) await settle(watch, ({ converged }) => converged)
  const last = 'rollout' in ending ? ending.rollout : rollout
  return { revision, rollout: last, outcome: 'rollout' in ending ? ending.rollout.state : ending.kind, code }
}

function headLines(
  { revision, registered, before }: { revision: string; registered: Registered | undefined; before: Status },
  columns: number,
) {
  const of = registered?.commit === undefined ? '' : `, commit ${shortCommit(registered.commit)}`
  const checks = registered?.checks.map(({ name, detail }) => (detail ? `${name} (${detail})` : name)).join(', ') ?? ''
  return [
    `revision ${revision}${of}; in force: ${before.revision ?? 'none yet'}`,
    ...(checks === '' ? [] : wrap('checked   ', checks, columns)),
  ]
}

/** Nothing to roll out. What has not caught up does so by itself. */
function unchanged(status: Status, terminal: Terminal): ExitCode {
  if (status.converged) {
    terminal.say('it is in force everywhere already: nothing to publish')
    return EXIT.held
  }
  terminal.say('it is in force already, and not everywhere yet:')
  for (const line of behindOf(status)) terminal.say(`  ${line}`)
  terminal.say('they catch up by themselves: npm run policy -- status --watch')
  return EXIT.failed
}
