import { getCountries, getCountryCallingCode } from 'libphonenumber-js'
import { TOPIC } from '../context-words.ts'
import { distanceTo, type Report, type Subject } from '../subject.ts'
import type { Cluster } from './clusters.ts'

const CALLING_CODES = new Set<string>(getCountries().map((country) => getCountryCallingCode(country)))

/** Words about other numbers: the nearest word wins. */
const OTHERS =
  TOPIC.card |
  TOPIC.ssn |
  TOPIC.passport |
  TOPIC.licence |
  TOPIC.healthRecord |
  TOPIC.thing |
  TOPIC.tax |
  TOPIC.identity |
  TOPIC.icd |
  TOPIC.version
const GROUPS_MAX = 8
/** Between groups of one number. */
const JOINS = /^(?: ?[-./)] ?| |\) ?\(?|-\(| ?\(|\)-| \()$/
const DATE = /^(?:(?:19|20)\d\d[-./]\d{1,2}[-./]\d{1,2}|\d{1,2}[-./]\d{1,2}[-./](?:\d{2}|\d{4}))$/

/** Telephone numbers among the groups of a cluster that nobody has taken. */
export function detectPhones(subject: Subject, cluster: Cluster, report: Report): void {
  const { starts, taken } = cluster
  for (let first = 0; first < starts.length; ) {
    let last = first
    while (last + 1 < starts.length && !taken[last + 1] && !startsAnother(subject.text, cluster, last + 1)) last++
    if (!taken[first]) phonesWithin(subject, cluster, first, last, report)
    first = last + 1
  }
}

function startsAnother(text: string, cluster: Cluster, index: number): boolean {
  return text[(cluster.starts[index] as number) - 1] === '+' || !JOINS.test(cluster.gap(index))
}

/** Numbers of other kinds may stand before and after: a postal code, a date, the next number of a list. */
function phonesWithin(subject: Subject, cluster: Cluster, first: number, last: number, report: Report): void {
  for (let from = first; from <= last; from++) {
    const furthest = Math.min(last, from + GROUPS_MAX - 1)
    for (let to = furthest; to >= from; to--) {
      subject.meter.spend(10)
      // What a dash or a dot joins is one number, whatever it is.
      if ((from > first && !isParted(cluster, from)) || (to < last && !isParted(cluster, to + 1))) continue
      const confidence = phoneConfidence(subject, cluster, from, to, from === first, to === last)
      if (confidence === 0) continue
      reportPhone(subject, cluster, from, to, confidence, report)
      from = to
      break
    }
  }
}

function isParted(cluster: Cluster, index: number): boolean {
  return /[ /+(]/.test(cluster.gap(index))
}

function reportPhone({ text }: Subject, cluster: Cluster, first: number, last: number, confidence: number, report: Report): void {
  let start = cluster.starts[first] as number
  if (text[start - 1] === '(') start--
  if (text[start - 1] === '+') start--
  let end = cluster.extended[last] as number
  const extension = /^,? ?(?:ext\.?|extension|durchwahl) ?\d{1,6}/i.exec(text.slice(end, end + 20))
  if (extension !== null) end += extension[0].length
  report('phone', start, end, confidence)
  cluster.take(first, last - first + 1)
}

/** `begins`, `ends`: no other digits stand before it or after it. 0: no telephone number. */
function phoneConfidence(subject: Subject, cluster: Cluster, first: number, last: number, begins: boolean, ends: boolean): number {
  const { text } = subject
  const alone = begins && ends
  const count = last - first + 1
  const digits = cluster.digits(first, count)
  const total = digits.length
  if (total < 6 || total > 17) return 0
  const start = cluster.starts[first] as number
  const end = cluster.ends[last] as number
  if (isGlued(text, start, end)) return 0
  if (DATE.test(text.slice(start, end)) || /^(\d)\1+$/.test(digits)) return 0
  const spoken = speaksOfPhones(subject, start, cluster.extended[last] as number, total)
  if (text[start - 1] === '+' || (text[start - 1] === '(' && text[start - 2] === '+')) {
    return total >= 8 && total <= 15 && isCallingCode(digits) ? 0.9 : spoken && total <= 15 ? 0.7 : 0
  }
  if (begins && digits.startsWith('00') && digits[2] !== '0' && total >= 10 && isCallingCode(digits.slice(2)) && (count > 1 || spoken))
    return 0.85
  if (total > 15) return 0
  const initial = (cluster.ends[first] as number) - start
  if (/^1?\d{10}$/.test(digits) && isNorthAmerican(cluster, last - 2, last) && (count === 3 || (count === 4 && initial === 1)))
    return spoken ? 0.9 : 0.75
  if (text[start - 1] === '(' && text[start + initial] === ')' && count > 1) {
    const year = initial === 4 && /^(?:19|20)/.test(digits)
    if (initial >= 2 && initial <= 5 && total >= 8 && total <= 12 && !(year && !spoken)) return spoken ? 0.85 : 0.7
  }
  if (digits.startsWith('0') && initial >= 2 && initial <= 5 && count > 1 && total >= 9 && total <= 12) {
    const indistinct = !alone || (count === 3 && total === 9 && initial === 3)
    if (spoken || !indistinct) return spoken ? 0.85 : 0.6
  }
  if (spoken && alone && total <= 13 && (count > 1 || total >= 7)) return 0.75
  return 0
}

/** 3-3-4 with separators as North America writes them; with spaces alone the numbering plan has to fit (NANPA: neither part starts with 0 or 1). */
function isNorthAmerican(cluster: Cluster, first: number, last: number): boolean {
  if (first < 0 || last - first !== 2) return false
  const sizes = [first, first + 1, last].map((index) => (cluster.ends[index] as number) - (cluster.starts[index] as number))
  if (sizes[0] !== 3 || sizes[1] !== 3 || sizes[2] !== 4 || [first, first + 1, last].some((index) => cluster.taken[index])) return false
  const gaps = cluster.gap(first + 1) + cluster.gap(last)
  return gaps === '  ' ? /^[2-9]\d\d[2-9]/.test(cluster.digits(first, 2)) : /^(?:\) ?|[-. ])[-. ]$/.test(gaps)
}

/** The shorter the number, the closer its word has to be. */
function speaksOfPhones(subject: Subject, start: number, end: number, digits: number): boolean {
  const distance = distanceTo(subject, TOPIC.phone, start, end, digits < 7 ? 6 : 36, 8)
  return distance !== Number.POSITIVE_INFINITY && distance <= distanceTo(subject, OTHERS, start, end, 36, 0)
}

function isCallingCode(digits: string): boolean {
  return [1, 2, 3].some((places) => CALLING_CODES.has(digits.slice(0, places)))
}

/** Part of a decimal number, of a code or of a longer word. */
function isGlued(text: string, start: number, end: number): boolean {
  const before = text[start - 1] ?? ''
  const after = text[end] ?? ''
  return (
    /[\p{L}_$€£#]/u.test(before) ||
    (/[.,]/.test(before) && /\d/.test(text[start - 2] ?? '')) ||
    /[\p{L}_%]/u.test(after.replace(/[xX]/, '')) ||
    (/[-/]/.test(before) && /[\p{L}\d]/u.test(text[start - 2] ?? ''))
  )
}
