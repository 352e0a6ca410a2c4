/**
 * Milliseconds of the machine's monotonic clock. Unlike performance.now(), which starts with each process, two
 * processes of one machine read the same clock here, so that a drill can subtract one's time from the other's.
 */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6
}
