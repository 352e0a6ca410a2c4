/**
 * Runs `work` now, and again `intervalMs` after each end.
 *
 * @param work never rejects
 * @param intervalMs a number, or what to ask before each pause
 * @returns stops it; resolves when a run that is under way has ended
 */
export function repeat(work: () => Promise<void>, intervalMs: number | (() => number)): () => Promise<void> {
  let timer: NodeJS.Timeout | undefined
  let stopped = false
  let running = Promise.resolve()
  const next = () => {
    running = work().finally(() => {
      if (!stopped) timer = setTimeout(next, typeof intervalMs === 'number' ? intervalMs : intervalMs())
    })
  }
  next()
  return () => {
    stopped = true
    clearTimeout(timer)
    return running
  }
}
