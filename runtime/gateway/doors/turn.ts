let pending: Promise<void> | undefined

/**
 * Resolves when all that the event loop has to do in this turn is done. Answers that wait for it leave together: under
 * load a process then writes to many sockets in a row, instead of waking a client between two decisions. When nothing
 * else is to be done it costs microseconds.
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
