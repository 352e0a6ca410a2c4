import type { ProbeResult } from './journal.ts'

/**
 * Fault to the first success after which no call fails for the stability window. A gap before the first
 * failure does not count: kept connections may die later than the region. Null when the observation ended
 * before a window was full, so that a drill that looks away early proves nothing.
 * @param probes one client's calls that ended at or after t0
 */
export function clientRtoMs(probes: readonly Readonly<ProbeResult>[], t0Ms: number, untilMs: number, stabilityMs: number): number | null {
  const byEnd = probes.toSorted((a, b) => a.doneMs - b.doneMs)
  const failures = byEnd.filter(({ ok }) => !ok)
  if (failures.length === 0) return byEnd.length > 0 ? 0 : null
  for (const [index, failure] of failures.entries()) {
    const nextFailureMs = failures[index + 1]?.doneMs ?? untilMs
    const success = byEnd.find(({ ok, doneMs }) => ok && doneMs >= failure.doneMs)
    if (success !== undefined && nextFailureMs - success.doneMs >= stabilityMs) return success.doneMs - t0Ms
  }
  return null
}
