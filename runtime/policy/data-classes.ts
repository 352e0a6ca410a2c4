/** Classes that stand alone. */
const CLASSES = new Set([
  'card',
  'iban',
  'email',
  'phone',
  'ip_address',
  'us_ssn',
  'passport',
  'driver_licence',
  'health_record',
  'icd_code',
  'api_key',
  'private_key',
  'crypto_wallet',
  'seed_phrase',
])

/** Families with a class for each country: `national_id` covers `national_id.de`. */
const FAMILIES = new Set(['national_id', 'tax_id'])

/** What a document may call a data class of its own. A dot would make it look like a member of a family. */
export const CLASS_NAME = /^[a-z][a-z0-9_]{0,31}$/

/** True for a name that documents cannot give to a class of their own. */
export function isBuiltInClass(name: string): boolean {
  return CLASSES.has(name) || FAMILIES.has(name)
}

/** True for a class or family that detectors know, or that `classes.yaml` declares. */
export function isDataClass(name: string, declared: ReadonlySet<string>): boolean {
  const [family, country, ...more] = name.split('.')
  if (country === undefined) return CLASSES.has(name) || FAMILIES.has(name) || declared.has(name)
  return more.length === 0 && FAMILIES.has(family ?? '') && /^[a-z]{2}$/.test(country)
}
