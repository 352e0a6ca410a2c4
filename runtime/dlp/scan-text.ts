import { TOPIC } from './context-words.ts'
import { detectAll } from './detectors/all.ts'
import { decodeRuns } from './layers/encoded.ts'
import { unescapeText } from './layers/escapes.ts'
import { fold } from './layers/fold.ts'
import { readTags } from './layers/tags.ts'
import { urlParts } from './layers/urls.ts'
import type { View } from './layers/view.ts'
import type { Meter } from './limits.ts'
import { isPseudonym } from './pseudonym.ts'
import type { Report, Subject } from './subject.ts'
import { type Survey, survey } from './survey.ts'

/** What is found in one string, in any layer, told in units of that string. */
export interface TextFinding {
  class: string
  start: number
  end: number
  /** Empty for the text as it stands, else what was undone, outermost first. */
  layers: readonly string[]
  confidence: number
}

export interface TextContext {
  topics: number
  countries: number
  keys: readonly string[]
}

export type CustomDetector = (subject: Subject, report: Report) => void

/** Layers within layers that are looked into. */
const ROUNDS = 3
/** Findings that detectors of one text can repeat. */
const RECENT = 16
/** Shorter texts hold nothing. */
const LENGTH_MIN = 4

/** Scans a string and every text that it encodes. */
export function scanText(text: string, context: TextContext, custom: CustomDetector | undefined, meter: Meter, view?: View): TextFinding[] {
  meter.spend(text.length)
  if (text.length < LENGTH_MIN) return NOTHING
  const surveyed = survey(text)
  if (custom === undefined && isBlank(surveyed, context)) return NOTHING
  const found: TextFinding[] = []
  look({ text, surveyed, layers: [], locate: (start, end) => [start, end], view }, context, custom, meter, found)
  return found
}

const NOTHING: TextFinding[] = []
/** Keys that make a value a secret, whatever it looks like. */
const SECRET_KEYS = TOPIC.password | TOPIC.secret | TOPIC.key | TOPIC.bearer

/** Nothing that any detector or decoder starts from: true of most strings. */
function isBlank(
  { foreign, escapes, ats, marks, numbers, tokens, context, wordRuns, spacedRuns }: Survey,
  { topics }: TextContext,
): boolean {
  if (foreign || escapes || ats.length > 0 || numbers.length > 0 || tokens.length > 0 || wordRuns.length > 0 || spacedRuns.length > 0)
    return false
  // Without a number or a token only a password has still to be looked for, or a key that ends where its header does.
  return context.length === 0 ? (topics & SECRET_KEYS) === 0 : marks.length === 0 && (topics & SECRET_KEYS) === 0 && !hasBegin(context)
}

function hasBegin(context: readonly number[]): boolean {
  for (let at = 2; at < context.length; at += 4) if (((context[at] as number) & TOPIC.begin) !== 0) return true
  return false
}

interface Look {
  text: string
  surveyed?: Survey
  layers: readonly string[]
  /** Span in the string that the caller sent. */
  locate(start: number, end: number): readonly [number, number]
  /** For a text whose parts are those of another: what is the same there was seen there. */
  view?: View | undefined
  /** For parts put together, which make numbers that nobody meant: only these classes count. */
  only?: ReadonlySet<string>
}

/** Classes whose form is so particular that parts do not give it by chance. */
export const JOINED_CLASSES: ReadonlySet<string> = new Set(['api_key', 'private_key', 'crypto_wallet', 'iban', 'seed_phrase', 'email'])
/** See `Report`. */
const UNMISTAKABLE = 0.9
/** What a decoder finds in noise has to be surer than that. */
const JOINED_CONFIDENCE_MIN = 0.9

function look(
  { text, surveyed: known, layers, locate, view, only }: Look,
  context: TextContext,
  custom: CustomDetector | undefined,
  meter: Meter,
  found: TextFinding[],
): void {
  if (text.length < LENGTH_MIN) return
  if (known === undefined) meter.spend(text.length)
  const surveyed = known ?? survey(text)
  const { topics: keyTopics, countries: keyCountries, keys } = context
  const subject: Subject = { text, survey: surveyed, keyTopics, keyCountries, keys, plain: layers.length === 0, meter }
  const report: Report = (name, from, to, confidence) => {
    if (only !== undefined && !(only.has(name) && confidence >= JOINED_CONFIDENCE_MIN)) return
    // What a checksum or an unmistakable form says is no pseudonym: nobody hides a card by writing `card_` before it.
    if (confidence < UNMISTAKABLE && layers.length === 0 && isPseudonym(name, text, from, to)) return
    const [start, end] = locate(from, to)
    // Seen already: by another detector a moment ago, or in a text that this one was made from.
    const oldest = layers.length > 0 ? 0 : Math.max(0, found.length - RECENT)
    meter.spend(found.length - oldest)
    for (let index = oldest; index < found.length; index++) {
      const other = found[index] as TextFinding
      if (other.class === name && other.start <= start && other.end >= end) return
    }
    meter.keep(found.length)
    found.push({ class: name, start, end, layers, confidence })
  }
  detectAll(subject, report)
  custom?.(subject, report)
  if (layers.length === ROUNDS) return

  const folded = surveyed.foreign ? fold(text) : undefined
  if (folded !== undefined) rewritten(folded)
  const tags = surveyed.foreign ? readTags(text) : undefined
  if (tags !== undefined) rewritten(tags)
  const unescaped = surveyed.escapes ? unescapeText(text) : undefined
  if (unescaped !== undefined) rewritten(unescaped)
  if (surveyed.tokens.length > 0 || surveyed.spacedRuns.length > 0 || surveyed.numbers.length > 0) {
    for (const { text: decoded, layer, start, end } of decodeRuns(text, surveyed, meter, view)) {
      const span = locate(start, end)
      look({ text: decoded, layers: [...layers, layer], locate: () => span }, context, custom, meter, found)
    }
  }
  if (surveyed.marks.length > 0 && layers.length < ROUNDS) {
    for (const { text: joined, start, end } of urlParts(text, surveyed)) {
      const span = locate(start, end)
      look({ text: joined, layers: [...layers, 'url'], locate: () => span, only: JOINED_CLASSES }, NO_CONTEXT, custom, meter, found)
    }
  }

  function rewritten(next: View): void {
    meter.spend(text.length)
    look(
      { text: next.text, layers: [...layers, next.layer], locate: (start, end) => locate(...next.source(start, end)), view: next },
      context,
      custom,
      meter,
      found,
    )
  }
}

const NO_CONTEXT: TextContext = { topics: 0, countries: 0, keys: [] }
