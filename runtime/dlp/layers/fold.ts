import { type View, ViewBuilder } from './view.ts'

/**
 * Text as it looks to people: compatibility forms (NFKC), look-alike letters of other scripts as the Latin ones, digits of any
 * script as ASCII, marks over letters gone, and everything invisible removed (zero-width, bidi controls, tags, soft hyphens).
 * Undefined when nothing changes.
 */
export function fold(text: string): View | undefined {
  const view = new ViewBuilder()
  let same = 0
  let changed = false
  for (let at = 0; at < text.length; at++) {
    if (text.charCodeAt(at) < 0x80) continue
    const point = text.codePointAt(at) as number
    const size = point > 0xffff ? 2 : 1
    const folded = foldPoint(point)
    if (folded !== undefined) {
      view.same(text, same, at)
      view.instead(folded, at, at + size)
      same = at + size
      changed = true
    }
    at += size - 1
  }
  if (!changed) return undefined
  view.same(text, same, text.length)
  return view.build('nfkc', true)
}

const cache = new Map<number, string>()
/** Scripts have few characters in use; a hostile text has many. */
const CACHE_MAX = 8192
const KEPT = '\u0000'

/** What a code point becomes; undefined when it stays. */
function foldPoint(point: number): string | undefined {
  let folded = cache.get(point)
  if (folded === undefined) {
    folded = compute(String.fromCodePoint(point))
    if (cache.size < CACHE_MAX) cache.set(point, folded)
  }
  return folded === KEPT ? undefined : folded
}

function compute(character: string): string {
  if (/\p{Cf}|\p{Mn}|\p{Me}|\p{Variation_Selector}|[\u115f\u1160\u3164\uffa0\u2800]/u.test(character)) return ''
  const digit = digitOf(character)
  if (digit !== undefined) return digit
  let folded = ''
  for (const part of character.normalize('NFKD')) {
    if (/\p{M}/u.test(part)) continue
    folded += LOOK_ALIKES.get(part) ?? digitOf(part) ?? (/\p{Zs}/u.test(part) ? ' ' : /\p{Pd}/u.test(part) ? '-' : part)
  }
  return folded === character ? KEPT : folded
}

/** Decimal digits of other scripts stand in Unicode in rows of ten that begin with a zero. */
function digitOf(character: string): string | undefined {
  if (!/^\p{Nd}$/u.test(character)) return undefined
  const point = character.codePointAt(0) as number
  if (point < 0x80) return undefined
  let zero = point
  while (point - zero < 9 && /^\p{Nd}$/u.test(String.fromCodePoint(zero - 1))) zero--
  // Rows follow each other without a gap in the mathematical alphabets only, and NFKD knows those.
  const compatible = character.normalize('NFKD')
  return /^[0-9]$/.test(compatible) ? compatible : String(point - zero)
}

/** Letters of other scripts that look like ASCII (after Unicode TR39, confusables), by pairs. */
const LOOK_ALIKES = new Map<string, string>()
for (const pairs of [
  // Cyrillic
  'АA ВB ЕE КK МM НH ОO РP СC ТT УY ХX ІI ЇI ЈJ ЅS ҮY ҺH ԌG ԚQ ԜW Ӏl ЬB аa вb еe кk мm нh оo рp сc тt уy хx іi їi јj ѕs үy һh ԁd ԛq ԝw ӏl гr пn ԍg ҽe ѵv ѡw',
  // Greek
  'ΑA ΒB ΕE ΖZ ΗH ΙI ΚK ΜM ΝN ΟO ΡP ΤT ΥY ΧX αa βb γy εe ηn ιi κk νv οo ρp σo τt υu χx ωw ϲc ϳj ϜF ϹC ϺM',
  // Armenian, Hebrew, Cherokee, Lisu, Coptic
  'օo ոn սu հh ցg զq ԼL ՕO ՍU ᎪA ᏴB ᏟC ᎠD ᎬE ᏀG ᎻH ᎥI ᎫJ ᏦK ᏞL ᎷM ᏢP ᏒR ᏚS ᎢT ᏙV ᎳW ᏃZ ⲞO ⲟo ⲤC ⲥc ⲢP ⲣp',
  // Latin letters that NFKD leaves
  'ıi ȷj ɑa ɡg ɩi ʀR ʏY ɪi ᴀA ʙB ᴄc ᴅD ᴇE ꜰF ɢG ʜH ᴊJ ᴋK ʟL ᴍM ɴN ᴏo ᴘP ꜱs ᴛT ᴜu ᴠv ᴡw ᴢz øo Øo đd łl ħh',
  // Signs
  '\u2212- \u2044/ \u2215/ \u2571/ \u29f8/ \u2236: \u0589: \ua789: \u02d0: \u3002. \u06d4. \u0701. \u00b7. \u2219. \u22c5. \u2027. \u2022. \u30fb. \u2018\' \u2019\' \u201c" \u201d" \u2502| \u204e* \u2217* \uff5e~',
]) {
  for (const pair of pairs.split(' ')) {
    const [from = '', ...to] = [...pair]
    LOOK_ALIKES.set(from, to.join(''))
  }
}
