import type { JournalEvent } from './journal.ts'
import type { Plan } from './plan.ts'
import type { FrontMatter } from './runbook-schema.ts'
import { safetyOf, windowOf } from './windows.ts'

// What the runner asks before it goes on. Pure: from the journal alone.

export interface ControlMeasures {
  fromMs: number
  toMs: number
  attempted: number
  failed: number
  failedShare: number
  p50Ms: number | null
  p99Ms: number | null
}

export function measureControl(events: readonly JournalEvent[], fromMs: number, toMs: number): ControlMeasures {
  const { attempted, succeeded, p50Ms, p99Ms } = windowOf(events, fromMs, toMs)
  const failed = attempted - succeeded
  return { fromMs, toMs, attempted, failed, failedShare: attempted === 0 ? 1 : failed / attempted, p50Ms, p99Ms }
}

/** @returns why a run without fault cannot serve as a yardstick, or undefined */
export function controlFault(measured: ControlMeasures, band: FrontMatter['control_band']): string | undefined {
  if (measured.attempted === 0) return 'no call was made'
  if (measured.failedShare > band.failed_share_max) {
    return `${measured.failed} of ${measured.attempted} calls failed, at most ${band.failed_share_max * 100} % may`
  }
  if (measured.p99Ms === null || measured.p99Ms > band.p99_max_ms) {
    return `P99 was ${measured.p99Ms?.toFixed(0)} ms, at most ${band.p99_max_ms} ms may be`
  }
  return undefined
}

/** @returns why the system is not in a steady state, or undefined: a fault on top of one would prove nothing */
export function gateFault(events: readonly JournalEvent[], fromMs: number, toMs: number, plan: Plan): string | undefined {
  for (const { id } of plan.clients) {
    const { attempted, succeeded } = windowOf(events, fromMs, toMs, id)
    if (attempted === 0) return `${id} got no answer at all`
    const share = (attempted - succeeded) / attempted
    if (share > plan.runbook.control_band.failed_share_max) {
      const failure = events.findLast((event) => event.type === 'probe' && event.client === id && !event.ok && event.dueMs >= fromMs)
      const last =
        failure?.type === 'probe' ? `, the last one ${failure.failure}${failure.detail === undefined ? '' : ` (${failure.detail})`}` : ''
      return `${attempted - succeeded} of ${attempted} calls of ${id} failed${last}`
    }
  }
  return undefined
}

/** @returns which limit of the runbook has been passed, or undefined */
export function abortReason(
  events: readonly JournalEvent[],
  { runbook: { abort }, region, clients }: Plan,
  at: { roundStartedMs: number; nowMs: number; faultAtMs: number | undefined },
): string | undefined {
  if (at.nowMs - at.roundStartedMs > abort.round_minutes * 60_000) return `the round took more than ${abort.round_minutes} minutes`
  const { wrongVerdicts, residencyViolations } = safetyOf(events)
  if (wrongVerdicts > abort.wrong_verdicts) return `${wrongVerdicts} wrong verdicts`
  if (residencyViolations > abort.residency_violations) return `${residencyViolations} residency violations`
  const { faultAtMs } = at
  if (faultAtMs === undefined) return undefined
  // Stricter than the measure and cheaper: whoever never got an answer from the lost region cannot be its victim.
  const served = new Set(events.flatMap((event) => (event.type === 'probe' && event.region === region ? [event.client] : [])))
  const elsewhere = events.filter(
    (event) => event.type === 'probe' && !event.ok && event.doneMs >= faultAtMs && !served.has(event.client),
  ).length
  if (elsewhere > abort.failed_elsewhere)
    return `${elsewhere} calls failed of ${clients.length - served.size} clients that the lost region never served`
  return undefined
}
