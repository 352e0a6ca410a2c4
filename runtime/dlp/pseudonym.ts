import { createHmac } from 'node:crypto'
import { base32nopad } from '@scure/base'

/** Characters after the class: 80 bits. */
const LENGTH = 16

/**
 * A name that stands for a value: `iban_` and 16 characters of base32, HMAC-SHA-256 under the zone's key over class and canonical value. The
 * same value has the same name in its zone, and nobody without the key can tell whose it is. It is still personal data.
 */
export function pseudonym(name: string, value: string, key: Uint8Array): string {
  const mac = createHmac('sha256', key)
    .update(`${name}\u0000${canonical(name, value)}`)
    .digest()
  return `${prefixOf(name)}${base32nopad.encode(mac.subarray(0, 10)).toLowerCase()}`
}

/** True for a place inside a pseudonym of that class, which would otherwise be found again beside its context words. */
export function isPseudonym(name: string, text: string, start: number, end: number): boolean {
  const prefix = prefixOf(name)
  const from = Math.max(0, start - prefix.length)
  const at = from + text.slice(from, start + prefix.length).lastIndexOf(prefix)
  const close = at + prefix.length + LENGTH
  return at >= from && end <= close && /^[a-z2-7]{16}(?![0-9A-Za-z])/.test(text.slice(at + prefix.length, close + 1))
}

function prefixOf(name: string): string {
  return `${name.replaceAll('.', '_')}_`
}

/** Ways of writing one value that mean the same: separators and case do not count, but in what is secret by every character. */
function canonical(name: string, value: string): string {
  const plain = value.normalize('NFKC')
  if (name === 'email' || name === 'seed_phrase' || name === 'ip_address') return plain.toLowerCase().replace(/\s+/g, ' ')
  if (name === 'api_key' || name === 'private_key' || name === 'crypto_wallet') return plain
  return plain.toUpperCase().replace(/[^\p{L}\p{N}+]/gu, '')
}
