import { RE2JS } from 're2js'
import { luhn, mod97, verhoeff } from './checksums.ts'
import type { Report, Subject } from './subject.ts'

export const CLASS_VALIDATORS = ['luhn', 'mod97', 'verhoeff'] as const
export type ClassValidator = (typeof CLASS_VALIDATORS)[number]

/** A data class that documents add to the built-in ones. */
export interface CustomClass {
  name: string
  /** RE2 syntax: no back-references and no look-around, so that matching is linear in the text. Without one, only a recognizer finds it. */
  pattern?: string | undefined
  /** Check of the digits (for mod97: digits and letters) that the pattern matched. */
  validator?: ClassValidator | undefined
  /** Words of which one has to stand within 64 units before or 24 after the match, or in a key that leads there. */
  context?: readonly string[] | undefined
}

export const PATTERN_LENGTH_MAX = 256
/** Instructions of the compiled pattern: each may be looked at for every unit of a text. */
const PROGRAM_SIZE_MAX = 2000
/** RE2 in JavaScript looks at a unit about this many times as long as the survey does. */
const UNITS_A_CHARACTER = 100
/** Trying a place that begins as a match would. */
const UNITS_A_TRY = 400
/** Longest match of a pattern with a literal beginning. */
const MATCH_MAX = 256

/** @returns why a pattern cannot be used, undefined when it can */
export function patternFault(pattern: string): string | undefined {
  if (pattern.length > PATTERN_LENGTH_MAX) return `is longer than ${PATTERN_LENGTH_MAX} characters`
  try {
    const compiled = RE2JS.compile(pattern)
    if (compiled.matcher('').find()) return 'matches the empty text'
    if (compiled.programSize() > PROGRAM_SIZE_MAX) return 'asks for too much: use smaller counts'
    return undefined
  } catch {
    return 'is not a regular expression of RE2 syntax (no back-references, no look-around)'
  }
}

/** Detects classes of documents, wherever a text has what their pattern starts with. */
export function customDetector(classes: readonly CustomClass[]): (subject: Subject, report: Report) => void {
  const compiled = classes.flatMap((declared) =>
    declared.pattern === undefined ? [] : [compile({ ...declared, pattern: declared.pattern })],
  )
  return (subject, report) => {
    for (const one of compiled) {
      for (const [start, end] of one.places(subject)) {
        if (isValid(subject.text.slice(start, end), one.validator) && one.isSpoken(subject, start, end)) {
          report(one.name, start, end, one.validator === undefined && one.context === undefined ? 0.6 : 0.9)
        }
      }
    }
  }
}

function compile(declared: CustomClass & { pattern: string }) {
  const fault = patternFault(declared.pattern)
  if (fault !== undefined) throw new Error(`the pattern of data class ${declared.name} ${fault}`)
  const { prefix, atWord } = startOf(declared.pattern)
  const words = declared.context?.map((word) => new RegExp(`(?<![\\p{L}\\d])${escapeWord(word)}(?![\\p{L}])`, 'iu'))
  const whole = RE2JS.compile(declared.pattern)
  const anchored = prefix === '' ? whole : RE2JS.compile(`^(?:${atWord ? declared.pattern.slice(2) : declared.pattern})`)
  return {
    ...declared,
    *places({ text, meter }: Subject): Generator<readonly [number, number]> {
      if (prefix === '') {
        meter.spend(text.length * UNITS_A_CHARACTER)
        const found = whole.matcher(text)
        while (found.find()) {
          meter.spend(UNITS_A_CHARACTER)
          yield [found.start(), found.end()]
        }
        return
      }
      // Native search first: most texts do not have the prefix at all.
      for (let at = text.indexOf(prefix); at !== -1; at = text.indexOf(prefix, at + 1)) {
        meter.spend(UNITS_A_TRY)
        if (atWord && /\w/.test(text.charAt(at - 1))) continue
        const found = anchored.matcher(text.slice(at, at + MATCH_MAX))
        if (!found.find()) continue
        yield [at, at + found.end()]
        at += Math.max(0, found.end() - prefix.length)
      }
    },
    isSpoken(subject: Subject, start: number, end: number): boolean {
      if (words === undefined || keySays(declared.context ?? [], subject)) return true
      const around = `${subject.text.slice(Math.max(0, start - 64), start)} ${subject.text.slice(end, end + 24)}`
      return words.some((word) => word.test(around))
    },
  }
}

function isValid(match: string, validator: ClassValidator | undefined): boolean {
  if (validator === undefined) return true
  if (validator === 'mod97') return mod97(match.replace(/[^0-9A-Za-z]/g, '').toUpperCase()) === 1
  const digits = match.replace(/\D/g, '')
  return digits !== '' && (validator === 'luhn' ? luhn(digits) : verhoeff(digits))
}

/** Characters that every match begins with, as far as the pattern shows it plainly, and whether they begin a word. */
function startOf(pattern: string): { prefix: string; atWord: boolean } {
  if (pattern.includes('|') || pattern.includes('(?')) return { prefix: '', atWord: false }
  const atWord = pattern.startsWith('\\b')
  const rest = atWord ? pattern.slice(2) : pattern
  const literal = /^[A-Za-z0-9_ :#/-]+/.exec(rest)?.[0] ?? ''
  // The last character may be optional.
  const prefix = /^[?*{+]/.test(rest.slice(literal.length)) ? literal.slice(0, -1) : literal
  return atWord && !/^\w/.test(prefix) ? { prefix: '', atWord: false } : { prefix, atWord }
}

function escapeWord(word: string): string {
  return word.replace(/[.*+?^${}()|[\]\\/-]/g, '\\$&')
}

function keySays(context: readonly string[], { keys }: Subject): boolean {
  return context.some((word) => keys.some((key) => key.toLowerCase().includes(word.toLowerCase())))
}
