import { isAlphanumeric } from '../characters.ts'
import { TOPIC } from '../context-words.ts'
import { contextAt, type Detector, distanceTo, type Subject } from '../subject.ts'

const STRIDE = 3
const { passport, licence, driver, healthRecord, patient, idMarker, diagnosis, icd } = TOPIC
const ANY = passport | licence | healthRecord | patient | diagnosis | icd
/** Words about other numbers: the nearest word wins. */
const OTHERS = TOPIC.phone | TOPIC.card | TOPIC.ssn | TOPIC.tax | TOPIC.thing | TOPIC.ip
/** How far before a number a word may stand. */
const REACH = 40
/** And how far behind it: "Z01234567 passport". */
const AFTER = 12

/**
 * Passports, driving licences, health record numbers and ICD codes: their forms say little, the words beside them all.
 */
export const detectDocuments: Detector = (subject, report) => {
  const { survey, text, keyTopics, meter } = subject
  if ((keyTopics & ANY) === 0 && !survey.context.some((topics, at) => at % 4 === 2 && (topics & ANY) !== 0)) return
  const { numbers } = survey
  let lastCode = Number.NEGATIVE_INFINITY
  for (let at = 0; at < numbers.length; at += STRIDE) {
    const wordStart = numbers[at] as number
    meter.spend(10)
    const { topics } = contextAt(subject, wordStart, numbers[at + 1] as number, REACH + 24, AFTER)
    if ((topics & ANY) === 0 && wordStart - lastCode > 24) continue
    const end = codeEnd(text, wordStart)
    const code = text.slice(wordStart, end)
    if ((topics & (diagnosis | icd)) !== 0 || wordStart - lastCode <= 24) {
      if (isIcd(subject, code, wordStart, wordStart - lastCode <= 24)) {
        lastCode = end
        report('icd_code', wordStart, end, 0.8)
        continue
      }
    }
    let start = withPrefix(text, wordStart)
    const last = endOfNumber(text, start, numbers[at + 1] as number)
    let kind = documentKind(subject, text.slice(start, last), start, last)
    if (kind === undefined && start < wordStart) {
      start = wordStart
      kind = documentKind(subject, text.slice(start, last), start, last)
    }
    if (kind === undefined) continue
    report(kind, start, last, 0.7)
    while (at + STRIDE < numbers.length && (numbers[at + STRIDE] as number) < last) at += STRIDE
  }
}

function documentKind(subject: Subject, written: string, start: number, end: number): string | undefined {
  const compact = written.replace(/[^0-9A-Za-z]/g, '')
  const digits = compact.replace(/\D/g, '').length
  if (digits < 4 || compact.length > 18 || isDate(written)) return undefined
  const other = distanceTo(subject, OTHERS, start, end, REACH, 0)
  const near = (topics: number) => {
    const distance = distanceTo(subject, topics, start, end, REACH, AFTER)
    return distance <= other && distance !== Number.POSITIVE_INFINITY ? distance : Number.POSITIVE_INFINITY
  }
  const marked = near(idMarker) !== Number.POSITIVE_INFINITY
  const candidates: [string, number][] = []
  if (compact.length >= 6 && compact.length <= 10 && digits >= 4) candidates.push(['passport', near(passport)])
  if (compact.length >= 5) candidates.push(['driver_licence', Math.max(near(licence), near(driver))])
  if (compact.length >= 5 && compact.length <= 14)
    candidates.push(['health_record', near(healthRecord)], ['health_record', marked ? near(patient) : Number.POSITIVE_INFINITY])
  candidates.sort((a, b) => a[1] - b[1])
  const [best] = candidates
  return best !== undefined && best[1] !== Number.POSITIVE_INFINITY ? best[0] : undefined
}

/** Up to three letters before the digits, as in "AB 1234567". */
function withPrefix(text: string, wordStart: number): number {
  const prefix = /(?<![0-9A-Za-z])[A-Z]{1,3}[ -]?$/.exec(text.slice(Math.max(0, wordStart - 5), wordStart))
  return prefix === null || /^(?:ID|NO|NR|MRN|NHS|DL|IS|DX|ICD|PID|CHI|IHI|NPI|MBI|EHR|EMR)[ -]?$/.test(prefix[0])
    ? wordStart
    : wordStart - prefix[0].length
}

/** A number goes on over single spaces and dashes while groups with digits follow. */
function endOfNumber(text: string, start: number, wordEnd: number): number {
  const rest = /^[0-9A-Za-z]+(?:[ -](?=[A-Z]*\d)[0-9A-Z]{1,8}(?![0-9A-Za-z.]))*/.exec(text.slice(start, start + 24))
  return rest === null ? wordEnd : Math.max(wordEnd, start + rest[0].length)
}

function isDate(written: string): boolean {
  return /^(?:\d{1,2}[-./ ]\d{1,2}[-./ ]\d{2,4}|(?:19|20)\d\d(?:[-./ ]\d{1,2}){0,2}|\d{1,2}[-./ ]\d{1,2})$/.test(written)
}

/** ICD-10 and ICD-10-CM: a letter, a digit, a digit or letter, and up to four after a dot. */
function isIcd(subject: Subject, code: string, start: number, listed: boolean): boolean {
  if (!/^[A-TV-Za-tv-z]\d[0-9AaBb](?:\.[0-9A-Za-z]{1,4})?$/.test(code)) return false
  if (code.includes('.') || listed) return true
  // "B12" and "A4" are other things as well: a code without a dot needs its word close by.
  return (
    distanceTo(subject, icd, start, start + code.length, REACH, 8) !== Number.POSITIVE_INFINITY ||
    distanceTo(subject, diagnosis, start, start, 14, 0) <= 14
  )
}

function codeEnd(text: string, start: number): number {
  let end = start
  while (
    end < text.length &&
    end - start < 9 &&
    (isAlphanumeric(text.charCodeAt(end)) || (text.charCodeAt(end) === 0x2e && isAlphanumeric(text.charCodeAt(end + 1))))
  )
    end++
  return end
}
