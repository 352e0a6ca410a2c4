import type { DemoCall, Made, Walk } from './row.ts'

const POLL_MS = 100

/**
 * Calls until the answer is as expected, and notes the last answer.
 * When the walk's patience is over the last answer stands, whatever it is.
 * @param call made anew for each attempt, as it may need a fresh token
 */
export async function callUntil(
  walk: Walk,
  call: () => Promise<DemoCall> | DemoCall,
  { note = true }: { note?: boolean } = {},
): Promise<Made & { afterMs: number }> {
  const startedAt = performance.now()
  for (;;) {
    const made = await walk.make(await call())
    const afterMs = Math.round(performance.now() - startedAt)
    if (made.ok || afterMs > walk.patienceMs) {
      if (note) walk.note(made.step)
      return { ...made, afterMs }
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS))
  }
}
