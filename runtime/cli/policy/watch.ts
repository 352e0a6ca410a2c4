import { NoFabricError } from '../fabric-client.ts'
import { NoAnswerError } from '../operator-client.ts'
import type { Terminal } from '../terminal.ts'
import { type Rollout, revisionAnswer, type Status, statusAnswer } from './answers.ts'
import { type Ask, RefusedError } from './control-plane.ts'
import { newsOf, stageLine } from './progress.ts'
import { span } from './span.ts'

/** Why the watching is over. */
export type Ending =
  | { kind: 'ended'; rollout: Rollout }
  | { kind: 'paused'; rollout: Rollout }
  /** The person went away. */
  | { kind: 'left' }
  /** Nobody has answered for so long. */
  | { kind: 'lost'; forMs: number }
  /** It ended unseen, and another one has begun since. */
  | { kind: 'overtaken'; state: string }

/** How often is asked, and how long silence is borne. */
export interface Pace {
  pollMs: number
  patienceMs: number
}
export const PACE: Pace = { pollMs: 200, patienceMs: 30_000 }

export interface Watch {
  ask: Ask
  terminal: Terminal
  /** Aborted when nobody watches any more. */
  signal: AbortSignal
  pace: Pace
  /** Time since the command began, in front of each line. Milliseconds. */
  elapsedMs: () => number
}

/** Says what happens to a rollout until it ends or is paused. */
export async function watchRollout(watch: Watch, rollout: Rollout): Promise<Ending> {
  const say = (line: string) => watch.terminal.say(timed(watch, line))
  let seen = rollout
  for (const line of newsOf(undefined, rollout, Date.now())) say(line)
  for (;;) {
    const ending = endOf(seen)
    if (ending !== undefined) return ending
    watch.terminal.now(timed(watch, stageLine(seen, Date.now())))
    const status = await nextStatus(watch)
    if (status === undefined) return { kind: 'left' }
    if ('silentMs' in status) return { kind: 'lost', forMs: status.silentMs }
    const found = [status.rollout, status.last_rollout].find((one) => one?.id === seen.id)
    if (found === undefined || found === null) return { kind: 'overtaken', state: await stateOf(watch.ask, seen) }
    for (const line of newsOf(seen, found, Date.now())) say(line)
    seen = found
  }
}

/** The control plane's word after a moment; while it is silent it is asked on. @returns undefined when nobody watches any more */
export async function nextStatus({ ask, terminal, signal, pace, ...rest }: Watch): Promise<Status | { silentMs: number } | undefined> {
  let silentSince: number | undefined
  for (;;) {
    if (!(await pause(pace.pollMs, signal))) return undefined
    try {
      const { value } = await ask(STATUS)
      if (silentSince !== undefined) terminal.say(timed(rest, 'the control plane answers again'))
      return value
    } catch (error) {
      if (!isSilence(error)) throw error
      if (silentSince === undefined) terminal.say(timed(rest, `${(error as Error).message}; asking on for ${span(pace.patienceMs)}`))
      silentSince ??= performance.now()
      const silentMs = performance.now() - silentSince
      if (silentMs > pace.patienceMs) return { silentMs }
    }
  }
}

export const STATUS = {
  as: 'viewer',
  method: 'GET',
  path: '/v1/status',
  answer: statusAnswer,
  doing: 'asking for the status',
  timeoutMs: 5000,
} as const

/** One column of times, so that what took long is seen. */
export const timed = ({ elapsedMs }: Pick<Watch, 'elapsedMs'>, line: string) => `${span(elapsedMs()).padStart(8)}  ${line}`

/** @returns false when the signal came first */
export function pause(ms: number, signal: AbortSignal): Promise<boolean> {
  if (signal.aborted) return Promise.resolve(false)
  return new Promise((resolve) => {
    const left = () => {
      clearTimeout(timer)
      resolve(false)
    }
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', left)
      resolve(true)
    }, ms)
    signal.addEventListener('abort', left, { once: true })
  })
}

/** Also a fabric that is being started again, and a server that stumbles. Any other refusal is an answer. */
function isSilence(error: unknown): boolean {
  return error instanceof NoAnswerError || error instanceof NoFabricError || (error instanceof RefusedError && error.status >= 500)
}

function endOf(rollout: Rollout): Ending | undefined {
  if (rollout.state === 'running') return undefined
  return rollout.state === 'paused' ? { kind: 'paused', rollout } : { kind: 'ended', rollout }
}

async function stateOf(ask: Ask, { id, revision }: Rollout): Promise<string> {
  const path = `/v1/revisions/${revision}`
  const { value } = await ask({ as: 'viewer', method: 'GET', path, answer: revisionAnswer, doing: `looking up revision ${revision}` })
  return value.rollouts.find((one) => one.id === id)?.state ?? 'unknown'
}
