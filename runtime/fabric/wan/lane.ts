/** One direction of one connection: what is sent arrives in order, a delay later, and not while the link is blackholed. */
export interface Lane {
  send(parcel: Parcel): void
  /** Bytes under way. */
  bytes(): number
  /** Tries to deliver: after the link healed, or the receiver took a breath. */
  pump(): void
  close(): void
}

export type Parcel = { kind: 'data'; chunk: Buffer } | { kind: 'end' } | { kind: 'reset' }

export interface LaneOptions {
  delayMs: () => number
  /** False holds everything. */
  open: () => boolean
  /** Returns false when the receiver takes no more until it calls pump(). */
  deliver: (parcel: Parcel) => boolean
}

export function createLane({ delayMs, open, deliver }: LaneOptions): Lane {
  const queue: { parcel: Parcel; dueMs: number }[] = []
  let bytes = 0
  let lastDueMs = 0
  let timer: NodeJS.Timeout | undefined
  let closed = false
  let blocked = false

  const run = () => {
    clearTimeout(timer)
    timer = undefined
    while (!closed && !blocked && open()) {
      const head = queue[0]
      if (head === undefined) return
      const waitMs = head.dueMs - performance.now()
      if (waitMs > 0) {
        timer = setTimeout(run, waitMs)
        return
      }
      queue.shift()
      if (head.parcel.kind === 'data') bytes -= head.parcel.chunk.length
      // Blocked before the delivery, because the receiver may pump from within it.
      blocked = true
      if (deliver(head.parcel)) blocked = false
    }
  }

  return {
    send: (parcel) => {
      if (closed) return
      // A link that gets faster does not let later bytes overtake.
      lastDueMs = Math.max(lastDueMs, performance.now() + delayMs())
      queue.push({ parcel, dueMs: lastDueMs })
      if (parcel.kind === 'data') bytes += parcel.chunk.length
      if (timer === undefined) run()
    },
    bytes: () => bytes,
    pump: () => {
      blocked = false
      run()
    },
    close: () => {
      closed = true
      clearTimeout(timer)
      queue.length = 0
    },
  }
}
