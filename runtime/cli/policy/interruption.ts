import { CommandError, EXIT } from '../exit-codes.ts'

/** Work that stops by itself at the signal has stopped by then. */
const GRACE_MS = 1000

/**
 * Runs work that Ctrl-C only takes the watching from. By way of npm the key may arrive twice: both mean the same.
 * @throws CommandError when the work is in the middle of a request that takes longer than a person waits
 */
export async function untilInterrupted<T>(work: (signal: AbortSignal) => Promise<T>, graceMs = GRACE_MS): Promise<T> {
  const interruption = new AbortController()
  const { promise: overdue, reject } = Promise.withResolvers<never>()
  let timer: NodeJS.Timeout | undefined
  const interrupt = () => {
    interruption.abort()
    timer ??= setTimeout(() => reject(new CommandError(INTERRUPTED, EXIT.failed)), graceMs)
  }
  process.on('SIGINT', interrupt).on('SIGTERM', interrupt)
  try {
    return await Promise.race([work(interruption.signal), overdue])
  } finally {
    clearTimeout(timer)
    process.off('SIGINT', interrupt).off('SIGTERM', interrupt)
  }
}

const INTERRUPTED = 'interrupted while the control plane was working; npm run policy -- status shows what is on its way'
