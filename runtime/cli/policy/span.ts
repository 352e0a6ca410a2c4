// Times as a person reads them. Instants are RFC 3339, `nowMs` is milliseconds since the epoch.

/** `4.2 s`, `35 s`, `12 min`, `5 h`, `3 d`. */
export function span(ms: number): string {
  const s = Math.max(0, ms) / 1000
  if (s < 9.95) return `${s.toFixed(1)} s`
  if (s < 120) return `${Math.round(s)} s`
  if (s < 2 * 3600) return `${Math.round(s / 60)} min`
  return s < 48 * 3600 ? `${Math.round(s / 3600)} h` : `${Math.round(s / 86_400)} d`
}

/** What is left until then, or undefined when it is over. */
export function left(until: string, nowMs: number): string | undefined {
  const ms = Date.parse(until) - nowMs
  return ms > 0 ? span(Math.max(ms, 1000)).replace('.0', '') : undefined
}

/** `2026-11-27 22:41:07Z`: the same for people of every region. */
export const instant = (at: string) =>
  Number.isNaN(Date.parse(at)) ? at : new Date(at).toISOString().replace('T', ' ').replace(/\.\d+/, '')

/** From one instant to another. */
export const between = (from: string, to: string) => span(Date.parse(to) - Date.parse(from))

/** Thousands apart. */
export const number = (value: number) => value.toLocaleString('en-US')
