/**
 * An amount as people write it: 800000 and `eur` -> `8000.00 EUR`, 500 and `jpy` -> `500 JPY`. Exact for every whole number of minor units.
 *
 * @param currency ISO 4217 code in lower case
 */
export function money(minorUnits: number, currency: string): string {
  const digits = minorDigits(currency)
  const text = String(minorUnits).padStart(digits + 1, '0')
  const whole = text.slice(0, text.length - digits)
  return `${whole}${digits === 0 ? '' : `.${text.slice(-digits)}`} ${currency.toUpperCase()}`
}

/** How many digits of a currency lie behind the point (ISO 4217, by ECMA-402). */
function minorDigits(currency: string): number {
  return new Intl.NumberFormat('en', { style: 'currency', currency }).resolvedOptions().maximumFractionDigits ?? 2
}
