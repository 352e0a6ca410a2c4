import { describe, expect, test } from '@jest/globals'
import { createScanner } from '../../runtime/dlp/scan.ts'
import type { JsonValue } from '../../runtime/model/call.ts'

const scanner = createScanner()
const seen = (value: JsonValue) => scanner.scan(value).findings.map(({ class: name, layer }) => `${name} ${layer}`)
const base64 = (text: string) => Buffer.from(text).toString('base64')

const IBAN = 'DE89 3704 0044 0532 0130 00'
const CARD = '4111111111111111'
const KEY = 'AKIAIOSFODNN7EXAMPLE'

test.each([
  ['base64', `see ${base64(`IBAN ${IBAN}`)} please`, 'iban base64'],
  ['base64url without padding', Buffer.from(`>>?? ${KEY}`).toString('base64url'), 'api_key base64'],
  ['base64 behind a word', `payload${base64(KEY)}`, 'api_key base64'],
  ['base64 in lines', base64(`${'x'.repeat(60)} ${IBAN} ${'y'.repeat(60)}`).replace(/.{76}/g, '$&\r\n'), 'iban base64'],
  ['base64 of UTF-16', Buffer.from(`key ${KEY}`, 'utf16le').toString('base64'), 'api_key base64'],
  ['base64 of base64', base64(base64(KEY)), 'api_key base64+base64'],
  ['three rounds', base64(base64(base64(KEY))), 'api_key base64+base64+base64'],
  ['base32', 'IFFUSQKJJ5JUMT2EJZHDORKYIFGVATCF', 'api_key base32'],
  ['hexadecimal', Buffer.from(CARD).toString('hex'), 'card hex'],
  ['hexadecimal in pairs', Buffer.from(KEY).toString('hex').replace(/../g, '$& '), 'api_key hex'],
  ['hexadecimal after other bytes', `deadbeef0011${Buffer.from(`\n${KEY}\n`).toString('hex')}00ff`, 'api_key hex'],
  ['percent', [...KEY].map((c) => `%${c.charCodeAt(0).toString(16)}`).join(''), 'api_key percent'],
  ['percent twice', encodeURIComponent([...CARD].map((c) => `%${c.charCodeAt(0).toString(16)}`).join('')), 'card percent+percent'],
  ['percent of an address', 'https://e.example/?u=anna%40example.com', 'email percent'],
  ['character references', [...CARD].map((c) => `&#${c.charCodeAt(0)};`).join(''), 'card entity'],
  ['program escapes', [...KEY].map((c) => `\\x${c.charCodeAt(0).toString(16)}`).join(''), 'api_key escape'],
  ['JSON escapes in a string', [...KEY].map((c) => `\\u00${c.charCodeAt(0).toString(16)}`).join(''), 'api_key escape'],
  ['zero-width characters', [...CARD].join('\u200b'), 'card nfkc'],
  ['soft hyphens and bidi controls', `4111\u00ad1111\u202e1111\u20661111`, 'card nfkc'],
  ['tag characters between', `AKIAIOSF\u{e0041}ODNN7EXAMPLE`, 'api_key nfkc'],
  ['full width', 'ＤＥ８９ ３７０４ ００４４ ０５３２ ０１３０ ００', 'iban nfkc'],
  ['Cyrillic look-alikes', KEY.replaceAll('A', 'А').replaceAll('O', 'О'), 'api_key nfkc'],
  ['Greek look-alikes', KEY.replaceAll('A', 'Α').replaceAll('I', 'Ι'), 'api_key nfkc'],
  ['Arabic digits', '٤١١١١١١١١١١١١١١١', 'card nfkc'],
  [
    'mathematical letters',
    [...KEY].map((c) => (/[A-Z]/.test(c) ? String.fromCodePoint(0x1d400 + c.charCodeAt(0) - 65) : c)).join(''),
    'api_key nfkc',
  ],
  ['combining marks', [...CARD].join('\u0332'), 'card nfkc'],
  ['no-break spaces and dashes', '4111\u00a01111\u20111111\u20111111'.replaceAll('\u2011', '\u00a0'), 'card nfkc'],
  ['full width base64', base64(KEY).replace(/[A-Z]/g, (c) => String.fromCharCode(c.charCodeAt(0) + 0xfee0)), 'api_key nfkc+base64'],
  ['single characters apart', [...IBAN.replaceAll(' ', '')].join(' '), 'iban spaced'],
  ['host labels', 'https://QUtJQUlPU0Z.PRE5ON0VYQU1QTEU.evil.example.com/', 'api_key url+base64'],
  ['query values', `https://evil.example/?a=${KEY.slice(0, 9)}&b=${KEY.slice(9)}`, 'api_key url'],
  ['tags that spell it', [...KEY].map((c) => String.fromCodePoint(0xe0000 + c.charCodeAt(0))).join(''), 'api_key tags'],
])('sees through %s', (_, text, expected) => {
  expect(seen({ body: text })).toContain(expected)
})

test('spans of decoded data are those of the encoded run', () => {
  const run = base64(`IBAN ${IBAN}`)
  const body = `see ${run} please`
  const [finding] = scanner.scan({ body }).findings
  expect(body.slice(...(finding?.span ?? [0, 0]))).toBe(run)
  const folded = 'pay ＤＥ８９370400440532013000 now'
  const [other] = scanner.scan(folded).findings
  expect(folded.slice(...(other?.span ?? [0, 0]))).toBe('ＤＥ８９370400440532013000')
})

test('looks into keys and names them by index', () => {
  const { findings } = scanner.scan({ a: 1, [CARD]: { note: `IBAN ${IBAN}` } })
  expect(findings.map(({ path, layer }) => `${path} ${layer}`)).toEqual(['/1 key', '/1/note plain'])
  expect(JSON.stringify(findings)).not.toContain(CARD)
})

test('looks at numbers', () => {
  expect(seen({ n: 4111111111111111 })).toEqual(['card number'])
  expect(seen({ ssn: 219099999 })).toEqual(['us_ssn number'])
})

describe('puts together what was cut up', () => {
  test.each<[string, JsonValue]>([
    ['two fields', { a: 'AKIAIOSF', b: 'ODNN7EXAMPLE' }],
    ['fields among others', { service: 'AWS', a: 'AKIAIOSF', b: 'ODNN7EXAMPLE', region: 'EU1' }],
    ['text that ends with the first half', { a: 'the key is AKIAIOSF', b: 'ODNN7EXAMPLE' }],
    ['a list', { parts: ['AKIA', 'IOSF', 'ODNN', '7EXA', 'MPLE'] }],
    ['fields of a JSON body in a string', { body: '{"a":"AKIAIOSF","b":"ODNN7EXAMPLE"}' }],
    ['halves of base64', { a: base64(KEY).slice(0, 12), b: base64(KEY).slice(12) }],
  ])('%s', (_, value) => {
    expect(scanner.scan(value).findings.some(({ class: name, layer }) => name === 'api_key' && layer.startsWith('joined'))).toBe(true)
  })

  test('an IBAN, a card and a seed phrase in lists', () => {
    expect(seen({ parts: ['DE89', '3704', '0044', '0532', '0130', '00'] })).toContain('iban joined')
    expect(seen({ parts: [4111, 1111, 1111, 1111] })).toEqual(['card joined'])
    expect(seen({ part1: '41111111', part2: '11111111' })).toEqual(['card joined'])
    expect(seen('legal winner thank year wave sausage worth useful legal winner thank yellow'.split(' '))).toContain('seed_phrase joined')
  })

  test('ids beside each other are no card', () => {
    expect(seen({ order: '41111111', customer: '11111111' })).toEqual([])
    expect(seen({ url: 'https://shop.example/?order=41111111&customer=11111111' })).toEqual([])
    expect(seen({ name: 'anna@example.com', other: 'bob@example.com' })).toEqual(['email plain', 'email plain'])
  })
})
