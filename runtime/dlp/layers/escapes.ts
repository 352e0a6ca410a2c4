import { type View, ViewBuilder } from './view.ts'

const ESCAPE =
  /%[0-9A-Fa-f]{2}|\\u\{0{0,4}[0-9A-Fa-f]{1,5}\}|\\u[0-9A-Fa-f]{4}|\\x[0-9A-Fa-f]{2}|\\[0-7]{3}|&#\d{1,7};?|&#[xX][0-9A-Fa-f]{1,6};?|&(?:commat|period|nbsp|amp|colon|sol|hyphen|dash|lowbar|num|plus|equals);/g

const NAMED: Record<string, string> = {
  commat: '@',
  period: '.',
  nbsp: ' ',
  amp: '&',
  colon: ':',
  sol: '/',
  hyphen: '-',
  dash: '-',
  lowbar: '_',
  num: '#',
  plus: '+',
  equals: '=',
}

/**
 * Undoes one layer of percent-encoding (RFC 3986, section 2.1), of escapes in JSON and program text (`\u0041`, `\x41`, `\101`) and of
 * character references in markup (`&#65;`). Undefined when there is none. Bytes that are no UTF-8 become what Latin-1 says.
 */
export function unescapeText(text: string): View | undefined {
  const view = new ViewBuilder()
  let same = 0
  let kind: 'percent' | 'escape' | 'entity' | undefined
  ESCAPE.lastIndex = 0
  for (let match = ESCAPE.exec(text); match !== null; match = ESCAPE.exec(text)) {
    const [written] = match
    let end = match.index + written.length
    let decoded: string
    if (written.startsWith('%')) {
      kind ??= 'percent'
      const bytes = [Number.parseInt(written.slice(1), 16)]
      // Only beyond ASCII do several escapes make one character.
      while ((bytes[0] as number) > 0x7f && bytes.length < 4 && /^%[89ABab][0-9A-Fa-f]/.test(text.slice(end, end + 3))) {
        bytes.push(Number.parseInt(text.slice(end + 1, end + 3), 16))
        end += 3
      }
      decoded = decodeBytes(bytes)
    } else if (written.startsWith('&')) {
      kind ??= 'entity'
      const digits = written.slice(2).replace(';', '')
      decoded = NAMED[written.slice(1, -1)] ?? fromPoint(/^[xX]/.test(digits) ? Number.parseInt(digits.slice(1), 16) : Number(digits))
    } else {
      kind ??= 'escape'
      const octal = /^\\[0-7]{3}$/.test(written)
      decoded = fromPoint(octal ? Number.parseInt(written.slice(1), 8) : Number.parseInt(written.replace(/[\\ux{}]/g, ''), 16))
    }
    view.same(text, same, match.index)
    view.instead(decoded, match.index, end)
    same = end
    ESCAPE.lastIndex = end
  }
  if (kind === undefined) return undefined
  view.same(text, same, text.length)
  return view.build(kind, false)
}

const utf8 = new TextDecoder('utf-8', { fatal: true })

function decodeBytes(bytes: readonly number[]): string {
  try {
    return utf8.decode(Uint8Array.from(bytes))
  } catch {
    return String.fromCharCode(...bytes)
  }
}

function fromPoint(point: number): string {
  return point <= 0x10ffff ? String.fromCodePoint(point) : ''
}
