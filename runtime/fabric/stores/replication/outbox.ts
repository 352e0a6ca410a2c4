import type { Change } from '../tables/engine.ts'

/** What one peer has not confirmed, in the order in which it was written. Times are on the monotonic clock. */
export interface Outbox {
  /** @param writtenAt when it was acknowledged: earlier than now for what a comparison found */
  add(change: Change, writtenAt: number): void
  /** The oldest changes whose lag has passed, at most as many as one message takes. */
  due(lagMs: number, at: number): Change[]
  /** When the next change is due; infinity if there is none. */
  nextDueAt(lagMs: number): number
  /** The peer has what `due` returned last. */
  confirm(): void
  /** The queue grew too long and was dropped: only a comparison tells now what the peer lacks. */
  readonly overflowed: boolean
  /** Call it before a comparison, and what it returns after a complete one. */
  startComparison(): () => void
  stats(at: number): { pending: number; oldestPendingMs: number }
}

/** Most changes in one message: with DynamoDB's largest item (400 KB) still under the 16 MiB of a request. */
const MESSAGE_MAX_CHANGES = 25
/** A longer queue is dropped and the peer compared with when it is back, so that a long partition costs no memory. */
const QUEUE_MAX_CHANGES = 20_000

export function outbox(): Outbox {
  let queue: { change: Change; queuedAt: number; writtenAt: number }[] = []
  let dropped = { count: 0, oldestAt: 0 }
  let overflowed = false
  let lent = { from: queue, count: 0 }

  return {
    add(change, writtenAt) {
      const first = queue[0]
      if (first !== undefined && queue.length >= QUEUE_MAX_CHANGES) {
        dropped = { count: dropped.count + queue.length, oldestAt: dropped.count > 0 ? dropped.oldestAt : first.writtenAt }
        queue = []
        overflowed = true
      }
      queue.push({ change, queuedAt: performance.now(), writtenAt })
    },
    due(lagMs, at) {
      const oldest = queue.slice(0, MESSAGE_MAX_CHANGES)
      const notDue = oldest.findIndex(({ queuedAt }) => queuedAt + lagMs > at)
      if (notDue >= 0) oldest.length = notDue
      lent = { from: queue, count: oldest.length }
      return oldest.map(({ change }) => change)
    },
    nextDueAt: (lagMs) => (queue[0] === undefined ? Number.POSITIVE_INFINITY : queue[0].queuedAt + lagMs),
    confirm() {
      // Dropped while it was on its way, the queue has others in its place by now.
      if (lent.from === queue) queue.splice(0, lent.count)
      lent = { from: queue, count: 0 }
    },
    get overflowed() {
      return overflowed
    },
    startComparison() {
      overflowed = false
      const before = dropped.count
      return () => {
        // What was dropped before is in the queue again; what overflowed meanwhile needs another comparison.
        if (dropped.count === before) dropped = { count: 0, oldestAt: 0 }
      }
    },
    stats(at) {
      const oldestAt = dropped.count > 0 ? dropped.oldestAt : queue[0]?.writtenAt
      return { pending: queue.length + dropped.count, oldestPendingMs: oldestAt === undefined ? 0 : at - oldestAt }
    },
  }
}
