// Check digits. All take plain digits.

/** ISO/IEC 7812-1, annex B. */
export function luhn(digits: string): boolean {
  let sum = 0
  for (let at = digits.length - 1, double = false; at >= 0; at--, double = !double) {
    let digit = digits.charCodeAt(at) - 0x30
    if (double) digit = digit > 4 ? digit * 2 - 9 : digit * 2
    sum += digit
  }
  return sum % 10 === 0
}

/** ISO/IEC 7064, MOD 97-10, over digits and upper-case letters. */
export function mod97(characters: string): number {
  let rest = 0
  for (let at = 0; at < characters.length; at++) {
    const code = characters.charCodeAt(at)
    rest = code <= 0x39 ? (rest * 10 + code - 0x30) % 97 : (rest * 100 + code - 0x37) % 97
  }
  return rest
}

const VERHOEFF_PRODUCT = [
  '0123456789',
  '1234067895',
  '2340178956',
  '3401289567',
  '4012395678',
  '5987604321',
  '6598710432',
  '7659821043',
  '8765932104',
  '9876543210',
]
const VERHOEFF_PLACE = ['0123456789', '1576283094', '5803796142', '8916043527', '9453126870', '4286573901', '2793806415', '7046913258']

/** Verhoeff, 1969: of Aadhaar numbers. */
export function verhoeff(digits: string): boolean {
  let check = 0
  for (let at = 0; at < digits.length; at++) {
    const digit = digits.charCodeAt(digits.length - 1 - at) - 0x30
    check = Number(VERHOEFF_PRODUCT[check]?.[Number(VERHOEFF_PLACE[at % 8]?.[digit])])
  }
  return check === 0
}

/** GS1 General Specifications, section 7.9: EAN-13 barcodes. */
export function ean13(digits: string): boolean {
  let sum = 0
  for (let at = 0; at < 13; at++) sum += (digits.charCodeAt(at) - 0x30) * (at % 2 === 0 ? 1 : 3)
  return digits.length === 13 && sum % 10 === 0
}

/** NHS Data Dictionary, NHS NUMBER: weights 10 to 2, modulo 11. */
export function nhsNumber(digits: string): boolean {
  if (!/^\d{10}$/.test(digits)) return false
  let sum = 0
  for (let at = 0; at < 9; at++) sum += (digits.charCodeAt(at) - 0x30) * (10 - at)
  const check = 11 - (sum % 11)
  return check !== 10 && check % 11 === digits.charCodeAt(9) - 0x30
}

/** Shannon entropy, bits a character. */
export function entropy(text: string): number {
  const counts = new Map<string, number>()
  for (const character of text) counts.set(character, (counts.get(character) ?? 0) + 1)
  let bits = 0
  for (const count of counts.values()) bits -= (count / text.length) * Math.log2(count / text.length)
  return bits
}
