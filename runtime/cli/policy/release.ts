import { EXIT, type ExitCode } from '../exit-codes.ts'
import { SILENT } from '../terminal.ts'
import { releaseAnswer } from './answers.ts'
import { askingIn, type Question } from './control-plane.ts'
import type { Surroundings } from './publish.ts'
import { settle } from './settle.ts'
import { ownFolders } from './sources.ts'
import { PACE, timed, type Watch } from './watch.ts'

export interface RollbackOptions {
  stateDir: string
  /** Default: the one before the one in force. */
  revision?: string
  reason: string
  json: boolean
}

/** `aegis policy rollback`: an earlier revision, signed anew with a higher sequence number, to every region at once. */
export function policyRollback({ revision, reason, ...options }: RollbackOptions, surroundings: Surroundings): Promise<ExitCode> {
  const body = { reason, ...(revision !== undefined && { revision }) }
  return release({ path: '/v1/rollbacks', body, doing: 'the rollback' }, 'rolled back to', options, surroundings)
}

/** `aegis policy renew`: the revision in force, signed anew, before it is too old to be served. */
export function policyRenew(options: { stateDir: string; json: boolean }, surroundings: Surroundings): Promise<ExitCode> {
  return release({ path: '/v1/renewals', body: {}, doing: 'the renewal' }, 'renewed', options, surroundings)
}

/** @returns held when every gateway has it */
async function release(
  order: Pick<Question<unknown>, 'path' | 'body' | 'doing'>,
  done: string,
  { stateDir, json }: { stateDir: string; json: boolean },
  { terminal: shown, out, signal, pace = PACE, folders = ownFolders() }: Surroundings,
): Promise<ExitCode> {
  const startedAt = performance.now()
  const terminal = json ? SILENT : shown
  const ask = askingIn(stateDir, folders)
  const watch: Watch = { ask, terminal, signal, pace, elapsedMs: () => performance.now() - startedAt }
  const { value } = await ask({ as: 'publisher', method: 'POST', answer: releaseAnswer, ...order })
  terminal.say(timed(watch, `${done} ${value.revision}, seq ${value.seq}`))
  const there = await settle(watch, ({ converged, seq }) => converged && (seq ?? 0) >= value.seq)
  if (json) out(JSON.stringify({ ...value, converged: there }))
  return there ? EXIT.held : EXIT.failed
}
