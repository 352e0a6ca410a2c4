import type { JsonValue } from './call.ts'

/** Why bytes are no acceptable JSON. The text names the fault and where, and repeats no value. */
export class StrictJsonError extends Error {
  override name = 'StrictJsonError'
}

export interface StrictJsonLimits {
  maxDepth: number
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * Parses JSON that means the same to every reader: I-JSON (RFC 7493) with a depth limit.
 * Refuses invalid UTF-8, a byte order mark, duplicate keys, `__proto__` keys, lone surrogates, numbers that are not
 * finite, integers beyond 2^53, and numbers that underflow to zero. Work is linear in the input.
 * @throws StrictJsonError
 */
export function parseStrictJson(bytes: Uint8Array, { maxDepth }: StrictJsonLimits): JsonValue {
  let text: string
  try {
    text = decoder.decode(bytes)
  } catch {
    throw new StrictJsonError('the text is not valid UTF-8')
  }
  scan(text, maxDepth)
  try {
    return JSON.parse(text)
  } catch {
    // The engine's message quotes the input, which may hold personal data.
    throw new StrictJsonError('the text is not valid JSON')
  }
}

const QUOTE = 0x22
const BACKSLASH = 0x5c

/**
 * Finds what JSON.parse forgives. It assumes valid syntax and leaves wrong syntax to JSON.parse, so all it must
 * guarantee on garbage is to end.
 */
function scan(text: string, maxDepth: number): void {
  // The keys seen so far of each open object; null marks an open array.
  const open: (Set<string> | null)[] = []
  let expectsKey = false
  for (let at = 0; at < text.length; ) {
    const code = text.charCodeAt(at)
    if (code === QUOTE) {
      const end = endOfString(text, at)
      checkString(text, at, end, expectsKey ? open.at(-1) : undefined)
      expectsKey = false
      at = end
    } else if (code === 0x7b || code === 0x5b) {
      if (open.length === maxDepth) throw new StrictJsonError(`the text is nested more than ${maxDepth} deep`)
      open.push(code === 0x7b ? new Set() : null)
      expectsKey = code === 0x7b
      at++
    } else if (code === 0x7d || code === 0x5d) {
      open.pop()
      expectsKey = false
      at++
    } else if (code === 0x2c) {
      expectsKey = open.at(-1) instanceof Set
      at++
    } else if (code === 0x2d || (code >= 0x30 && code <= 0x39)) {
      at = checkNumber(text, at)
    } else {
      at++
    }
  }
}

/** @returns the index after the closing quote */
function endOfString(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === QUOTE) return at + 1
    if (code === BACKSLASH) at++
  }
  throw new StrictJsonError('the text is not valid JSON')
}

function checkString(text: string, start: number, end: number, keys: Set<string> | null | undefined): void {
  const escaped = hasEscape(text, start, end)
  // Most values are plain and need no look: only keys and escaped strings are cut out.
  if (!escaped && !keys) return
  const value = escaped ? decodeLiteral(text.slice(start, end)) : text.slice(start + 1, end - 1)
  if (escaped && !value.isWellFormed()) throw new StrictJsonError('a string has a lone surrogate')
  if (!keys) return
  if (value === '__proto__') throw new StrictJsonError('an object has the key __proto__')
  if (keys.has(value)) throw new StrictJsonError('an object has a key twice')
  keys.add(value)
}

function hasEscape(text: string, start: number, end: number): boolean {
  const at = text.indexOf('\\', start)
  return at !== -1 && at < end
}

function decodeLiteral(literal: string): string {
  try {
    return JSON.parse(literal)
  } catch {
    throw new StrictJsonError('the text is not valid JSON')
  }
}

/** @returns the index after the number */
function checkNumber(text: string, start: number): number {
  let end = start + 1
  for (; end < text.length; end++) {
    const code = text.charCodeAt(end)
    const inNumber = (code >= 0x30 && code <= 0x39) || code === 0x2e || code === 0x2b || code === 0x2d || (code | 0x20) === 0x65
    if (!inNumber) break
  }
  const literal = text.slice(start, end)
  const value = Number(literal)
  if (!Number.isFinite(value)) throw new StrictJsonError('a number is not finite')
  if (Number.isInteger(value) && !Number.isSafeInteger(value)) throw new StrictJsonError('an integer is beyond 2^53 - 1')
  if (value === 0 && /[1-9]/.test(literal.split(/e/i, 1)[0] ?? '')) throw new StrictJsonError('a number is too small to be told from zero')
  return end
}
