import type { JournalEvent, ProbeResult } from './journal.ts'
import { quantile } from './statistics.ts'

// What can be counted without knowing of any fault.

export interface WindowMeasures {
  attempted: number
  succeeded: number
  /** Successes a second. */
  goodput: number
  /** Of successes, from the moment the schedule wanted them sent: a stalled client hides nothing. */
  p50Ms: number | null
  p99Ms: number | null
}

/** Wrong answers, anywhere and at any time of the drill: neither a fault nor a phase excuses one. */
export function safetyOf(events: readonly JournalEvent[]): { wrongVerdicts: number; residencyViolations: number } {
  const probes = events.filter((event) => event.type === 'probe')
  return {
    wrongVerdicts: probes.filter(({ wrongVerdict }) => wrongVerdict).length,
    residencyViolations: probes.filter(({ residencyViolation }) => residencyViolation).length,
  }
}

/** How late the probe sent its calls, in milliseconds: what the measuring itself got wrong. */
export function lagOf(events: readonly JournalEvent[]): { p50Ms: number | null; p99Ms: number | null; maxMs: number | null } {
  const lags = events.flatMap((event) => (event.type === 'probe' ? [event.sentMs - event.dueMs] : []))
  return { p50Ms: quantile(lags, 0.5), p99Ms: quantile(lags, 0.99), maxMs: quantile(lags, 1) }
}

/** Calls due in [from, to). */
export function windowOf(events: readonly JournalEvent[], fromMs: number, toMs: number, client?: string): WindowMeasures {
  const probes = events.filter(
    (event): event is { type: 'probe' } & ProbeResult =>
      event.type === 'probe' && event.dueMs >= fromMs && event.dueMs < toMs && (client === undefined || event.client === client),
  )
  const times = probes.filter(({ ok }) => ok).map(({ dueMs, doneMs }) => doneMs - dueMs)
  return {
    attempted: probes.length,
    succeeded: times.length,
    goodput: toMs > fromMs ? times.length / ((toMs - fromMs) / 1000) : 0,
    p50Ms: quantile(times, 0.5),
    p99Ms: quantile(times, 0.99),
  }
}
