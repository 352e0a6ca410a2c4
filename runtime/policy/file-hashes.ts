import { createHash } from 'node:crypto'
import type { JsonValue } from '../model/call.ts'

/**
 * Hashes of bundle files as OPA computes them (v1/bundle/hash.go): structured files over an encoding with sorted
 * keys and without spaces, all others over their bytes.
 *
 * @returns SHA-256 in lower-case hex
 */
export function fileHash(name: string, bytes: Uint8Array): string {
  return sha256(isStructured(name) ? goEncoding(parseJson(bytes)) : bytes)
}

export function sha256(data: Uint8Array | string): string {
  return createHash('sha256').update(data).digest('hex')
}

/** OPA's IsStructuredDoc, without the YAML form, which our bundles never carry. */
function isStructured(name: string): boolean {
  const base = name.slice(name.lastIndexOf('/') + 1)
  return base === 'data.json' || base === '.manifest'
}

/** @throws SyntaxError or TypeError when the bytes are not JSON in UTF-8 */
export function parseJson(bytes: Uint8Array): JsonValue {
  return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) as JsonValue
}

/**
 * What Go's encoder writes for a decoded value, object keys in byte order. Numbers keep their text there and are
 * reprinted here, so only safe integers are taken: they have one spelling.
 */
export function goEncoding(value: JsonValue): string {
  if (Array.isArray(value)) return `[${value.map(goEncoding).join(',')}]`
  if (typeof value === 'object' && value !== null) {
    return `{${sortedKeys(value)
      .map((key) => `${goString(key)}:${goEncoding(value[key] ?? null)}`)
      .join(',')}}`
  }
  if (typeof value === 'string') return goString(value)
  if (typeof value === 'number' && !Number.isSafeInteger(value)) throw new TypeError(`${value} is not a safe integer`)
  return String(value)
}

/** UTF-16 order, JavaScript's own, is byte order but for surrogates: comparing bytes is some 50 times slower. */
function sortedKeys(value: object): string[] {
  const keys = Object.keys(value)
  if (!keys.some((key) => /[\ud800-\udfff]/.test(key))) return keys.sort()
  return keys.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
}

/** Printable ASCII but for quote and backslash: most strings, and no encoder changes them. */
const PLAIN = /^[ !#-[\]-~]*$/

/** Go escapes the two line separators that JavaScript leaves alone; a lone surrogate would be replaced there. */
function goString(text: string): string {
  if (PLAIN.test(text)) return `"${text}"`
  if (!text.isWellFormed()) throw new TypeError('a string has a lone surrogate')
  return JSON.stringify(text).replaceAll('\u2028', '\\u2028').replaceAll('\u2029', '\\u2029')
}
