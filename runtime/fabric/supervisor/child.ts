import { readFileSync } from 'node:fs'
import { type FabricEvent, nowMs, type ProcessEvent } from './events.ts'
import { type Exit, type Life, type Program, startLife } from './life.ts'

export interface ChildSpec extends Program {
  /** What it is in events and reports: `gateway`, `stores`, ... */
  name: string
  region?: string
  /** What the environment says otherwise to a process that is started again. */
  laterEnv?: Readonly<Record<string, string>>
  /** Sent as soon as the process runs: what must not stand in argv or in the environment. */
  hello?: () => object
  /** Settles when the process serves; rejects with one line when it never will. */
  ready: (life: Life) => Promise<void>
  readyTimeoutMs: number
}

/** A process that is kept running until it is told to stop: one that dies unasked comes back, ever more slowly. */
export interface Child {
  readonly spec: ChildSpec
  readonly label: string
  state(): 'down' | 'starting' | 'up'
  pid(): number | undefined
  /** Starts it and waits until it is ready. Rejects, with the process ended, when it is not ready in time. */
  start(): Promise<void>
  /** SIGKILL, and no restart until `start`. @returns the end of the process; undefined when there was none */
  kill(): Promise<(Exit & { pid: number }) | undefined>
  /** SIGTERM, then SIGKILL after the grace. No restart. */
  stop(graceMs: number): Promise<void>
  /** SIGKILL without waiting: for the supervisor's own last moment. */
  killNow(): void
  /** @see Life.request */
  request(command: string, args?: object): Promise<unknown>
  /** A message that nobody answers. Nothing happens while the child is down. */
  send(message: object): void
  /** Messages of every life that are not replies. */
  onMessage(listener: (message: unknown) => void): void
}

export interface ChildHost {
  emit(event: FabricEvent): void
  /** One line for the person who watches. */
  report(line: string): void
}

export function supervisedChild(spec: ChildSpec, host: ChildHost): Child {
  const keeper = keepAlive(spec, host)
  return {
    spec,
    label: keeper.label,
    state: keeper.state,
    pid: () => keeper.life()?.pid,
    start: keeper.start,
    async kill() {
      const last = keeper.release()
      last?.signal('SIGKILL')
      return last && { pid: last.pid, ...(await last.exited) }
    },
    async stop(graceMs) {
      const last = keeper.release()
      if (last === undefined) return
      last.signal('SIGTERM')
      const force = setTimeout(() => last.signal('SIGKILL'), graceMs)
      await last.exited
      clearTimeout(force)
    },
    killNow: () => keeper.release()?.signal('SIGKILL'),
    request: (command, args) => keeper.life()?.request(command, args) ?? Promise.reject(new Error(`${keeper.label} is down`)),
    send: (message) => keeper.life()?.send(message),
    onMessage: keeper.onMessage,
  }
}

/** One life after the other, for as long as it is wanted. */
function keepAlive(spec: ChildSpec, host: ChildHost) {
  const label = spec.region === undefined ? spec.name : `${spec.name} ${spec.region}`
  const listeners: ((message: unknown) => void)[] = []
  let life: Life | undefined
  let state: 'down' | 'starting' | 'up' = 'down'
  let wanted = false
  let lives = 0
  let crashes: number[] = []
  let restart: NodeJS.Timeout | undefined

  const launch = async () => {
    state = 'starting'
    const isLater = lives++ > 0
    const mine = startLife(isLater ? { ...spec, env: { ...spec.env, ...spec.laterEnv } } : spec, isLater)
    life = mine
    for (const listener of listeners) mine.onMessage(listener)
    host.emit(processEvent(spec, 'started', { pid: mine.pid }))
    void mine.exited.then((exit) => onExit(mine, exit))
    if (spec.hello !== undefined) mine.send(spec.hello())
    try {
      await untilReady(spec, mine)
    } catch (error) {
      mine.signal('SIGKILL')
      await mine.exited
      throw new Error(`${label} ${(error as Error).message}`, { cause: error })
    }
    state = 'up'
    host.emit(processEvent(spec, 'ready', { pid: mine.pid }))
  }

  const onExit = (ended: Life, exit: Exit) => {
    const crashed = wanted && state === 'up' && life === ended
    if (life === ended) {
      life = undefined
      state = 'down'
    }
    host.emit(processEvent(spec, 'exited', { pid: ended.pid, ...exitFields(exit) }))
    if (crashed) restartLater(describeExit(exit))
  }

  const restartLater = (why: string) => {
    crashes = [...crashes.filter((at) => nowMs() - at < CRASHES_COUNT_FOR_MS), nowMs()]
    const delayMs = restartDelayMs(crashes.length)
    host.report(`${label} ${why}; starting it again in ${delayMs / 1000} s (its output: ${spec.logFile})`)
    restart = setTimeout(() => {
      launch().then(
        () => host.report(`${label} is back`),
        (error: Error) => wanted && restartLater(error.message.slice(label.length + 1)),
      )
    }, delayMs)
  }

  return {
    label,
    life: () => life,
    state: () => state,
    async start() {
      wanted = true
      await launch()
    },
    /** From here on, an end is no crash. @returns the life that is left to end */
    release() {
      wanted = false
      clearTimeout(restart)
      return life
    },
    onMessage(listener: (message: unknown) => void) {
      listeners.push(listener)
      life?.onMessage(listener)
    },
  }
}

const CRASHES_COUNT_FOR_MS = 60_000
const RESTART_FIRST_MS = 500
const RESTART_LONGEST_MS = 15_000

/** How long to wait before a child that died unasked is started again. @param crashes of the last minute, this one included */
export function restartDelayMs(crashes: number): number {
  return Math.min(RESTART_LONGEST_MS, RESTART_FIRST_MS * 2 ** (Math.max(1, crashes) - 1))
}

/** Rejects with what the child's person needs to know: how it ended and what it said last, or that time is up. */
async function untilReady({ ready, readyTimeoutMs, logFile }: ChildSpec, life: Life): Promise<void> {
  const { promise: late, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(
    () => reject(new Error(`is not ready after ${readyTimeoutMs / 1000} s (its output: ${logFile})`)),
    readyTimeoutMs,
  )
  const over = life.exited.then((exit) => {
    throw new Error(`${describeExit(exit)} before it was ready${lastWords(logFile)}`)
  })
  over.catch(() => {})
  try {
    await Promise.race([ready(life), over, late])
  } finally {
    clearTimeout(timer)
  }
}

const describeExit = ({ code, signal }: Exit) => (signal !== null ? `was ended by ${signal}` : `ended with code ${code}`)

function exitFields({ code, signal, atMs }: Exit) {
  return { at_ms: atMs, ...(signal !== null && { signal }), ...(code !== null && { exit_code: code }) }
}

function processEvent({ name, region }: ChildSpec, event: ProcessEvent['event'], more: Partial<ProcessEvent>): ProcessEvent {
  return { type: 'process', at_ms: nowMs(), ...(region !== undefined && { region }), name, event, ...more }
}

/** What a process that failed to start said last: usually the reason. */
function lastWords(logFile: string): string {
  try {
    const lines = readFileSync(logFile, 'utf8').trimEnd().split('\n')
    const telling = lines.findLast((line) => /\berror\b|refuse|cannot|missing/i.test(line)) ?? lines.at(-1)
    return telling ? `: ${telling.trim().slice(0, 300)}` : ''
  } catch {
    return ''
  }
}
