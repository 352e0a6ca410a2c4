let pending: Promise<void> | undefined

/**
 * Resolves when the event loop has read all that arrived in this turn. Doors wait for it before they decide: the calls
 * of one turn are then judged back to back, with policy's code and data still in the processor's caches, which halves
 * the cost of a decision under load (`npm run bench -- decision`). With nothing else to do it costs microseconds.
 */
export function endOfTurn(): Promise<void> {
  pending ??= new Promise((resolve) =>
    setImmediate(() => {
      pending = undefined
      resolve()
    }),
  )
  return pending
}
