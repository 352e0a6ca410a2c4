import { AT, DIGIT, ESCAPE, JOINT, KIND, KNOWN, LETTER, LOWER, MARK, SEPARATOR, UPPER } from './characters.ts'
import { countriesOf, FIRST_HASH, slotOf, topicsOf } from './context-words.ts'

/**
 * What one pass over a text sees that a detector could want. Detectors start from these places and never search the
 * text by themselves: that keeps the whole scan linear, and texts with nothing in them cheap.
 */
export interface Survey {
  /** Any unit beyond ASCII. */
  foreign: boolean
  /** Any of `%`, `&`, `\`. */
  escapes: boolean
  /** Positions of `@`. */
  ats: number[]
  /** Positions of `=` and `:`. */
  marks: number[]
  /** Words that have digits: start, end, number of letters; three entries each. */
  numbers: number[]
  /** Runs of at least `TOKEN_MIN` units of letters, digits and `+/_-`, with a digit or an upper-case letter: start, end. */
  tokens: number[]
  /** Context words: start, end, topics, countries. */
  context: number[]
  /** Runs of at least 12 words of three to eight letters: start, end. */
  wordRuns: number[]
  /** Runs of at least 12 words of one unit: start, end. */
  spacedRuns: number[]
}

export const TOKEN_MIN = 12
const PHRASE_MIN = 12
const WHOLE_WORD_MAX = 40
const DIGIT_SIGN = 1
const UPPER_SIGN = 2

/** Lists that nothing was added to are this one, as most strings of a call have nothing in them. */
const NONE: number[] = []

export function survey(text: string): Survey {
  return new Pass(text).run()
}

class Pass implements Survey {
  foreign = false
  escapes = false
  ats = NONE
  marks = NONE
  numbers = NONE
  tokens = NONE
  context = NONE
  wordRuns = NONE
  spacedRuns = NONE
  readonly #text: string
  // Of the token so far: where it began, or -1, and the signs in it.
  #token = -1
  #signs = 0
  // Of the run of words of a phrase so far, and of the run of single units.
  #phrase = 0
  #phraseStart = 0
  #phraseEnd = 0
  #singles = 0
  #singlesStart = 0
  #singlesEnd = 0

  constructor(text: string) {
    this.#text = text
  }

  run(): this {
    const text = this.#text
    const { length } = text
    for (let at = 0; at < length; ) {
      const code = text.charCodeAt(at)
      const kind = code < KNOWN ? (KIND[code] as number) : SEPARATOR
      if (kind >= DIGIT && kind <= UPPER) {
        if (this.#token < 0) this.#token = at
        at = this.#word(at)
        continue
      }
      if (code > 0x7f) this.foreign = true
      if (kind === JOINT) {
        if (this.#token < 0) this.#token = at
      } else {
        if (this.#token >= 0) this.#endToken(at)
        if (kind >= AT) this.#sign(kind, at)
      }
      at++
    }
    if (this.#token >= 0) this.#endToken(length)
    this.#endPhrase()
    this.#endSingles()
    return this
  }

  /** @returns where the word ends */
  #word(start: number): number {
    const text = this.#text
    const { length } = text
    let hash = FIRST_HASH
    let part = start
    let parted = false
    let digits = 0
    let signs = 0
    let before = SEPARATOR
    let at = start
    for (; at < length; at++) {
      const code = text.charCodeAt(at)
      // Small letters are most of most texts.
      if (code >= 0x61 && code <= 0x7a) {
        if (before === DIGIT) {
          part = at
          parted = true
        }
        hash = (Math.imul(hash, 31) + code) | 0
        before = LOWER
        continue
      }
      const kind = code < KNOWN ? (KIND[code] as number) : SEPARATOR
      if (kind === DIGIT) {
        if (before === LOWER || before === UPPER) this.#note(hash, part, at)
        hash = FIRST_HASH
        digits++
        signs |= DIGIT_SIGN
      } else if (kind === UPPER || kind === LOWER) {
        if (code > 0x7f) this.foreign = true
        if (kind === UPPER) signs |= UPPER_SIGN
        if (before === DIGIT || (before === LOWER && kind === UPPER)) {
          // `cardNumber` and `mrn2` are looked up part by part.
          if (before === LOWER) this.#note(hash, part, at)
          hash = FIRST_HASH
          part = at
          parted = true
        }
        hash = (Math.imul(hash, 31) + (LETTER[code] as number)) | 0
      } else break
      before = kind
    }
    if (before !== DIGIT) this.#note(hash, part, at)
    // `IdNr` and `PassPort` are one word as well.
    if (parted && digits === 0 && at - start <= WHOLE_WORD_MAX) this.#note(hashOf(text, start, at), start, at)
    this.#signs |= signs
    this.#count(start, at, digits)
    return at
  }

  /** Takes a word into the lists and runs it belongs to. */
  #count(start: number, end: number, digits: number): void {
    const size = end - start
    if (digits > 0) {
      if (this.numbers === NONE) this.numbers = []
      this.numbers.push(start, end, size - digits)
    }
    // Numbers of a list ("1. abandon 2. ability") stand between the words of a phrase and do not end it.
    if (digits === 0 && size >= 3 && size <= 8) {
      if (this.#phrase++ === 0) this.#phraseStart = start
      this.#phraseEnd = end
    } else if (this.#phrase > 0 && (digits < size || size > 2)) this.#endPhrase()
    if (size === 1) {
      if (this.#singles++ === 0) this.#singlesStart = start
      this.#singlesEnd = end
    } else if (this.#singles > 0) this.#endSingles()
  }

  #endPhrase(): void {
    if (this.#phrase >= PHRASE_MIN) {
      if (this.wordRuns === NONE) this.wordRuns = []
      this.wordRuns.push(this.#phraseStart, this.#phraseEnd)
    }
    this.#phrase = 0
  }

  #endSingles(): void {
    if (this.#singles >= PHRASE_MIN) {
      if (this.spacedRuns === NONE) this.spacedRuns = []
      this.spacedRuns.push(this.#singlesStart, this.#singlesEnd)
    }
    this.#singles = 0
  }

  #endToken(end: number): void {
    if (end - this.#token >= TOKEN_MIN && this.#signs !== 0) {
      if (this.tokens === NONE) this.tokens = []
      this.tokens.push(this.#token, end)
    }
    this.#token = -1
    this.#signs = 0
  }

  #sign(kind: number, at: number): void {
    if (kind === MARK) {
      if (this.marks === NONE) this.marks = []
      this.marks.push(at)
    } else if (kind === AT) {
      if (this.ats === NONE) this.ats = []
      this.ats.push(at)
    } else if (kind === ESCAPE) this.escapes = true
  }

  #note(hash: number, start: number, end: number): void {
    const slot = slotOf(hash)
    if (slot < 0) return
    if (this.context === NONE) this.context = []
    this.context.push(start, end, topicsOf(slot), countriesOf(slot))
  }
}

function hashOf(text: string, start: number, end: number): number {
  let hash = FIRST_HASH
  for (let at = start; at < end; at++) hash = (Math.imul(hash, 31) + (LETTER[text.charCodeAt(at)] as number)) | 0
  return hash
}
