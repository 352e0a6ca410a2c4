import { isUtf8 } from 'node:buffer'
import { isAlphanumeric, isDigit } from '../characters.ts'
import type { Meter } from '../limits.ts'
import type { Survey } from '../survey.ts'
import type { View } from './view.ts'

/** Text that a run of base64, base32 or hexadecimal stands for. */
export interface Decoded {
  text: string
  layer: 'base64' | 'base32' | 'hex' | 'spaced'
  /** Of the run. */
  start: number
  end: number
}

/** Runs shorter than this hold fewer bytes than anything that is looked for. */
const RUN_MIN = 12
const TEXT_MIN = 6

/** Decodes each run that looks like an encoding; what gives no text is dropped. `view`: what it left unchanged was decoded before. */
export function decodeRuns(text: string, survey: Survey, meter: Meter, view?: View): Decoded[] {
  const found: Decoded[] = []
  for (const { start, end, compact } of runsOf(text, survey)) {
    if (view?.unchanged(start, end)) continue
    meter.spend(end - start)
    for (const { text: decoded, layer } of decodings(compact, meter))
      found.push({ text: decoded, layer, start, end: layer === 'hex' ? end : afterPadding(text, end) })
  }
  for (let index = 0; index < survey.spacedRuns.length; index += 2) {
    const start = survey.spacedRuns[index] as number
    const end = survey.spacedRuns[index + 1] as number
    meter.spend(end - start)
    found.push({ text: text.slice(start, end).replace(/(.)[\s.,_|-]+/g, '$1'), layer: 'spaced', start, end })
  }
  return found
}

function afterPadding(text: string, end: number): number {
  let at = end
  while (at < text.length && at - end < 6 && text.charCodeAt(at) === 0x3d) at++
  return at
}

interface Run {
  start: number
  end: number
  compact: string
}

/** Tokens, and lines or groups of them that belong together: MIME breaks base64 into lines, dumps break hexadecimal into pairs. */
function* runsOf(text: string, { tokens, numbers }: Survey): Generator<Run> {
  for (let index = 0; index < tokens.length; ) {
    const start = tokens[index] as number
    let end = tokens[index + 1] as number
    let compact = text.slice(start, end)
    const first = end - start
    index += 2
    // Lines of one length, the last one may be shorter.
    while (index < tokens.length && first >= 20 && (tokens[index] as number) - end <= 3 && isBreak(text, end, tokens[index] as number)) {
      const size = (tokens[index + 1] as number) - (tokens[index] as number)
      if (size > first) break
      end = tokens[index + 1] as number
      compact += text.slice(tokens[index], end)
      index += 2
      if (size < first) break
    }
    yield { start, end, compact }
  }
  if (numbers.length >= NUMBERS_MIN * STRIDE) yield* pairsOf(text, numbers)
}

const PAIRS_MIN = 6
const PAIR_GAPS = new Set([...' :,-\r\n'].map((gap) => gap.charCodeAt(0)))
/** Six pairs have about four with a digit. */
const NUMBERS_MIN = 3
const STRIDE = 3

/** "41 4b 49 41", "41:4b:49:41", "0x41, 0x4b", and groups of four or eight. Starts at words with digits, which every such dump has. */
function* pairsOf(text: string, numbers: readonly number[]): Generator<Run> {
  let done = 0
  for (let at = 0; at < numbers.length; at += STRIDE) {
    const start = numbers[at] as number
    const size = (numbers[at + 1] as number) - start
    if (start < done || size > 8 || !PAIR_GAPS.has(text.charCodeAt(start + size))) continue
    const prefix = text.startsWith('0x', start) ? 2 : 0
    const width = size - prefix
    if ((width !== 2 && width !== 4 && width !== 8) || !isGroup(text, start + prefix, width)) continue
    let from = start
    let compact = ''
    let groups = 0
    let end = start
    // Groups before the first one with a digit.
    while (
      groups < 64 &&
      from >= width + 1 &&
      prefix === 0 &&
      isGroup(text, from - width - 1, width) &&
      !isAlphanumeric(text.charCodeAt(from - 1))
    ) {
      from -= width + 1
      groups++
    }
    groups = 0
    for (let next = from; isGroup(text, next + prefix, width) && (prefix === 0 || text.startsWith('0x', next)); groups++) {
      compact += text.slice(next + prefix, next + prefix + width)
      end = next + prefix + width
      next = end
      let gap = 0
      while (gap < 3 && PAIR_GAPS.has(text.charCodeAt(next))) {
        next++
        gap++
      }
      if (gap === 0) {
        groups++
        break
      }
    }
    done = Math.max(end, start + 1)
    if (groups >= PAIRS_MIN) yield { start: from, end, compact }
  }
}

function isGroup(text: string, start: number, width: number): boolean {
  if (start < 0 || start + width > text.length) return false
  for (let at = start; at < start + width; at++) if (!isHexUnit(text.charCodeAt(at))) return false
  return !isAlphanumeric(text.charCodeAt(start + width))
}

function isHexUnit(code: number): boolean {
  return isDigit(code) || (code >= 0x61 && code <= 0x66) || (code >= 0x41 && code <= 0x46)
}

function isBreak(text: string, from: number, to: number): boolean {
  for (let at = from; at < to; at++) if (!/[\s=\\nr]/.test(text.charAt(at))) return false
  return true
}

function* decodings(run: string, meter: Meter): Generator<{ text: string; layer: Decoded['layer'] }> {
  if (run.length < RUN_MIN) return
  if (/^(?:0x)?[0-9a-fA-F]+$/.test(run)) {
    const digits = run.replace(/^0x/, '')
    const text = readable(Buffer.from(digits, 'hex'), meter) ?? readable(Buffer.from(digits.slice(1), 'hex'), meter)
    if (text !== undefined) yield { text, layer: 'hex' }
  }
  if (/^(?:[A-Z2-7]+|[a-z2-7]+)$/.test(run)) {
    const text = readable(fromBase32(run.toUpperCase()), meter)
    if (text !== undefined) yield { text, layer: 'base32' }
  }
  // A word in front of the run, or a slash, shifts it: four phases, of which the first that reads well is the one.
  for (let phase = 0; phase < 4 && run.length - phase >= RUN_MIN; phase++) {
    if (!hasTextQuads(run, phase)) continue
    const text = readable(Buffer.from(phase === 0 ? run : run.slice(phase), 'base64'), meter)
    if (text === undefined) continue
    yield { text, layer: 'base64' }
    if (phase === 0 && !text.includes('\u0000')) return
  }
}

/** Quads in a row that begin as printable text does, which is less than any data takes. */
const QUADS_MIN = 3

/**
 * Three bytes of printable ASCII are four base64 digits of which the first is from `I` to `f` (0x20 to 0x7f, shifted by two). In names and
 * random tokens few are: decoding them all would cost more than everything else. UTF-16 has an `A` in every quad.
 */
function hasTextQuads(run: string, phase: number): boolean {
  const enough = Math.min(QUADS_MIN, (run.length - phase) >> 2)
  let row = 0
  let zeros = 0
  for (let at = phase; at + 3 < run.length; at += 4) {
    const code = run.charCodeAt(at)
    if ((code >= 0x49 && code <= 0x5a) || (code >= 0x61 && code <= 0x66)) {
      if (++row === enough) return true
    } else row = 0
    if (code === 0x41 || run.charCodeAt(at + 1) === 0x41 || run.charCodeAt(at + 2) === 0x41 || run.charCodeAt(at + 3) === 0x41) {
      if (++zeros === 2 * QUADS_MIN) return true
    } else zeros = 0
  }
  return false
}

const ALPHABET = new Int8Array(128).fill(-1)
for (const [value, character] of [...'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'].entries()) ALPHABET[character.charCodeAt(0)] = value

/** RFC 4648, section 6, padding or not. */
function fromBase32(run: string): Buffer {
  const bytes = Buffer.alloc(Math.floor((run.length * 5) / 8))
  let bits = 0
  let value = 0
  let at = 0
  for (let index = 0; index < run.length; index++) {
    value = ((value << 5) | (ALPHABET[run.charCodeAt(index)] as number)) & 0xfff
    bits += 5
    if (bits >= 8) {
      bits -= 8
      bytes[at++] = (value >> bits) & 0xff
    }
  }
  return bytes
}

/**
 * The bytes as text: UTF-16 when every second byte is zero, UTF-8 when they are that, else Latin-1 in which whatever
 * is not printable separates. Undefined when nothing in it is long enough to be anything.
 */
function readable(bytes: Buffer, meter: Meter): string | undefined {
  meter.spend(bytes.length)
  if (bytes.length < TEXT_MIN) return undefined
  let run = 0
  let longest = 0
  let zeros = 0
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at] as number
    if (byte === 0) zeros++
    if ((byte >= 0x20 && byte < 0x7f) || byte === 0x0a || byte === 0x0d || byte === 0x09) {
      if (++run > longest) longest = run
    } else run = 0
  }
  if (zeros * 2 >= bytes.length - 1 && zeros * 2 <= bytes.length + 1) return bytes.toString('utf16le')
  if (bytes.length >= 8 && longest < bytes.length && isUtf8(bytes) && zeros === 0) return bytes.toString('utf8')
  if (longest < Math.min(TEXT_MIN + 2, bytes.length)) return undefined
  return longest === bytes.length ? bytes.toString('latin1') : bytes.toString('latin1').replace(/[^\x20-\x7e\n\r\t]+/g, '\u0000')
}
