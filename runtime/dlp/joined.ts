import { luhn } from './checksums.ts'
import { hasBrand } from './detectors/card.ts'
import type { View } from './layers/view.ts'
import type { Meter } from './limits.ts'
import { pieceAt } from './piece-at.ts'
import { type CustomDetector, JOINED_CLASSES, scanText, type TextFinding } from './scan-text.ts'

/** A string or whole number of the value. */
export interface Piece {
  text: string
  path: string
  /** Which object or array holds it. */
  parent: number
  /** Undefined in an array. */
  key: string | undefined
  isNumber: boolean
}

export interface JoinedFinding {
  class: string
  /** Of the first piece. */
  path: string
  span: readonly [number, number]
  confidence: number
  layers: readonly string[]
}

const EDGE = 96
const SHORT = 24
const NOTHING = { topics: 0, countries: 0, keys: [] }

/**
 * What only shows when strings are put together: a secret cut in two and sent in two fields, a card number as a list of groups.
 * `found`: classes and places of what single strings hold, which is not told again.
 */
export function scanJoined(
  pieces: readonly Piece[],
  isFound: (path: string, name: string) => boolean,
  custom: CustomDetector | undefined,
  meter: Meter,
): JoinedFinding[] {
  if (pieces.length < 2) return []
  const strings = pieces.filter(({ isNumber }) => !isNumber)
  return [
    ...inConcatenation(strings, '', isFound, custom, meter),
    ...inConcatenation(phraseParts(strings), ' ', isFound, custom, meter),
    ...inWindows(strings, isFound, custom, meter),
    ...cardsInDigits(pieces, meter),
  ]
}

function inConcatenation(
  pieces: readonly Piece[],
  glue: string,
  isFound: (path: string, name: string) => boolean,
  custom: CustomDetector | undefined,
  meter: Meter,
): JoinedFinding[] {
  if (pieces.length < 2) return []
  let text = ''
  const starts: number[] = []
  for (const piece of pieces) {
    starts.push(text.length)
    text += (glue === '' ? edges(piece.text) : piece.text) + glue
  }
  // What stands in one piece was decoded there.
  const view: View = {
    text,
    layer: 'joined',
    exact: false,
    source: (start, end) => [start, end],
    unchanged: (start, end) => pieceAt(starts, start) === pieceAt(starts, end - 1),
  }
  return scanText(text, NOTHING, custom, meter, view).flatMap((finding) => {
    const first = pieceAt(starts, finding.start)
    const last = pieceAt(starts, finding.end - 1)
    if (first === last || !counts(finding)) return []
    for (let index = first; index <= last; index++) if (isFound((pieces[index] as Piece).path, finding.class)) return []
    return [told(pieces[first] as Piece, finding)]
  })
}

/** The words at the two ends of a string: only they can be part of something that goes on in the next one. */
function edges(text: string): string {
  if (text.length <= SHORT) return text
  const head = text.slice(0, EDGE)
  const tail = text.slice(-EDGE)
  const first = head.search(/\s/)
  let last = tail.length
  while (last > 0 && !/\s/.test(tail.charAt(last - 1))) last--
  return first === -1 && text.length <= EDGE ? text : `${first === -1 ? head : head.slice(0, first)}\n${tail.slice(last)}`
}

/** Decoded text has no meaning by chance; what stands there as it is has to be of a particular form. */
function counts({ class: name, layers, confidence }: TextFinding): boolean {
  return layers.length > 0 ? confidence >= 0.6 : JOINED_CLASSES.has(name) && confidence >= 0.9
}

function told({ path, text }: Piece, { class: name, confidence, layers }: TextFinding): JoinedFinding {
  return { class: name, path, span: [0, text.length], confidence, layers: ['joined', ...layers] }
}

/** Twelve words of three letters. */
const PHRASE_UNITS_MIN = 36

/** Pieces that are words of a phrase and nothing else. */
function phraseParts(pieces: readonly Piece[]): Piece[] {
  if (pieces.reduce((units, { text }) => units + text.length, 0) < PHRASE_UNITS_MIN) return []
  const parts = pieces.filter(({ text }) => text.length <= 256 && /^[A-Za-z]{3,8}(?:[ ,\n]+[A-Za-z]{3,8})*$/.test(text.trim()))
  return parts.length >= 2 && parts.reduce((words, { text }) => words + text.trim().split(/[ ,\n]+/).length, 0) >= 12 ? parts : []
}

const WINDOW_PIECES_MAX = 6
const WINDOW_UNITS_MAX = 200
const HEAD = 4
/** How something begins that is worth a look: a published prefix, a country and check digits, an address of a wallet. */
const PROMISING =
  /^(?:A(?:KI|SI|BI|CC|RO|ID|3T|C[0-9a-f])|gh[pousr]_|gith|gl[a-z]|xox|xapp|[sr]k[_-]|SK[0-9a-f]|SG\.|whse|AIza|ya29|GOCS|hf_|gsk_|npm_|pypi|dckr|shp|do[opr]_|hv[sbr]|eyJ|(?=[A-Za-z]{0,3}\d)[135KLc9T][1-9A-HJ-NP-Za-km-z]{3}|[xt]prv|bc1|0x|[A-Za-z]{2}\d{2})/

/**
 * Neighbours put together and looked at by themselves: in the concatenation of all, the strings before and after hide where the
 * parts of a secret begin and end.
 */
function inWindows(
  pieces: readonly Piece[],
  isFound: (path: string, name: string) => boolean,
  custom: CustomDetector | undefined,
  meter: Meter,
): JoinedFinding[] {
  const found: JoinedFinding[] = []
  for (let first = 0; first + 1 < pieces.length; first++) {
    let text = (pieces[first] as Piece).text
    if (text.length > WINDOW_UNITS_MAX || (text.length >= HEAD && !PROMISING.test(text) && !text.includes('@'))) continue
    meter.spend(4)
    for (let last = first + 1; last < pieces.length && last - first < WINDOW_PIECES_MAX; last++) {
      const next = (pieces[last] as Piece).text
      if (next.length > WINDOW_UNITS_MAX || text.length + next.length > WINDOW_UNITS_MAX || !isToken(text) || !isToken(next)) break
      text += next
      meter.spend(4)
      if (text.length < HEAD + 2) continue
      if (!PROMISING.test(text) && !text.includes('@')) break
      const hit = scanText(text, NOTHING, custom, meter).find(
        (finding) => counts(finding) && finding.start === 0 && finding.end === text.length,
      )
      if (hit === undefined || pieces.slice(first, last + 1).some(({ path }) => isFound(path, hit.class))) continue
      found.push(told(pieces[first] as Piece, hit))
      first = last
      break
    }
  }
  return found
}

function isToken(text: string): boolean {
  return text !== '' && /^[\w+/=.@: -]+$/.test(text)
}

const DIGITS = /^[\d \-.]{1,19}$/
/** Names of fields that are no names: parts of one thing. */
const PART_NAME =
  /^(?:[a-z]|(?:part|p|chunk|piece|seg|segment|frag|fragment|block|group|field|col|column|item|value|val|v|x|data|d|line|byte|slice|str|s|num|n|digit|digits|number)?[_-]?\d{1,3}|(?:part|chunk|piece|seg|fragment)?[_-]?(?:first|second|third|fourth|last|left|right|front|back|head|tail|start|middle|mid|end|rest|prefix|suffix|begin|one|two|three|four|[a-h])|.*(?:card|pan|cc).*)$/i

/**
 * Card numbers cut into fields. Ids beside each other give valid numbers by chance, one in ten, so only lists and fields
 * whose names are numbered or mean nothing count, and only when they hold the card and no other digit.
 */
function cardsInDigits(pieces: readonly Piece[], meter: Meter): JoinedFinding[] {
  const found: JoinedFinding[] = []
  for (let first = 0; first < pieces.length; ) {
    const run = [pieces[first] as Piece]
    while (first + run.length < pieces.length && continues(run[0] as Piece, pieces[first + run.length] as Piece))
      run.push(pieces[first + run.length] as Piece)
    first += run.length
    if (run.length < 2 || run.length > 19 || !isDigits(run[0] as Piece)) continue
    meter.spend(20 * run.length)
    const digits = run.map(({ text }) => text.replace(/\D/g, '')).join('')
    if (digits.length < 13 || digits.length > 19 || !hasBrand(digits) || !luhn(digits)) continue
    const [piece] = run
    if (piece !== undefined)
      found.push({ class: 'card', path: piece.path, span: [0, piece.text.length], confidence: 0.7, layers: ['joined'] })
  }
  return found
}

function continues(first: Piece, next: Piece): boolean {
  return isDigits(first) && isDigits(next) && first.parent === next.parent && isPart(first) && isPart(next)
}

function isDigits({ text }: Piece): boolean {
  return text.length <= 19 && DIGITS.test(text) && /\d/.test(text)
}

function isPart({ key }: Piece): boolean {
  return key === undefined || PART_NAME.test(key)
}
