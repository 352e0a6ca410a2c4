const DAY_MS = 86_400_000

let known = { day: Number.NaN, period: '' }

/** The UTC day of a time, `2026-11-22`. The last answer is kept, because every call of a budgeted agent asks. */
export function periodOf(nowMs: number): string {
  const day = Math.floor(nowMs / DAY_MS)
  if (day !== known.day) known = { day, period: new Date(nowMs).toISOString().slice(0, 10) }
  return known.period
}

/** @returns the period so many days later */
export function periodAfter(period: string, days: number): string {
  return new Date(Date.parse(period) + days * DAY_MS).toISOString().slice(0, 10)
}
