import { countrySpecs, isValidIBAN } from 'ibantools'
import { isAlphanumeric, isDigit } from '../characters.ts'
import { mod97 } from '../checksums.ts'
import type { Detector } from '../subject.ts'

/** Units that may stand between the characters of one IBAN. */
const SEPARATORS = new Set([...' -.\t\n\r/'].map((separator) => separator.charCodeAt(0)))
const GAP_MAX = 2
const STRIDE = 3
const LETTERS_GLUED_MAX = 5

/** IBANs (ISO 13616), upper or lower case, in groups or not: two letters of a country, two check digits, as many characters as that country uses. */
export const detectIban: Detector = ({ text, survey, meter }, report) => {
  const { numbers } = survey
  let done = 0
  for (let at = 0; at < numbers.length; at += STRIDE) {
    const wordStart = numbers[at] as number
    const wordEnd = numbers[at + 1] as number
    if (wordStart < done || (numbers[at + 2] as number) < 2) continue
    for (const start of startsIn(text, wordStart, wordEnd)) {
      const end = endOfIban(text, start)
      meter.spend(40)
      if (end === 0) continue
      const compact = text
        .slice(start, end)
        .replace(/[^0-9A-Za-z]/g, '')
        .toUpperCase()
      if (mod97(compact.slice(4) + compact.slice(0, 4)) !== 1) continue
      meter.spend(1000)
      if (!isValidIBAN(compact)) continue
      report('iban', start, end, 0.99)
      done = end
      break
    }
  }
}

/** The word's start, and where "IBANDE89..." has the country. */
function* startsIn(text: string, start: number, end: number): Generator<number> {
  for (let at = start; at <= start + LETTERS_GLUED_MAX && at + 4 <= end; at++) {
    if (isDigit(text.charCodeAt(at))) return
    if (isDigit(text.charCodeAt(at + 2)) && isDigit(text.charCodeAt(at + 3)) && !isDigit(text.charCodeAt(at + 1))) yield at
  }
}

/** @returns 0 when too few characters follow, or more than the country uses */
function endOfIban(text: string, start: number): number {
  const length = countrySpecs[text.slice(start, start + 2).toUpperCase()]?.chars
  if (length === undefined || length === null) return 0
  let at = start
  for (let seen = 0, gap = 0; seen < length; at++) {
    const code = text.charCodeAt(at)
    if (isAlphanumeric(code)) {
      seen++
      gap = 0
    } else if (!SEPARATORS.has(code) || ++gap > GAP_MAX) return 0
  }
  return isAlphanumeric(text.charCodeAt(at)) ? 0 : at
}
