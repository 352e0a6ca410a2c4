import { sha256 } from '@noble/hashes/sha2.js'
import { keccak_256 } from '@noble/hashes/sha3.js'
import { bech32, bech32m, createBase58check } from '@scure/base'
import { isAlphanumeric } from '../characters.ts'
import { TOPIC } from '../context-words.ts'
import { contextAt, type Detector, type Report, type Subject } from '../subject.ts'

const base58check = createBase58check(sha256)
const HASH_UNITS = 1500
const BASE58 = /^[1-9A-HJ-NP-Za-km-z]+$/
/** First byte of what a base58check string carries: addresses of Bitcoin, Litecoin, Dogecoin, Tron and test networks. */
const ADDRESS_VERSIONS = new Set([0x00, 0x05, 0x30, 0x32, 0x1e, 0x16, 0x41, 0x6f, 0xc4])
const WIF_VERSIONS = new Set([0x80, 0xef, 0xb0])
const SEGWIT = /^(?:bc1|tb1|ltc1)[02-9ac-hj-np-z]{11,71}$/

/** Wallet addresses and private keys in one token. */
export const detectKeyMaterial: Detector = (subject, report) => {
  const { text, survey, meter } = subject
  const { tokens } = survey
  for (let index = 0; index < tokens.length; index += 2) {
    const tokenEnd = tokens[index + 1] as number
    for (let start = tokens[index] as number; start < tokenEnd; ) {
      // A token of base64 units is one or more words; addresses and keys are words.
      let end = start
      while (end < tokenEnd && isAlphanumeric(text.charCodeAt(end))) end++
      if (end - start >= 26 && end - start <= 115) judge(subject, start, end, report)
      start = end + 1
    }
    meter.spend(tokenEnd - (tokens[index] as number))
  }
}

function judge(subject: Subject, start: number, end: number, report: Report): void {
  const word = subject.text.slice(start, end)
  const size = word.length
  if (/^0x[0-9a-fA-F]{40}$/.test(word)) {
    subject.meter.spend(HASH_UNITS)
    if (isChecksummed(word.slice(2)) || (isOneCase(word.slice(2)) && isAbout(subject, start, end, TOPIC.wallet)))
      report('crypto_wallet', start, end, 0.9)
    return
  }
  if ((size === 64 || (size === 66 && word.startsWith('0x'))) && /^(?:0x)?[0-9a-fA-F]{64}$/.test(word)) {
    if (isAbout(subject, start, end, TOPIC.privateKey)) report('private_key', start, end, 0.7)
    return
  }
  const lower = word.toLowerCase()
  if (SEGWIT.test(lower) && (word === lower || word === word.toUpperCase())) {
    subject.meter.spend(size)
    if (isSegwit(lower)) report('crypto_wallet', start, end, 0.99)
    return
  }
  if (!BASE58.test(word)) return
  // Base58 decoding is quadratic in a word of at most 115 units.
  if (!(size >= 26 && size <= 35) && size !== 51 && size !== 52 && size !== 111) return
  subject.meter.spend(HASH_UNITS * 2)
  let bytes: Uint8Array
  try {
    bytes = base58check.decode(word)
  } catch {
    return
  }
  const version = bytes[0] ?? -1
  if (bytes.length === 21 && ADDRESS_VERSIONS.has(version)) report('crypto_wallet', start, end, 0.99)
  else if ((bytes.length === 33 || bytes.length === 34) && WIF_VERSIONS.has(version)) report('private_key', start, end, 0.99)
  else if (bytes.length === 78 && word.slice(1, 4) === 'prv') report('private_key', start, end, 0.99)
}

/** EIP-55: the case of each letter is a bit of a hash. */
function isChecksummed(address: string): boolean {
  if (isOneCase(address)) return false
  const hash = keccak_256(new TextEncoder().encode(address.toLowerCase()))
  return [...address].every((character, at) => {
    if (!/[a-f]/i.test(character)) return true
    const nibble = ((hash[at >> 1] as number) >> (at % 2 === 0 ? 4 : 0)) & 15
    return (character === character.toUpperCase()) === nibble >= 8
  })
}

function isOneCase(text: string): boolean {
  return text === text.toLowerCase() || text === text.toUpperCase()
}

function isSegwit(address: string): boolean {
  return bech32.decodeUnsafe(address, 90) !== undefined || bech32m.decodeUnsafe(address, 90) !== undefined
}

function isAbout(subject: Subject, start: number, end: number, topic: number): boolean {
  return (contextAt(subject, start, end, 40, 12).topics & topic) !== 0
}

const HEADER = /-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY[A-Z ]{0,20}-----/y
const FOOTER = '-----END '

/** PEM private keys (RFC 7468), to their end line or for as long as the text goes on like one. */
export const detectPem: Detector = ({ text, survey, meter }, report) => {
  const { context } = survey
  let done = 0
  for (let at = 0; at < context.length; at += 4) {
    if (((context[at + 2] as number) & TOPIC.begin) === 0) continue
    const start = (context[at] as number) - 5
    if (start < done) continue
    HEADER.lastIndex = start
    const header = HEADER.exec(text)?.[0]
    if (header === undefined) continue
    let end = start + header.length
    while (end < text.length && /[\w+/=\s\\:,.-]/.test(text.charAt(end)) && !text.startsWith(FOOTER, end)) end++
    if (text.startsWith(FOOTER, end)) {
      const close = text.indexOf('-----', end + FOOTER.length)
      if (close !== -1 && close - end < 80) end = close + 5
    }
    meter.spend(end - start)
    report('private_key', start, end, 0.99)
    done = end
  }
}
