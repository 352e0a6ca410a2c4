import type { Meter } from './limits.ts'
import type { Survey } from './survey.ts'

/** A text that is looked at, plain or decoded, with what is known of the place it came from. */
export interface Subject {
  text: string
  survey: Survey
  /** Topics and countries of the keys that lead to it: `{"passport": "..."}` says what the value is. */
  keyTopics: number
  keyCountries: number
  /** The keys themselves, nearest last. */
  keys: readonly string[]
  /** False where an encoding was undone: somebody hid it, so weaker signs are enough. */
  plain: boolean
  meter: Meter
}

/** @param confidence from 0 to 1: 0.9 and more where a checksum or an unmistakable form says so, 0.5 where only the words around it do */
export type Report = (name: string, start: number, end: number, confidence: number) => void

/** Looks for one kind of data. Its work is linear in the text, or charged to the meter. */
export type Detector = (subject: Subject, report: Report) => void

export interface Context {
  topics: number
  countries: number
}

const STRIDE = 4

/** What the keys and the words near a place are about. `before` and `after` are distances in units. */
export function contextAt({ survey, keyTopics, keyCountries }: Subject, start: number, end: number, before = 64, after = 24): Context {
  const { context } = survey
  let topics = keyTopics
  let countries = keyCountries
  for (let at = firstEndingAfter(context, start - before); at < context.length; at += STRIDE) {
    if ((context[at] as number) > end + after) break
    topics |= context[at + 2] as number
    countries |= context[at + 3] as number
  }
  return { topics, countries }
}

/**
 * Distance from a place to the nearest word about one of `topics`: before it, or at most `after` units behind it.
 * 0 when a key says so, Infinity when none is within `before`.
 */
export function distanceTo(
  { survey, keyTopics }: Subject,
  topics: number,
  start: number,
  end: number,
  before: number,
  after: number,
): number {
  if ((keyTopics & topics) !== 0) return 0
  const { context } = survey
  let nearest = Number.POSITIVE_INFINITY
  for (let at = firstEndingAfter(context, start - before); at < context.length; at += STRIDE) {
    const wordStart = context[at] as number
    if (wordStart > end + after) break
    if (((context[at + 2] as number) & topics) === 0) continue
    const distance = wordStart >= end ? wordStart - end : start - (context[at + 1] as number)
    if (distance < nearest) nearest = Math.max(0, distance)
  }
  return nearest
}

/** Index of the first word that ends at or after `position`, by bisection. */
function firstEndingAfter(context: readonly number[], position: number): number {
  let low = 0
  let high = context.length / STRIDE
  while (low < high) {
    const middle = (low + high) >> 1
    if ((context[middle * STRIDE + 1] as number) < position) low = middle + 1
    else high = middle
  }
  return low * STRIDE
}
