import type { JsonObject, JsonValue } from '../model/call.ts'

/** Bytes of the selected arguments as JSON. Over it the call is denied `policy_input_too_large`, never cut. */
export const POLICY_ARGUMENTS_BYTES_MAX = 1024

/**
 * Leaves of the arguments only what policy may read, in the same shape. What a call lacks is left out, which a
 * rule about it then refuses.
 *
 * @param pointers JSON Pointers (RFC 6901) through objects, as the registry's `policy_reads`
 */
export function selectArguments(args: JsonObject, pointers: readonly string[]): JsonObject {
  const selected: JsonObject = {}
  for (const segments of segmentsOf(pointers)) copy(args, selected, segments, 0)
  return selected
}

// The pointers of an action are read on every call and never change.
const parsed = new WeakMap<readonly string[], string[][]>()

function segmentsOf(pointers: readonly string[]): string[][] {
  const known = parsed.get(pointers)
  if (known !== undefined) return known
  const segments = pointers.map(pointerSegments)
  parsed.set(pointers, segments)
  return segments
}

/** `/a~1b/c` -> ['a/b', 'c'] */
export function pointerSegments(pointer: string): string[] {
  const segments = pointer.split('/').slice(1)
  return segments.map((segment) => segment.replaceAll('~1', '/').replaceAll('~0', '~'))
}

function copy(from: JsonObject, to: JsonObject, segments: readonly string[], depth: number): void {
  const key = segments[depth]
  if (key === undefined || !Object.hasOwn(from, key)) return
  const value = from[key] as JsonValue
  if (depth === segments.length - 1) {
    define(to, key, value)
    return
  }
  if (!isObject(value)) return
  const below = Object.hasOwn(to, key) ? to[key] : undefined
  const next: JsonObject = isObject(below) ? below : {}
  if (next !== below) define(to, key, next)
  copy(value, next, segments, depth + 1)
}

/** Assignment to `__proto__` would change the prototype instead of adding a key. */
function define(object: JsonObject, key: string, value: JsonValue): void {
  if (key === '__proto__') Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true })
  else object[key] = value
}

function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
