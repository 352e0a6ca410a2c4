/** An amount of money in integer minor units (cents), with its ISO 4217 currency in lower case. */
export interface Money {
  value: number
  currency: string
}
