import { isAlphanumeric, isDigit } from '../characters.ts'
import { countryBit, TOPIC } from '../context-words.ts'
import { type Context, contextAt, type Detector, type Report, type Subject } from '../subject.ts'
import type { Cluster } from './clusters.ts'
import { DIGIT_KINDS, type IdentityKind, MIXED_KINDS } from './identity-kinds.ts'

/** Longest number with its separators. */
const WRITTEN_MAX = 24
const VALIDATION_UNITS = 2000

/** National and tax numbers of digits alone, among the groups of a cluster that nobody has taken. */
export function detectDigitIdentities(subject: Subject, cluster: Cluster, report: Report): void {
  const { starts, ends, taken } = cluster
  for (let first = 0; first < starts.length; first++) {
    const start = starts[first] as number
    if (taken[first] || digitsAhead(cluster, first) < 8 || !isLeftEdge(subject.text, start)) continue
    subject.meter.spend(60)
    const end = longest(subject, DIGIT_KINDS, start, report)
    if (end === 0) continue
    let count = 1
    while (first + count < ends.length && (ends[first + count] as number) <= end) count++
    cluster.take(first, count)
    first += count - 1
  }
}

function digitsAhead({ starts, ends }: Cluster, first: number): number {
  let digits = 0
  for (let index = first; index < starts.length && index < first + 6; index++) digits += (ends[index] as number) - (starts[index] as number)
  return digits
}

const STRIDE = 3
const SPACE = 0x20
const DASH = 0x2d

/** National and tax numbers with letters in them, at words with digits. */
export const detectMixedIdentities: Detector = (subject, report) => {
  const { text, survey } = subject
  const { numbers } = survey
  let done = 0
  for (let at = 0; at < numbers.length; at += STRIDE) {
    const wordStart = numbers[at] as number
    const wordEnd = numbers[at + 1] as number
    if (wordStart < done || wordEnd - wordStart > WRITTEN_MAX) continue
    const start = startOf(text, wordStart, wordEnd)
    if (start === wordStart && !mayBeMixed(text, wordStart, wordEnd, numbers[at + 2] as number)) continue
    subject.meter.spend(60)
    done = Math.max(
      done,
      longest(subject, MIXED_KINDS, start, report) || (start === wordStart ? 0 : longest(subject, MIXED_KINDS, wordStart, report)),
    )
  }
}

/** Up to three letters before the first digits belong to them: "AB 12 34 56 C", "X-1234567-L". */
function startOf(text: string, wordStart: number, wordEnd: number): number {
  const gap = text.charCodeAt(wordStart - 1)
  if (gap !== SPACE && gap !== DASH) return wordStart
  if (wordEnd - wordStart < 6 && !isPairBeforePair(text, wordStart, wordEnd)) return wordStart
  let start = wordStart - 1
  while (start > 0 && wordStart - start <= 3 && isAlphanumeric(text.charCodeAt(start - 1)) && !isDigit(text.charCodeAt(start - 1))) start--
  return start < wordStart - 1 && isLeftEdge(text, start) ? start : wordStart
}

/** "12 34": the only short words that a number of several begins with. */
function isPairBeforePair(text: string, start: number, end: number): boolean {
  return end - start <= 2 && isJoint(text.charCodeAt(end)) && isDigit(text.charCodeAt(end + 1)) && isDigit(text.charCodeAt(end + 2))
}

function mayBeMixed(text: string, start: number, end: number, letters: number): boolean {
  if (!isLeftEdge(text, start)) return false
  const size = end - start
  const goesOn = isJoint(text.charCodeAt(end)) && isAlphanumeric(text.charCodeAt(end + 1))
  if (letters > 0) return size >= 8 || (size >= 4 && goesOn)
  return goesOn && (size >= 6 || isPairBeforePair(text, start, end)) && /[A-Za-z]/.test(text.slice(end, end + 14))
}

function isJoint(code: number): boolean {
  return code === DASH || code === SPACE || code === 0x2b
}

function isLeftEdge(text: string, start: number): boolean {
  const before = text.charCodeAt(start - 1)
  if (isAlphanumeric(before) || before === 0x5f) return false
  return !((before === DASH || before === 0x2e) && isAlphanumeric(text.charCodeAt(start - 2)))
}

/** Reports every kind that a place is valid for. @returns where the longest ends, 0 when there is none */
function longest(subject: Subject, kinds: readonly IdentityKind[], start: number, report: Report): number {
  let context: Context | undefined
  let end = 0
  for (const kind of kinds) {
    kind.form.lastIndex = start
    const written = kind.form.exec(subject.text)?.[0]
    if (written === undefined || written.length > WRITTEN_MAX) continue
    context ??= contextAt(subject, start, start + written.length)
    const spoken = isAbout(kind, context)
    if (!spoken && !standsAlone(kind, subject, written, context)) continue
    subject.meter.spend(VALIDATION_UNITS)
    if (!kind.valid(written.replace(/[^0-9A-Za-z]/g, '').toUpperCase(), written)) continue
    report(kind.name, start, start + written.length, spoken ? 0.95 : kind.strength === 'strong' ? 0.8 : 0.6)
    end = Math.max(end, start + written.length)
  }
  return end
}

/** Beside a word of one country, the numbers of others are not meant. */
function isAbout({ topics, country }: IdentityKind, context: Context): boolean {
  return (context.topics & topics) !== 0 && (context.countries === 0 || (context.countries & countryBit(country)) !== 0)
}

function standsAlone({ strength }: IdentityKind, { text }: Subject, written: string, { topics }: Context): boolean {
  const parted = /[^0-9A-Za-z]/.test(written)
  // Codes of programs are in lower case; what people are given is not.
  if (!parted && written.length < 12 && written !== written.toUpperCase()) return false
  if (strength === 'strong') return true
  if (strength === 'weak') return false
  if (parted) return true
  const lettered = /[A-Z]/.test(written)
  return lettered || (strength === 'alone' && (topics & (TOPIC.thing | TOPIC.phone)) === 0 && text.trim() === written)
}
