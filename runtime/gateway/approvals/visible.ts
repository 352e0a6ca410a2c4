import type { JsonValue } from '../../model/call.ts'

/**
 * A text with everything in it that could not be seen, or that could move what is seen, written as an escape: control, format and bidi
 * characters, unusual spaces, private and unassigned ones. The backslash too, so that an escape that was in the text is not
 * taken for one of these. Who approves must see what was asked for (Trojan Source, CVE-2021-42574).
 */
export function visible(text: string): string {
  return text.replace(HIDDEN, (character) => {
    if (character === '\\') return '\\\\'
    const code = character.codePointAt(0) ?? 0
    return code > 0xffff ? `\\u{${code.toString(16)}}` : `\\u${code.toString(16).padStart(4, '0')}`
  })
}

/** The same for every string of a value, keys included. */
export function visibleJson(value: JsonValue): JsonValue {
  if (typeof value === 'string') return visible(value)
  if (Array.isArray(value)) return value.map(visibleJson)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [visible(key), visibleJson(inner)]))
}

const HIDDEN = /(?! )[\\\p{C}\p{Z}\p{Default_Ignorable_Code_Point}]/gu
