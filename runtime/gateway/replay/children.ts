import { type ChildProcess, fork } from 'node:child_process'
import { constants, setPriority } from 'node:os'
import { fileURLToPath } from 'node:url'
import type { Briefing, FromChild, ObjectToReplay, ToChild } from './messages.ts'

/** One replaying child. It takes one object at a time. */
export interface Child {
  /** @throws Error when the child ends before it answers, or takes too long */
  replay(object: Omit<ObjectToReplay, 'kind'>): Promise<Exclude<FromChild, { kind: 'ready' }>>
  kill(): void
}

/** @throws Error when the child does not take the candidate */
export type StartChild = (briefing: Omit<Briefing, 'kind'>) => Promise<Child>

const PROGRAM = fileURLToPath(new URL('./child.ts', import.meta.url))
/** Megabytes of one child's heap: an object and the candidate's documents take a small part of it. */
const HEAP_MIB = 192
const ANSWER_MS = 60_000

/**
 * Starts a child of a lower priority, so that calls are decided first. Its environment is empty: whatever a candidate's module did, it
 * would find no credentials there.
 */
export const startChild: StartChild = async (briefing) => {
  const child = fork(PROGRAM, [], {
    env: {},
    execArgv: [`--max-old-space-size=${HEAP_MIB}`, '--disable-warning=ExperimentalWarning'],
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  })
  lowerPriority(child)
  const kill = () => void child.kill('SIGKILL')
  try {
    const said = await ask(child, { kind: 'briefing', ...briefing })
    if (said.kind !== 'ready') throw new Error(`the candidate cannot be loaded: ${'fault' in said ? said.fault : said.kind}`)
  } catch (error) {
    kill()
    throw error
  }
  return {
    async replay(object) {
      const said = await ask(child, { kind: 'object', ...object })
      if (said.kind === 'ready') throw new Error('a replaying process answered out of turn')
      return said
    },
    kill,
  }
}

function ask(child: ChildProcess, message: ToChild): Promise<FromChild> {
  return new Promise((resolve, reject) => {
    const settle = (done: () => void) => {
      clearTimeout(timer)
      child.off('message', answered).off('exit', exited).off('error', failed)
      done()
    }
    const answered = (said: unknown) => settle(() => resolve(said as FromChild))
    const exited = (code: number | null, signal: string | null) =>
      settle(() => reject(new Error(`a replaying process ended with ${signal ?? code}`)))
    const failed = (error: Error) => settle(() => reject(error))
    const timer = setTimeout(() => settle(() => reject(new Error(`a replaying process gave no answer in ${ANSWER_MS} ms`))), ANSWER_MS)
    timer.unref()
    child.once('message', answered).once('exit', exited).once('error', failed)
    if (!child.connected) exited(child.exitCode, child.signalCode)
    else child.send(message, (error) => error !== null && failed(error))
  })
}

function lowerPriority({ pid }: ChildProcess): void {
  try {
    // Not the lowest, which gets nothing at all beside a busy process.
    if (pid !== undefined) setPriority(pid, constants.priority.PRIORITY_BELOW_NORMAL)
  } catch {
    // A replay at the same priority is slower for the calls beside it, and still right.
  }
}
