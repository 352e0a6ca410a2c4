/** Clients that wait for something to change, so many at most. */
export interface WaitingRoom {
  /** Whether somebody may wait still. */
  hasPlace(): boolean
  /**
   * Resolves when `isOver` says so after a change, when the time is up, when the client has gone, or when the room closes; whoever waits
   * looks for themselves then.
   * @param gone the client's connection
   */
  wait(options: { isOver: () => boolean; timeoutMs: number; gone: AbortSignal }): Promise<void>
  /** Something has changed. */
  changed(): void
  /** Everybody leaves, and nobody comes in any more. */
  close(): void
  /** How many wait. */
  size(): number
}

export function waitingRoom({ placesMax }: { placesMax: number }): WaitingRoom {
  const waiting = new Set<{ isOver: () => boolean; leave: () => void }>()
  let closed = false

  return {
    hasPlace: () => !closed && waiting.size < placesMax,
    wait: ({ isOver, timeoutMs, gone }) =>
      new Promise((resolve) => {
        // What changed between the client's question and this line is no reason to wait.
        if (closed || gone.aborted || isOver()) return resolve()
        const leave = () => {
          clearTimeout(timer)
          gone.removeEventListener('abort', leave)
          waiting.delete(guest)
          resolve()
        }
        const timer = setTimeout(leave, timeoutMs)
        gone.addEventListener('abort', leave)
        const guest = { isOver, leave }
        waiting.add(guest)
      }),
    changed() {
      for (const { isOver, leave } of [...waiting]) if (isOver()) leave()
    },
    close() {
      closed = true
      for (const { leave } of [...waiting]) leave()
    },
    size: () => waiting.size,
  }
}
