// One table for the pass over every character. Letters with an accent count as the letter below it, so that context words
// in any Latin-script language are known by their bare letters.

export const SEPARATOR = 0
export const DIGIT = 1
export const LOWER = 2
export const UPPER = 3
/** Part of base64, base64url and names: `+ / _ -`. */
export const JOINT = 4
export const AT = 5
/** `=` and `:`, after which a value stands. */
export const MARK = 6
/** `%`, `&` and `\`, which start an escape. */
export const ESCAPE = 7

/** Code units that the tables know: ASCII, Latin-1 and Latin Extended-A. */
export const KNOWN = 0x180

export const KIND = new Uint8Array(KNOWN)
/** Lower-case ASCII letter below a letter; 0 for what is no letter. */
export const LETTER = new Uint8Array(KNOWN)

/** Letters that Unicode does not take apart. */
const UNDIVIDED: Record<string, string> = { ß: 's', æ: 'a', ø: 'o', đ: 'd', ð: 'd', ħ: 'h', ı: 'i', ĸ: 'k', ł: 'l', œ: 'o', ŧ: 't', þ: 't' }

for (let code = 0; code < KNOWN; code++) {
  const character = String.fromCharCode(code)
  const base = character.normalize('NFKD').charAt(0)
  if (/[0-9]/.test(character)) KIND[code] = DIGIT
  else if (/\p{L}/u.test(character)) {
    KIND[code] = character === character.toUpperCase() && character !== character.toLowerCase() ? UPPER : LOWER
    LETTER[code] = (/[A-Za-z]/.test(base) ? base : (UNDIVIDED[character.toLowerCase()] ?? 'x')).toLowerCase().charCodeAt(0)
  }
}
for (const joint of '+/_-') KIND[joint.charCodeAt(0)] = JOINT
for (const mark of '=:') KIND[mark.charCodeAt(0)] = MARK
for (const sign of '%&\\') KIND[sign.charCodeAt(0)] = ESCAPE
KIND['@'.charCodeAt(0)] = AT

export function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39
}

export function isAlphanumeric(code: number): boolean {
  return (code >= 0x30 && code <= 0x39) || (code >= 0x61 && code <= 0x7a) || (code >= 0x41 && code <= 0x5a)
}

/** Letters of any script that the tables know, and digits. */
export function isWordUnit(code: number): boolean {
  const kind = code < KNOWN ? (KIND[code] ?? SEPARATOR) : SEPARATOR
  return kind >= DIGIT && kind <= UPPER
}
