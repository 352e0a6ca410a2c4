/** Part of what is free that one refill takes: few refills, and enough left for the region's other processes. */
const FRACTION = 8

/**
 * How much to lease.
 *
 * @param free what the slice has left
 * @param lacking what the call at hand needs beyond the lease that is there
 * @param wished what all waiting calls need beyond it
 * @returns 0 when the slice cannot cover the call: a lease that helps nobody would only be kept from others
 */
export function leaseSize(free: number, lacking: number, wished: number): number {
  if (lacking > free) return 0
  return Math.min(free, Math.max(lacking, wished, Math.floor(free / FRACTION)))
}
