import { stdnum } from 'stdnum'
import { luhn, nhsNumber, verhoeff } from '../checksums.ts'
import { COUNTRIES, type Country, TOPIC } from '../context-words.ts'

/**
 * How much a number says by itself.
 * - strong: a rare form or a checksum that few others pass. Found anywhere.
 * - alone: a checksum that one number in fifty passes. Found with its separators, or when it is all that the text holds.
 * - formed: found with its separators, else only beside words about it.
 * - weak: found only beside words about it.
 */
export type Strength = 'strong' | 'alone' | 'formed' | 'weak'

export interface IdentityKind {
  name: string
  country: Country
  /** Words that are about it: any of these topics. */
  topics: number
  strength: Strength
  /** Of the text as written. Sticky; bounded in length. */
  form: RegExp
  /** @param compact without separators, in upper case. @param written as it stands in the text */
  valid(compact: string, written: string): boolean
}

const IDENTITY = TOPIC.identity | TOPIC.personal | TOPIC.tax
const { tax: TAX, healthRecord: HEALTH, patient: PATIENT } = TOPIC

/** A validator of `stdnum`: lengths, dates and check digits by the country's rules. */
function standard(country: string, name: string): (compact: string) => boolean {
  const validator = stdnum[country]?.[name]
  if (validator === undefined) throw new Error(`stdnum has no ${country} ${name}`)
  return (compact) => validator.validate(compact).isValid
}

const always = () => true

function kind(name: string, strength: Strength, topics: number, form: string, valid: IdentityKind['valid'] = always): IdentityKind {
  const [family = '', country] = name.split('.')
  // Health records are one class; their country only says which words mean them.
  const told = family === 'health_record' ? family : name
  return {
    name: told,
    country: COUNTRIES.find((known) => known === country) ?? 'us',
    strength,
    topics,
    form: new RegExp(`${form}(?![0-9A-Za-z])`, 'iy'),
    valid,
  }
}

const S = '[ .-]?'

/** Numbers of digits alone, tried on clusters. */
export const DIGIT_KINDS: readonly IdentityKind[] = [
  kind('tax_id.de', 'alone', IDENTITY, '[1-9]\\d ?\\d{3} ?\\d{3} ?\\d{3}', standard('DE', 'idnr')),
  kind('tax_id.de', 'weak', TAX, '\\d{2,3}[/ ]\\d{3}[/ ]\\d{4,5}|\\d{10,13}', standard('DE', 'stnr')),
  kind('national_id.fr', 'strong', IDENTITY, `[1-8]${S}\\d{2}${S}\\d{2}${S}\\d{2}${S}\\d{3}${S}\\d{3}${S}\\d{2}`, standard('FR', 'nir')),
  kind('tax_id.fr', 'weak', TAX, '[0-3]\\d ?\\d{2} ?\\d{3} ?\\d{3} ?\\d{3}', standard('FR', 'nif')),
  kind('tax_id.fr', 'weak', TAX, '\\d{3} ?\\d{3} ?\\d{3}', standard('FR', 'siren')),
  kind('tax_id.fr', 'weak', TAX, '\\d{3} ?\\d{3} ?\\d{3} ?\\d{5}', standard('FR', 'siret')),
  kind('national_id.es', 'weak', IDENTITY | TOPIC.social, '\\d{2}[ /-]?\\d{8}[ /-]?\\d{2}', standard('ES', 'nss')),
  kind('tax_id.it', 'weak', TAX, '\\d{11}', standard('IT', 'iva')),
  kind('national_id.nl', 'weak', IDENTITY, `\\d{4}${S}\\d{2}${S}\\d{3}|\\d{3}${S}\\d{3}${S}\\d{3}|\\d{8}`, standard('NL', 'bsn')),
  kind('national_id.pl', 'strong', IDENTITY, '\\d{11}', standard('PL', 'pesel')),
  kind('tax_id.pl', 'formed', TAX, '\\d{3}-\\d{3}-\\d{2}-\\d{2}|\\d{3}-\\d{2}-\\d{2}-\\d{3}|\\d{10}', standard('PL', 'nip')),
  kind('tax_id.pl', 'weak', TAX, '\\d{9}|\\d{14}', standard('PL', 'regon')),
  kind('national_id.se', 'alone', IDENTITY, '(?:19|20)?\\d{6}[-+]?\\d{4}', swedish),
  kind('tax_id.se', 'weak', TAX, '\\d{6}-?\\d{4}', standard('SE', 'orgnr')),
  kind('national_id.be', 'strong', IDENTITY, '\\d{2}[. ]?\\d{2}[. ]?\\d{2}[- ]?\\d{3}[. ]?\\d{2}', belgian),
  kind('tax_id.be', 'formed', TAX, '[01]\\d{3}\\.\\d{3}\\.\\d{3}|[01]\\d{9}', standard('BE', 'vat')),
  kind('tax_id.pt', 'weak', TAX | TOPIC.identity, '\\d{3} ?\\d{3} ?\\d{3}', standard('PT', 'nif')),
  kind('tax_id.gb', 'weak', TAX, '\\d{5} ?\\d{5}', standard('GB', 'utr')),
  kind('tax_id.gb', 'weak', TAX, '\\d{3} ?\\d{4} ?\\d{2}', standard('GB', 'vat')),
  kind('health_record.gb', 'weak', HEALTH | PATIENT, '\\d{3}[ -]?\\d{3}[ -]?\\d{4}', nhsNumber),
  kind('tax_id.us', 'weak', TAX, '\\d{2}-\\d{7}', standard('US', 'ein')),
  kind('national_id.in', 'formed', IDENTITY, '[2-9]\\d{3}([ -:]?)\\d{4}\\1\\d{4}', verhoeff),
  kind('tax_id.au', 'weak', TAX, `\\d{3}${S}\\d{3}${S}\\d{2,3}`, standard('AU', 'tfn')),
  kind('tax_id.au', 'alone', TAX, '\\d{2} \\d{3} \\d{3} \\d{3}|\\d{11}', standard('AU', 'abn')),
  kind('tax_id.au', 'weak', TAX, '\\d{3} ?\\d{3} ?\\d{3}', standard('AU', 'acn')),
  kind('health_record.au', 'weak', HEALTH, '[2-6]\\d{3}[ -]?\\d{5}[ -]?\\d', australianMedicare),
  kind('health_record.us', 'weak', HEALTH, '[12]\\d{3}[ -]?\\d{3}[ -]?\\d{3}', (digits) => luhn(`80840${digits}`)),
  kind('national_id.ca', 'weak', IDENTITY | TOPIC.social, '\\d{3}[ -]?\\d{3}[ -]?\\d{3}', luhn),
  kind('national_id.br', 'alone', IDENTITY, '\\d{3}\\.\\d{3}\\.\\d{3}-\\d{2}|\\d{11}', standard('BR', 'cpf')),
  kind('tax_id.br', 'alone', TAX, '\\d{2}\\.\\d{3}\\.\\d{3}/\\d{4}-\\d{2}|\\d{14}', standard('BR', 'cnpj')),
  kind('national_id.kr', 'alone', IDENTITY, '\\d{6}-\\d{7}|\\d{13}', standard('KR', 'rrn')),
  kind('national_id.th', 'formed', IDENTITY, '[1-8]-\\d{4}-\\d{5}-\\d{2}-\\d|[1-8]\\d{12}', standard('TH', 'idnr')),
  kind('national_id.ch', 'strong', IDENTITY, '756\\.?\\d{4}\\.?\\d{4}\\.?\\d{2}', standard('CH', 'ssn')),
  kind('national_id.no', 'strong', IDENTITY, '\\d{6} ?\\d{5}', standard('NO', 'fodselsnummer')),
  kind('national_id.dk', 'weak', IDENTITY, '\\d{6}-?\\d{4}', standard('DK', 'cpr')),
  kind('national_id.ro', 'strong', IDENTITY, '[1-8]\\d{12}', standard('RO', 'cnp')),
  kind('national_id.tr', 'weak', IDENTITY, '[1-9]\\d{10}', standard('TR', 'tckimlik')),
  kind('national_id.cz', 'formed', IDENTITY, '\\d{6}/\\d{3,4}|\\d{10}', standard('CZ', 'rc')),
  kind('national_id.za', 'weak', IDENTITY, '\\d{13}', standard('ZA', 'idnr')),
]

/** Numbers with letters in them, tried at words. */
export const MIXED_KINDS: readonly IdentityKind[] = [
  kind('national_id.de', 'strong', IDENTITY, '\\d{2} ?[0-3]\\d[01]\\d\\d{2} ?[A-Z] ?\\d{3}', standard('DE', 'svnr')),
  kind('national_id.de', 'weak', IDENTITY, '(?=[A-Z]*\\d)[CFGHJKLMNPRTVWXYZ0-9]{9}\\d?'),
  kind('tax_id.de', 'strong', TAX, 'DE ?\\d{9}', (compact) => standard('DE', 'vat')(compact.slice(2))),
  kind('national_id.fr', 'strong', IDENTITY, '[1-8] ?\\d{2} ?\\d{2} ?2[AB] ?\\d{3} ?\\d{3} ?\\d{2}', standard('FR', 'nir')),
  kind('tax_id.fr', 'strong', TAX, 'FR ?\\d{2} ?\\d{3} ?\\d{3} ?\\d{3}', standard('FR', 'tva')),
  kind('national_id.es', 'strong', IDENTITY, '\\d{8}[- ]?[A-Z]|\\d{7}-[A-Z]', standard('ES', 'dni')),
  kind('national_id.es', 'strong', IDENTITY, '[XYZ][- ]?\\d{7}[- ]?[A-Z]', standard('ES', 'nie')),
  kind(
    'tax_id.es',
    'strong',
    TAX,
    '[KLM]-?\\d{7}-?[A-Z]|[A-HJNP-SUVW]-?\\d{7}-?[0-9A-J]',
    (compact) => standard('ES', 'nif')(compact) || standard('ES', 'cif')(compact),
  ),
  kind(
    'national_id.it',
    'strong',
    IDENTITY,
    '[A-Z]{3} ?[A-Z]{3} ?[0-9LMNP-V]{2}[A-EHLMPRST][0-9LMNP-V]{2} ?[A-Z][0-9LMNP-V]{3}[A-Z]',
    standard('IT', 'codicefiscale'),
  ),
  kind('national_id.it', 'weak', IDENTITY, '[A-Z]{2} ?\\d{7}|[A-Z]{2} ?\\d{5} ?[A-Z]{2}|\\d{7} ?[A-Z]{2}'),
  kind('tax_id.it', 'strong', TAX, 'IT ?\\d{11}', (compact) => standard('IT', 'iva')(compact.slice(2))),
  kind('tax_id.nl', 'strong', TAX, '(?:NL ?)?\\d{9}B\\d{2}', standard('NL', 'btw')),
  kind('tax_id.pl', 'strong', TAX, 'PL ?\\d{10}', (compact) => standard('PL', 'nip')(compact.slice(2))),
  kind('national_id.fi', 'strong', IDENTITY, '\\d{6}[-+A-FU-Y]\\d{3}[0-9A-Z]', (_compact, written) =>
    standard('FI', 'hetu')(written.toUpperCase()),
  ),
  kind('tax_id.fi', 'formed', TAX, 'FI ?\\d{8}', (compact) => standard('FI', 'alv')(compact.slice(2))),
  kind('tax_id.se', 'strong', TAX, 'SE ?\\d{10}01', (compact) => standard('SE', 'vat')(compact.slice(2))),
  kind(
    'national_id.pt',
    'strong',
    IDENTITY,
    '\\d{8} ?\\d ?[A-Z0-9]{2}\\d',
    (compact) => /[A-Z]/.test(compact) && standard('PT', 'cc')(compact),
  ),
  kind('tax_id.be', 'strong', TAX, 'BE ?[01]?\\d{3}[. ]?\\d{3}[. ]?\\d{3}', (compact) => standard('BE', 'vat')(compact.slice(2))),
  kind(
    'national_id.gb',
    'formed',
    IDENTITY,
    '[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z][ -]?\\d{2}[ -]?\\d{2}[ -]?\\d{2}[ -]?[A-D]',
    standard('GB', 'nino'),
  ),
  kind('tax_id.gb', 'formed', TAX, 'GB ?\\d{3} ?\\d{4} ?\\d{2}', (compact) => standard('GB', 'vat')(compact.slice(2))),
  kind('tax_id.in', 'strong', TAX | IDENTITY, '[A-Z]{3}[ABCFGHLJPT][A-Z]\\d{4}[A-Z]', standard('IN', 'pan')),
  kind('tax_id.in', 'strong', TAX, '\\d{2}[A-Z]{5}\\d{4}[A-Z][1-9A-Z]Z[0-9A-Z]', standard('IN', 'gstin')),
  kind('national_id.in', 'weak', IDENTITY, '[A-Z]{3}\\d{7}'),
  kind('national_id.sg', 'strong', IDENTITY, '[STFGM]\\d{7}[A-Z]', singaporean),
  kind('tax_id.sg', 'weak', TAX, '\\d{8,9}[A-Z]|[TSR]\\d{2}[A-Z]{2}\\d{4}[A-Z]', standard('SG', 'uen')),
  kind('national_id.ie', 'formed', IDENTITY, '\\d{7}[A-W][ABHTWX]?', standard('IE', 'pps')),
  kind(
    'health_record.us',
    'formed',
    HEALTH | PATIENT,
    '[1-9][AC-HJKMNP-RT-Y][0-9AC-HJKMNP-RT-Y]\\d-?[AC-HJKMNP-RT-Y][0-9AC-HJKMNP-RT-Y]\\d-?[AC-HJKMNP-RT-Y]{2}\\d{2}',
  ),
  kind('health_record.de', 'weak', HEALTH | PATIENT, '[A-Z]\\d{9}', kvnr),
]

/** Skatteverket: a date (its day plus 60 in coordination numbers) and Luhn over the last ten digits. */
function swedish(compact: string): boolean {
  const digits = compact.slice(-10)
  const month = Number(digits.slice(2, 4))
  const day = Number(digits.slice(4, 6)) % 60
  return month >= 1 && month <= 12 && day >= 1 && day <= 31 && luhn(digits)
}

function belgian(digits: string): boolean {
  return standard('BE', 'nn')(digits) || standard('BE', 'bis')(digits)
}

/** Immigration and Checkpoints Authority: weights 2 7 6 5 4 3 2, offset by the first letter. */
function singaporean(compact: string): boolean {
  const prefix = compact.charAt(0)
  let sum = prefix === 'T' || prefix === 'G' ? 4 : prefix === 'M' ? 3 : 0
  for (let at = 0; at < 7; at++) sum += (compact.charCodeAt(at + 1) - 0x30) * ([2, 7, 6, 5, 4, 3, 2][at] as number)
  const letters = prefix === 'S' || prefix === 'T' ? 'JZIHGFEDCBA' : prefix === 'M' ? 'XWUTRQPNJLK' : 'XWUTRQPNMLK'
  const rest = sum % 11
  return compact.endsWith(letters.charAt(prefix === 'M' ? 10 - rest : rest)) || compact.endsWith(letters.charAt(rest))
}

/** Services Australia: weights 1 3 7 9 1 3 7 9, modulo 10. */
function australianMedicare(digits: string): boolean {
  let sum = 0
  for (let at = 0; at < 8; at++) sum += (digits.charCodeAt(at) - 0x30) * ([1, 3, 7, 9, 1, 3, 7, 9][at] as number)
  return sum % 10 === digits.charCodeAt(8) - 0x30
}

/** German health insurance number (section 290 SGB V): the letter as two digits, weights 1 2, sums of digits, modulo 10. */
function kvnr(compact: string): boolean {
  const letter = compact.charCodeAt(0) - 0x40
  const digits = `${letter < 10 ? '0' : ''}${letter}${compact.slice(1, 9)}`
  let sum = 0
  for (let at = 0; at < digits.length; at++) {
    const product = Number(digits.charAt(at)) * (at % 2 === 0 ? 1 : 2)
    sum += product > 9 ? product - 9 : product
  }
  return sum % 10 === Number(compact.charAt(9))
}
