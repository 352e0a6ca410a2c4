import { setTimeout } from 'node:timers/promises'
import type { Clock } from '../../model/ports.ts'
import type { Notice } from './notice.ts'

/** Tells one channel of one notice. Rejects with DeliveryError when it may be worth another attempt, or not. */
export interface NoticeTarget {
  readonly name: string
  deliver(notice: Notice): Promise<void>
}

/** A channel did not take a notice. The message names no URL, because the URL of a channel is often its secret. */
export class DeliveryError extends Error {
  override name = 'DeliveryError'
  /** False: the same would be refused again. */
  readonly again: boolean
  constructor(message: string, { again }: { again: boolean }) {
    super(message)
    this.again = again
  }
}

/** Sends a POST to a checked address. @returns the status. Rejects when no answer came */
export type Send = (url: string, headers: Record<string, string>, body: string) => Promise<number>

/** @throws DeliveryError */
export function checkStatus(status: number): void {
  if (status >= 200 && status < 300) return
  throw new DeliveryError(`the channel answered ${status}`, { again: status >= 500 || status === 408 || status === 429 })
}

export interface Notifier {
  /** Returns at once: a verdict waits for nobody's channel. */
  notify(notice: Notice): void
  counts(): Readonly<NoticeCounts>
  /** Ends what is under way and what waits. */
  close(): Promise<void>
}

export interface NoticeCounts {
  delivered: number
  /** Given up after the last attempt, or because the approval had ended. */
  failed: number
  /** Not even tried, because too many waited. */
  dropped: number
}

export interface NotifierOptions {
  targets: readonly NoticeTarget[]
  clock: Clock
  log: (event: { event: string; target: string; approval: string; error: string }) => void
  attempts?: number
  /** Before the second attempt; doubled before each one after. */
  backoffMs?: number
  waitingMax?: number
}

/** Delivers notices in the background, with a bounded number of attempts and of notices that wait. */
export function notifier({ targets, clock, log, attempts = 6, backoffMs = 1000, waitingMax = 1000 }: NotifierOptions): Notifier {
  const counts: NoticeCounts = { delivered: 0, failed: 0, dropped: 0 }
  const underway = new Set<Promise<void>>()
  const ending = new AbortController()

  const deliver = async (target: NoticeTarget, notice: Notice) => {
    for (let attempt = 1; ; attempt++) {
      const error = await tried(target, notice)
      if (error === undefined) {
        counts.delivered++
        return
      }
      if (!error.again || attempt >= attempts || ending.signal.aborted || clock.now() >= notice.expiresAtMs) {
        counts.failed++
        log({ event: 'notice_failed', target: target.name, approval: notice.id, error: error.message })
        return
      }
      // Half to all of the step, so that many gateways do not come back at one moment.
      await pause(backoffMs * 2 ** (attempt - 1) * (0.5 + Math.random() / 2), ending.signal)
    }
  }

  return {
    notify(notice) {
      for (const target of targets) {
        if (underway.size >= waitingMax || ending.signal.aborted) {
          counts.dropped++
          log({ event: 'notice_dropped', target: target.name, approval: notice.id, error: 'too many notices wait' })
          continue
        }
        const delivery: Promise<void> = deliver(target, notice).finally(() => underway.delete(delivery))
        underway.add(delivery)
      }
    },
    counts: () => ({ ...counts }),
    async close() {
      ending.abort()
      await Promise.allSettled(underway)
    },
  }
}

async function tried(target: NoticeTarget, notice: Notice): Promise<DeliveryError | undefined> {
  try {
    await target.deliver(notice)
    return undefined
  } catch (error) {
    // What other errors say may hold the channel's URL.
    return error instanceof DeliveryError ? error : new DeliveryError('the channel did not answer', { again: true })
  }
}

/** Ends early when the signal aborts. */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await setTimeout(ms, undefined, { signal }).catch(() => {})
}
