/** An amount of money in integer minor units (cents), with its ISO 4217 currency in lower case. */
export interface Money {
  value: number
  currency: string
}

/** True for an amount that can be compared and spent: a whole, non-negative, safe number of minor units. */
export function isAmount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}
