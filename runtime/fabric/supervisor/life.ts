import { fork } from 'node:child_process'
import { closeSync, existsSync, mkdirSync, openSync, writeFileSync } from 'node:fs'
import { getPriority, setPriority } from 'node:os'
import { dirname } from 'node:path'
import { nowMs } from './events.ts'

/** One life of a child process: from its start to its exit. */
export interface Life {
  readonly pid: number
  /** Settles at the end of this life; never rejects. */
  readonly exited: Promise<Exit>
  /** A command of the `{id, command, ...}` protocol, answered by `{type: 'reply', id, ok, result | error}`. */
  request(command: string, args?: object): Promise<unknown>
  /** A message that nobody answers. */
  send(message: object): void
  /** Every message that is not a reply. */
  onMessage(listener: (message: unknown) => void): void
  signal(signal: NodeJS.Signals): void
}

export interface Exit {
  code: number | null
  signal: string | null
  /** Milliseconds since the epoch. */
  atMs: number
}

export interface Program {
  script: string
  execArgv?: readonly string[]
  /** The whole environment: nothing of the supervisor's own is inherited. */
  env: Readonly<Record<string, string>>
  /** Where its output goes. */
  logFile: string
  /** It stands for what is nobody's neighbour in AWS: where processors are short, the others go first. Default: it takes its turn. */
  yields?: boolean
}

const REQUEST_TIMEOUT_MS = 10_000
const tether = new URL('./tether.ts', import.meta.url).href

/** Starts a program of Node's as a process of its own, which ends when this one does. */
export function startLife({ script, execArgv = [], env, logFile, yields = false }: Program, appendLog: boolean): Life {
  mkdirSync(dirname(logFile), { recursive: true, mode: 0o700 })
  const log = openSync(logFile, appendLog ? 'a' : 'w', 0o600)
  // Detached: a terminal's Ctrl-C then reaches the supervisor alone, which ends the others in order.
  const child = fork(script, [], {
    env: { ...env },
    execArgv: [...execArgv, '--import', tether],
    stdio: ['ignore', log, log, 'ipc'],
    detached: true,
  })
  closeSync(log)
  const pid = child.pid ?? 0
  if (yields && pid !== 0) letOthersFirst(pid)
  const exited = new Promise<Exit>((resolve) => {
    child.once('exit', (code, signal) => resolve({ code, signal, atMs: nowMs() }))
    child.once('error', () => resolve({ code: null, signal: null, atMs: nowMs() }))
  })
  const listeners: ((message: unknown) => void)[] = []
  const requests = requestTable(exited)
  child.on('message', (message) => {
    if (requests.settle(message)) return
    for (const listener of listeners) listener(message)
  })
  return {
    pid,
    exited,
    request: (command, args = {}) => requests.open(command, (id) => child.send({ ...args, id, command }, () => {})),
    // Sending to a process that is just dying is no error of its own: `exited` tells.
    send: (message) => void child.send(message, () => {}),
    onMessage: (listener) => void listeners.push(listener),
    signal: (signal) => signalGroup(pid, signal),
  }
}

/** Requests that wait for their reply. All of them fail when the process ends. */
function requestTable(exited: Promise<Exit>) {
  const open = new Map<number, { resolve: (result: unknown) => void; reject: (error: Error) => void }>()
  let last = 0
  let over = false
  void exited.then(() => {
    over = true
    for (const { reject } of open.values()) reject(new Error('the process ended'))
  })
  return {
    open(command: string, post: (id: number) => void): Promise<unknown> {
      if (over) return Promise.reject(new Error('the process ended'))
      const id = ++last
      const { promise, resolve, reject } = Promise.withResolvers<unknown>()
      const timer = setTimeout(() => reject(new Error(`no answer to ${command} in ${REQUEST_TIMEOUT_MS / 1000} s`)), REQUEST_TIMEOUT_MS)
      open.set(id, { resolve, reject })
      post(id)
      return promise.finally(() => {
        clearTimeout(timer)
        open.delete(id)
      })
    },
    /** @returns whether the message was a reply */
    settle(message: unknown): boolean {
      const reply = message as { type?: string; id?: number; ok?: boolean; result?: unknown; error?: string } | null
      if (reply?.type !== 'reply' || reply.id === undefined) return false
      const waiting = open.get(reply.id)
      if (reply.ok === true) waiting?.resolve(reply.result)
      else waiting?.reject(new Error(reply.error ?? 'it failed without a word'))
      return true
    },
  }
}

/** Of the scale that ends at 19: so much below whoever starts it. A third of what the others get, so that it gets on where they are many. */
const YIELDING = 5
const LOWEST = 19

/**
 * A process that was started detached leads a session, and Linux with autogrouping weighs sessions against each other, not processes:
 * there the group is told too (sched(7), "The autogroup feature"). Where neither can be set, all are equal as before.
 */
function letOthersFirst(pid: number): void {
  try {
    setPriority(pid, Math.min(getPriority() + YIELDING, LOWEST))
    if (existsSync(`/proc/${pid}/autogroup`)) writeFileSync(`/proc/${pid}/autogroup`, String(YIELDING))
  } catch {
    // It has ended already, or somebody does not let us.
  }
}

/** Of the whole group: a child may have started processes of its own. */
function signalGroup(pid: number, signal: NodeJS.Signals): void {
  if (pid === 0) return
  try {
    process.kill(-pid, signal)
  } catch {
    // Already gone.
  }
}
