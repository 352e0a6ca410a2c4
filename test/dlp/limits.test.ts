import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { createScanner, DlpLimitError } from '../../runtime/dlp/scan.ts'
import type { JsonValue } from '../../runtime/model/call.ts'
import { HOSTILE } from '../bench/dlp.ts'

const scanner = createScanner()

describe('work grows with the text and no faster', () => {
  test.each(Object.entries(HOSTILE))('%s', (_, unit) => {
    const work = (size: number) => scanner.scan({ body: unit.repeat(Math.ceil(size / unit.length)) }).work
    const [small, large] = [work(8000), work(16_000)]
    expect(large).toBeLessThan(2.2 * small + 2000)
    // In all layers together.
    expect(large / 16_000).toBeLessThan(400)
  })

  test('in many small strings too', () => {
    for (const text of ['a@', '+1 (', 'AKIA', '4111', 'eyJ', 'QUtJ', 'DE89', 'abandon', '%41', '0x']) {
      const work = (size: number) => scanner.scan({ list: Array.from({ length: size }, () => text) }).work
      expect(work(2000)).toBeLessThan(2.2 * work(1000) + 2000)
    }
  })

  test('in encodings within encodings', () => {
    const nested = (text: string, rounds: number): string =>
      rounds === 0 ? text : nested(Buffer.from(text).toString('base64'), rounds - 1)
    const work = (size: number) => scanner.scan({ body: nested('anna@example.com '.repeat(size), 6) }).work
    expect(work(200)).toBeLessThan(2.4 * work(100) + 2000)
  })
})

describe('refuses with DlpLimitError', () => {
  const refuses = (value: JsonValue, limits: Parameters<typeof createScanner>[0] extends { limits?: infer L } | undefined ? L : never) =>
    expect(() => createScanner({ limits: limits ?? {} }).scan(value)).toThrow(DlpLimitError)

  test('more characters than the limit', () => refuses({ body: 'x'.repeat(1001) }, { charactersMax: 1000 }))
  test('more work than the limit', () => refuses({ body: 'anna@example.com '.repeat(100) }, { workUnitsMax: 1000 }))
  test('more findings than the limit', () => refuses({ body: 'anna@example.com '.repeat(100) }, { findingsMax: 50 }))
  test('deeper nesting than the limit', () => {
    let value: JsonValue = 1
    for (let depth = 0; depth < 100; depth++) value = [value]
    refuses(value, {})
    refuses({ body: '['.repeat(5000) + ']'.repeat(5000) }, {})
  })
  test('the same call the same way each time', () => {
    const value = { body: 'anna@example.com 4111 1111 1111 1111 '.repeat(20) }
    expect(scanner.scan(value).work).toBe(scanner.scan(value).work)
  })
})

test('takes any JSON', () => {
  fc.assert(
    fc.property(fc.jsonValue({ stringUnit: 'binary', maxDepth: 5 }), (value) => {
      const json: JsonValue = JSON.parse(JSON.stringify(value))
      for (const { span, confidence } of scanner.scan(json).findings) {
        expect(span[0]).toBeLessThan(span[1])
        expect(confidence).toBeGreaterThan(0)
      }
    }),
    { numRuns: 500 },
  )
})

test('takes strings made of what detectors start from', () => {
  const piece = fc.constantFrom(
    '@',
    '4111',
    '1111 ',
    'DE89',
    '.',
    ':',
    '::',
    '%41',
    '\\u0041',
    '&#65;',
    'AKIA',
    'eyJ',
    '-----BEGIN ',
    'PRIVATE KEY-----',
    'password',
    '=',
    '"',
    '://',
    '\u200b',
    'Ａ',
    '\ud800',
    '+',
    '(',
    ')',
    'x1',
    'MRN ',
    '0x',
    'QUtJ',
    '12',
    '\n',
    'abandon ',
  )
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 60 }), fc.string({ maxLength: 10 }), (pieces, key) => {
      const text = pieces.join('')
      for (const { span, path } of scanner.scan({ [key]: text, b: text.slice(3) }).findings) {
        expect(span[0]).toBeGreaterThanOrEqual(0)
        expect(span[1]).toBeLessThanOrEqual(Math.max(text.length, key.length))
        expect(path).toMatch(/^\//)
      }
    }),
    { numRuns: 500 },
  )
})
