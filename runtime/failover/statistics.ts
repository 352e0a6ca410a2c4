/** The value that a share of the sample does not exceed (nearest rank); null for no sample. */
export function quantile(values: readonly number[], share: number): number | null {
  if (values.length === 0) return null
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? null
}

/** The largest, or null when one is missing: a time that was never reached is worse than any number. */
export function worst(values: readonly (number | null)[]): number | null {
  let largest: number | null = null
  for (const value of values) {
    if (value === null) return null
    largest = Math.max(largest ?? value, value)
  }
  return largest
}
