import { isAlphanumeric, KIND, KNOWN, LOWER, UPPER } from '../characters.ts'
import type { Detector } from '../subject.ts'

const AT_SIGN = 0x40
/** Octets that SMTP allows (RFC 5321, section 4.5.3.1). */
const LOCAL_MAX = 64
const DOMAIN_MAX = 255
/** `icon@2x.png` is a file. */
const FILE_ENDINGS = new Set(['png', 'jpg', 'jpeg', 'gif', 'svg', 'webp', 'css', 'js', 'ts', 'json', 'html'])

/** E-mail addresses, outward from each `@`: neither side is read past the next `@`, so a flood of them costs no more than its length. */
export const detectEmail: Detector = ({ text, survey, meter }, report) => {
  for (const at of survey.ats) {
    let start = at
    while (start > 0 && at - start < LOCAL_MAX && isLocal(text.charCodeAt(start - 1))) start--
    while (start < at && text.charCodeAt(start) === 0x2e) start++
    let end = at + 1
    while (end < text.length && end - at <= DOMAIN_MAX && isDomain(text.charCodeAt(end))) end++
    meter.spend(at - start + end - at)
    // A sentence ends after the address.
    while (end > at + 1 && !isLetterOrDigit(text.charCodeAt(end - 1))) end--
    if (start === at || text.charCodeAt(at - 1) === 0x2e || !isMailDomain(text.slice(at + 1, end))) continue
    // `https://user:password@host` is a password, and no address.
    if (start > 0 && text.charCodeAt(start - 1) === 0x3a && text.slice(Math.max(0, start - LOCAL_MAX), start).includes('://')) continue
    report('email', start, end, 0.95)
  }
}

function isMailDomain(domain: string): boolean {
  const labels = domain.split('.')
  const last = labels.at(-1) ?? ''
  if (labels.length < 2 || labels.some((label) => label === '' || label.length > 63 || label.startsWith('-') || label.endsWith('-')))
    return false
  return /^(?:\p{L}{2,24}|xn--[a-z0-9-]{2,59})$/iu.test(last) && !FILE_ENDINGS.has(last.toLowerCase())
}

function isLetterOrDigit(code: number): boolean {
  return isAlphanumeric(code) || isForeignLetter(code)
}

/** Letters beyond ASCII that addresses are written with (RFC 6531): Latin with accents, Greek, Cyrillic. */
function isForeignLetter(code: number): boolean {
  if (code < 0x80) return false
  if (code < KNOWN) return KIND[code] === LOWER || KIND[code] === UPPER
  return code < 0x530
}

// RFC 5322's atext without what text and markup put around an address.
const LOCAL_SIGNS = new Set([...".!#$%&'*+-/=?^_`{|}~"].map((sign) => sign.charCodeAt(0)))
for (const sign of "'`/=?{}|!&#") LOCAL_SIGNS.delete(sign.charCodeAt(0))

function isLocal(code: number): boolean {
  return code !== AT_SIGN && (isLetterOrDigit(code) || LOCAL_SIGNS.has(code))
}

function isDomain(code: number): boolean {
  return code === 0x2e || code === 0x2d || isLetterOrDigit(code)
}
