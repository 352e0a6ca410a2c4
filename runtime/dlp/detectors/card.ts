import { ean13, luhn } from '../checksums.ts'
import { TOPIC } from '../context-words.ts'
import { contextAt, type Report, type Subject } from '../subject.ts'
import type { Cluster } from './clusters.ts'

/** Groupings that cards are written in, the likeliest first. */
const SHAPES = ['4444', '44443', '44442', '44441', '4443', '465', '464', '445', '444', '88', '613', '69'].map((shape) => {
  return shape === '613' ? [6, 13] : [...shape].map(Number)
})

/** Between the groups of a card. */
const GAP = /^[ .\-/\t]{1,3}$/

/** Payment cards at `first` of a cluster. @returns the number of groups taken */
export function cardAt(subject: Subject, cluster: Cluster, first: number, report: Report): number {
  const whole = cluster.starts.length
  const size = sizeOf(cluster, first)
  if (size >= 12) return size <= 19 && judge(subject, cluster, first, 1, report) ? 1 : 0
  // A longer shape may take in what follows the card, such as its expiry.
  for (const sizes of SHAPES) {
    if (fits(cluster, first, sizes) && judge(subject, cluster, first, sizes.length, report)) return sizes.length
  }
  // Cut up in another way: only when the digits are alone, as any table of numbers has such a run somewhere.
  if (first !== 0 || whole < 3 || whole > 19 || !uniform(cluster, whole)) return 0
  const digits = cluster.digits(0, whole)
  return digits.length >= 13 && digits.length <= 19 && hasBrand(digits) && judge(subject, cluster, 0, whole, report) ? whole : 0
}

/** A card with letters at it, "PAN4111111111111111": only known ranges, as the letters may be part of a longer code. */
export function isGluedCard(digits: string): boolean {
  return hasBrand(digits) && luhn(digits)
}

function judge(subject: Subject, cluster: Cluster, first: number, count: number, report: Report): boolean {
  const digits = cluster.digits(first, count)
  if (digits.length < 12 || digits.length > 19 || !luhn(digits) || /^(\d)\1+$/.test(digits)) return false
  const start = cluster.starts[first] as number
  const end = cluster.ends[first + count - 1] as number
  if (isPartOfCode(subject.text, start, end)) return false
  if (!hasBrand(digits) || ean13(digits)) {
    const { topics } = contextAt(subject, start, end, 48, 16)
    if ((topics & TOPIC.card) === 0) return false
  }
  report('card', start, end, hasBrand(digits) ? 0.95 : 0.7)
  cluster.take(first, count)
  return true
}

/** Ranges of issuers and the lengths they use (ISO/IEC 7812-1; the networks' own publications). */
export function hasBrand(digits: string): boolean {
  const { length } = digits
  const [one, two, three, four] = [1, 2, 3, 4].map((places) => Number(digits.slice(0, places))) as [number, number, number, number]
  if (one === 4) return length === 16 || length === 13 || length === 19
  if ((two >= 51 && two <= 55) || (four >= 2221 && four <= 2720) || (four >= 2200 && four <= 2204)) return length === 16
  if (two === 34 || two === 37) return length === 15
  if ((three >= 300 && three <= 305) || three === 309 || two === 36 || two === 38 || two === 39) return length === 14 || length === 16
  if (four === 2131 || four === 1800) return length === 15
  if (four >= 3528 && four <= 3589) return length >= 16
  if (four === 6011 || (three >= 644 && three <= 649) || two === 65 || two === 62 || two === 60 || two === 81 || two === 82)
    return length >= 16
  if (three === 508 || four === 9792 || four === 5019 || four === 4571) return length === 16
  return [5018, 5020, 5038, 5612, 5893, 6304, 6759, 6761, 6762, 6763, 604, 6390].includes(four) && length >= 12
}

function fits(cluster: Cluster, first: number, sizes: readonly number[]): boolean {
  if (first + sizes.length > cluster.starts.length) return false
  for (let index = 0; index < sizes.length; index++) {
    if (sizeOf(cluster, first + index) !== sizes[index]) return false
    if (index > 0 && !GAP.test(cluster.gap(first + index))) return false
  }
  return true
}

function uniform(cluster: Cluster, count: number): boolean {
  const gap = cluster.gap(1)
  if (gap.includes('+') || gap.includes('(')) return false
  for (let index = 0; index < count; index++) {
    if (sizeOf(cluster, index) > 6 || (index > 0 && cluster.gap(index) !== gap)) return false
  }
  return true
}

function sizeOf({ starts, ends }: Cluster, index: number): number {
  return (ends[index] as number) - (starts[index] as number)
}

/** `...-a716-446655440000`: groups of a UUID or another hexadecimal code; `+49...` and `0.4111...` are other numbers. */
function isPartOfCode(text: string, start: number, end: number): boolean {
  if (
    text[start - 1] === '+' ||
    (text[start - 1] === '.' && /\d/.test(text[start - 2] ?? '')) ||
    (text[end] === '.' && /\d/.test(text[end + 1] ?? ''))
  )
    return true
  const before = text.slice(Math.max(0, start - 6), start)
  const after = text.slice(end, end + 6)
  return (
    /[0-9a-f]*\d[0-9a-f]*[a-f][0-9a-f]*-$|[0-9a-f]*[a-f][0-9a-f]*\d[0-9a-f]*-$/i.test(before) ||
    /^-(?=[0-9a-f]{4})(?=[0-9a-f]*[a-f])(?=[0-9a-f]*\d)/i.test(after)
  )
}
