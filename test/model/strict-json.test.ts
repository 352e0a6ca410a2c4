import fc from 'fast-check'
import { parseStrictJson, StrictJsonError } from '../../runtime/model/strict-json.ts'

const parse = (text: string | Uint8Array, maxDepth = 32) =>
  parseStrictJson(typeof text === 'string' ? Buffer.from(text) : text, { maxDepth })

test('reads what every JSON reader reads alike', () => {
  const text = '{"a":[1,-2.5,1e3,true,null,"x\\u0041\\"{[,:"],"b":{"a":1,"c":"\\ud83d\\ude00"}}'
  expect(parse(text)).toEqual(JSON.parse(text))
})

test('agrees with JSON.parse on every value that JSON.stringify writes', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 6 }), (value) => {
      const text = JSON.stringify(value)
      fc.pre(!text.includes('__proto__') && !/\d{16}|e[+-]?\d/.test(text))
      expect(parse(text)).toEqual(JSON.parse(text))
    }),
  )
})

test.each([
  ['a duplicate key', '{"amount":1,"amount":2}'],
  ['a duplicate key spelled with an escape', '{"amount":1,"\\u0061mount":2}'],
  ['a duplicate key in a nested object', '{"a":[{"x":1,"y":[],"x":2}]}'],
  ['the key __proto__', '{"__proto__":{"amount":1}}'],
  ['the key __proto__ spelled with an escape', '{"\\u005f_proto__":1}'],
  ['a number that becomes Infinity', '{"amount":1e400}'],
  ['a negative number that becomes Infinity', '{"amount":-1e400}'],
  ['an integer that a double cannot hold', '{"amount":9007199254740993}'],
  ['a large exponent that is an unsafe integer', '{"amount":1e20}'],
  ['a number that underflows to zero', '{"amount":1e-400}'],
  ['a lone high surrogate', '{"memo":"\\ud800"}'],
  ['a lone low surrogate in a key', '{"\\udc00":1}'],
  ['swapped surrogates', '["\\ude00\\ud83d"]'],
  ['trailing garbage', '{"a":1} x'],
  ['a trailing comma', '{"a":1,}'],
  ['single quotes', "{'a':1}"],
  ['NaN', '{"a":NaN}'],
  ['a comment', '{"a":1/**/}'],
  ['an unterminated string', '{"a":"b'],
  ['an unterminated escape', '{"a":"b\\'],
  ['a raw control character', '{"a":"\n"}'],
  ['nothing', ''],
  ['a byte order mark', '\ufeff{}'],
  ['leading zeros', '{"a":01}'],
])('refuses %s', (_name, text) => {
  expect(() => parse(text)).toThrow(StrictJsonError)
})

test('accepts zero in all its spellings and surrogate pairs', () => {
  expect(parse('[0,-0,0.0,0e5,"\\ud83d\\ude00"]')).toEqual([0, -0, 0, 0, '😀'])
})

test('accepts equal keys in different objects', () => {
  expect(parse('{"a":{"a":[{"a":1},{"a":2}]},"b":["a","a"]}')).toBeDefined()
})

test.each([
  ['an overlong encoding', [0x22, 0xc0, 0x80, 0x22]],
  ['a lone continuation byte', [0x22, 0x80, 0x22]],
  ['an encoded surrogate', [0x22, 0xed, 0xa0, 0x80, 0x22]],
  ['a cut character', [0x22, 0xe2, 0x82, 0x22]],
  ['UTF-16', [0xff, 0xfe, 0x7b, 0x00, 0x7d, 0x00]],
])('refuses %s', (_name, bytes) => {
  expect(() => parse(Uint8Array.from(bytes))).toThrow('not valid UTF-8')
})

test('refuses nesting beyond the limit and takes nesting up to it', () => {
  expect(parse('['.repeat(32) + ']'.repeat(32))).toBeDefined()
  expect(() => parse('['.repeat(33) + ']'.repeat(33))).toThrow('nested more than 32 deep')
  expect(() => parse('{"a":'.repeat(100_000))).toThrow('nested more than 32 deep')
})

test('ends on arbitrary bytes with a value or a StrictJsonError, and never quotes them', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      try {
        parse(bytes)
      } catch (error) {
        expect(error).toBeInstanceOf(StrictJsonError)
      }
    }),
  )
  expect(() => parse('{"iban":"DE89370400440532013000" oops}')).toThrow(/^the text is not valid JSON$/)
})
