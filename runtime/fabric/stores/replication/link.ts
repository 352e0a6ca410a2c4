import type { Change } from '../tables/engine.ts'
import type { Answer, Message, Transport } from './messages.ts'
import { nap } from './nap.ts'
import { outbox } from './outbox.ts'
import type { Version } from './version.ts'

/** One direction between two regions: an ordered queue of what was written here, sent when its lag has passed. */
export interface Link {
  push(change: Change): void
  /** Stops sending. Resolves when nothing is under way any more. */
  pause(): Promise<void>
  resume(): void
  setLag(lagMs: number): void
  /** The peer has an address now, or another one: compare with it before going on. */
  connect(): void
  stats(): LinkStats
  close(): Promise<void>
}

export interface LinkStats {
  peer: string
  state: 'no-peer' | 'paused' | 'unreachable' | 'catching-up' | 'live'
  paused: boolean
  lagMs: number
  /** Writes that the peer has not confirmed. */
  pending: number
  /** Age of the oldest of them; 0 if there is none. */
  oldestPendingMs: number
  /** Changes that the peer confirmed since the start, and those of them that were news to it. */
  sent: number
  applied: number
  lastError?: string
}

export interface LinkOptions {
  region: string
  peer: string
  lagMs: number
  transport: Transport
  /** Everything that this region holds and the peer should: by table, the version of each key. */
  inventory: () => { table: string; entries: { text: string; version: Version }[] }[]
  /** The item as it is now. */
  current: (table: string, text: string) => Promise<Change | undefined>
  /** Wall clock of this region, milliseconds since the epoch. */
  now: () => number
}

const OFFER_MAX_ENTRIES = 500
/** An idle link shows this often that it lives, and so notices that the peer has restarted. */
const PROBE_EVERY_MS = 1000
const RETRY_MIN_MS = 25
const RETRY_MAX_MS = 1000

/** Starts the loop that sends. It runs until `close`. */
export function startLink(options: LinkOptions): Link {
  const { region, peer, transport, now } = options
  const unconfirmed = outbox()
  const news = nap()
  // Apart from news, or each write to a dead peer would be another attempt to reach it.
  const backOff = nap()
  let { lagMs } = options
  let paused = false
  let connected = false
  let closed = false
  let mustCompare = true
  let boot: string | undefined
  let lastError: string | undefined
  let retryMs = RETRY_MIN_MS
  let contactAt = 0
  let sent = 0
  let applied = 0
  let inFlight: Promise<unknown> = Promise.resolve()

  const monotonic = () => performance.now()

  function goOn() {
    retryMs = RETRY_MIN_MS
    news.wake()
    backOff.wake()
  }

  async function say(message: Message): Promise<Answer> {
    const answer = await transport(peer, message)
    if (answer.boot !== boot) mustCompare = true
    boot = answer.boot
    contactAt = monotonic()
    retryMs = RETRY_MIN_MS
    lastError = undefined
    return answer
  }

  const tell = (changes: Change[]) => say({ type: 'changes', from: region, changes })

  /** Queues what the peer lacks. Whatever either side forgot, both have the same afterwards. */
  async function compare() {
    await tell([])
    mustCompare = false
    const complete = unconfirmed.startComparison()
    try {
      for (const { table, entries } of options.inventory()) {
        for (let at = 0; at < entries.length; at += OFFER_MAX_ENTRIES) {
          const { wanted } = await say({ type: 'offer', from: region, table, entries: entries.slice(at, at + OFFER_MAX_ENTRIES) })
          for (const text of wanted) {
            const change = await options.current(table, text)
            if (change !== undefined) unconfirmed.add(change, monotonic() - Math.max(0, now() - change.version.ms))
          }
        }
      }
    } catch (error) {
      mustCompare = true
      throw error
    }
    complete()
  }

  /** One thing to do now. @returns milliseconds until there may be another */
  async function work(): Promise<number> {
    if (mustCompare || unconfirmed.overflowed) {
      await compare()
      return 0
    }
    const due = unconfirmed.due(lagMs, monotonic())
    if (due.length > 0) {
      const answer = await tell(due)
      unconfirmed.confirm()
      sent += due.length
      applied += answer.applied
      return 0
    }
    if (contactAt + PROBE_EVERY_MS <= monotonic()) await tell([])
    return Math.min(contactAt + PROBE_EVERY_MS, unconfirmed.nextDueAt(lagMs)) - monotonic()
  }

  async function run() {
    while (!closed) {
      if (paused || !connected) {
        await news.sleep(Number.POSITIVE_INFINITY)
        continue
      }
      const step = work()
      inFlight = step.catch(() => {})
      try {
        const waitMs = await step
        if (waitMs > 0) await news.sleep(waitMs)
      } catch (error) {
        lastError = (error as Error).message
        retryMs = Math.min(retryMs * 2, RETRY_MAX_MS)
        await backOff.sleep(retryMs)
      }
    }
  }

  function state(): LinkStats['state'] {
    if (!connected) return 'no-peer'
    if (paused) return 'paused'
    if (lastError !== undefined) return 'unreachable'
    return mustCompare || unconfirmed.overflowed ? 'catching-up' : 'live'
  }

  const running = run()

  return {
    push(change) {
      unconfirmed.add(change, monotonic())
      news.wake()
    },
    async pause() {
      paused = true
      news.wake()
      await inFlight
    },
    resume() {
      paused = false
      goOn()
    },
    setLag(ms) {
      lagMs = ms
      news.wake()
    },
    connect() {
      connected = true
      mustCompare = true
      goOn()
    },
    stats: () => ({
      peer,
      state: state(),
      paused,
      lagMs,
      ...unconfirmed.stats(monotonic()),
      sent,
      applied,
      ...(lastError === undefined ? {} : { lastError }),
    }),
    async close() {
      closed = true
      goOn()
      await running
    },
  }
}
