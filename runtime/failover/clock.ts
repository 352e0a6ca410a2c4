/** Milliseconds since the epoch that never run back: threads and processes of one machine agree on it to well under a millisecond. */
export function now(): number {
  return performance.timeOrigin + performance.now()
}
