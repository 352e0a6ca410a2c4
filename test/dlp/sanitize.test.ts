import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { sanitize } from '../../runtime/dlp/sanitize.ts'
import { createScanner, type Scanner } from '../../runtime/dlp/scan.ts'
import type { JsonObject } from '../../runtime/model/call.ts'
import type { RedactMethod } from '../../runtime/policy/policy-io.ts'

const scanner = createScanner()
const pseudonymKey = new Uint8Array(32).fill(7)
const IBAN = 'DE89 3704 0044 0532 0130 00'

function clean(args: JsonObject, methods: Record<string, RedactMethod>, options: { scanner?: Scanner; key?: Uint8Array } = {}) {
  const map = new Map(Object.entries(methods))
  return sanitize(args, scanner.scan(args), map, { scanner: options.scanner ?? scanner, pseudonymKey: options.key ?? pseudonymKey })
}

describe('rewrites', () => {
  test('by redacting, masking and pseudonymizing', () => {
    const args = { to: 'anna@example.com', body: `Pay to ${IBAN}, thanks` }
    expect(clean(args, { iban: 'redact' })?.arguments).toEqual({ to: 'anna@example.com', body: 'Pay to [iban], thanks' })
    expect(clean(args, { iban: 'mask' })?.arguments.body).toBe('Pay to ****3000, thanks')
    expect(clean(args, { iban: 'pseudonymize' })?.arguments.body).toMatch(/^Pay to iban_[a-z2-7]{16}, thanks$/)
  })

  test('and says what and where, without the data', () => {
    const args = { body: `${IBAN} and ${IBAN}`, list: [{ iban: IBAN }] }
    const result = clean(args, { iban: 'pseudonymize' })
    expect(result?.redactions).toEqual([
      { path: '/body', class: 'iban' },
      { path: '/list/0/iban', class: 'iban' },
    ])
    expect(result?.pseudonymized).toHaveLength(3)
    expect(clean(args, { iban: 'mask' })?.pseudonymized).toEqual([])
    expect(JSON.stringify(result)).not.toMatch(/0532|3704/)
  })

  test('only the classes that were named', () => {
    const result = clean({ a: 'anna@example.com', b: IBAN }, { iban: 'redact' })
    expect(result?.arguments).toEqual({ a: 'anna@example.com', b: '[iban]' })
  })

  test('leaves what came untouched', () => {
    const args = { body: IBAN }
    clean(args, { iban: 'redact' })
    expect(args).toEqual({ body: IBAN })
  })

  test('text in look-alike characters, where it stands', () => {
    expect(clean({ body: 'pay ＤＥ８９370400440532013000 now' }, { iban: 'redact' })?.arguments).toEqual({ body: 'pay [iban] now' })
    expect(clean({ body: `card ${[...'4111111111111111'].join('\u200b')}.` }, { card: 'mask' })?.arguments).toEqual({
      body: 'card ****1111.',
    })
  })

  test('under a key whose own data may stay', () => {
    const args = { 'anna@example.com': { note: IBAN }, b: 1 }
    expect(clean(args, { iban: 'redact' })).toMatchObject({
      arguments: { 'anna@example.com': { note: '[iban]' }, b: 1 },
      redactions: [{ path: '/0/note', class: 'iban' }],
    })
  })

  test('masks nothing of a short value', () => {
    expect(clean({ body: 'diagnosis E11.9' }, { icd_code: 'mask' })?.arguments.body).toBe('diagnosis ****')
  })

  test('places that overlap as one, by the method that leaves least', () => {
    const args = { body: 'patient id S1234567D' }
    const result = clean(args, { 'national_id.sg': 'mask', health_record: 'redact' })
    expect(JSON.stringify(result?.arguments)).not.toContain('567')
  })
})

describe('pseudonyms', () => {
  const of = (iban: string, key?: Uint8Array) =>
    clean({ body: iban }, { iban: 'pseudonymize' }, { ...(key ? { key } : {}) })?.arguments.body
  test('are the same for one value however it is written, and differ by value and by zone', () => {
    expect(of('de89370400440532013000')).toBe(of(IBAN))
    expect(of('GB82WEST12345698765432')).not.toBe(of(IBAN))
    expect(of(IBAN, new Uint8Array(32).fill(8))).not.toBe(of(IBAN))
  })

  test.each([
    ['phone', 'phone: +49 151 23456789'],
    ['passport', 'passport number C01X00T47'],
    ['driver_licence', "driver's license A56319335"],
    ['health_record', 'MRN 00123456'],
    ['api_key', 'password: SuperSecretDBPass!2026'],
    ['national_id.es', 'DNI 12345678Z'],
  ])('of %s are not found again beside the same words', (name, body) => {
    for (const method of ['redact', 'mask', 'pseudonymize'] as const) expect(clean({ body }, { [name]: method })).toBeDefined()
  })

  test('are not what hides a value that is written like one', () => {
    const [plain, dressed] = ['4242424242424242', 'card_4242424242424242'].map((body) => scanner.scan({ body }).classes)
    expect([plain, dressed]).toEqual([['card'], ['card']])
  })
})

describe('refuses', () => {
  test.each([
    ['a card', 'iban', `${IBAN.replaceAll(' ', '')}.4111 1111 1111 1111`],
    ['an address', 'us_ssn', 'ann@partner.example.123-45-6789'],
  ])('%s that shows only when the %s beside it is gone', (_what, name, body) => {
    expect(scanner.scan({ body }).classes).toEqual([name])
    for (const method of ['redact', 'mask', 'pseudonymize'] as const) expect(clean({ body }, { [name]: method })).toBeUndefined()
  })

  test.each<[string, JsonObject, string]>([
    ['data in base64', { body: Buffer.from(IBAN).toString('base64') }, 'iban'],
    ['data in percent-encoding', { url: 'https://e.example/?iban=%44%45%38%39370400440532013000' }, 'iban'],
    ['data in a key', { [IBAN]: 1 }, 'iban'],
    ['data in a number', { card: 4111111111111111 }, 'card'],
    ['data over several strings', { parts: ['DE89', '3704', '0044', '0532', '0130', '00'] }, 'iban'],
    ['plain data beside hidden data', { a: IBAN, b: Buffer.from(IBAN).toString('hex') }, 'iban'],
  ])('%s', (_, args, name) => {
    expect(clean(args, { [name]: 'redact' })).toBeUndefined()
  })

  test('what is still found afterwards', () => {
    const blind: Scanner = { scan: () => ({ findings: [], classes: ['iban'], work: 0 }) }
    expect(clean({ body: IBAN }, { iban: 'redact' }, { scanner: blind })).toBeUndefined()
  })

  test('a value that stands in another place, where nothing says what it is', () => {
    expect(clean({ note: 'MRN 00123456', other: 'see 00123456' }, { health_record: 'redact' })).toBeUndefined()
  })

  test('two members that one path would name', () => {
    expect(clean({ '1': 'harmless', 'anna@example.com': IBAN }, { iban: 'redact' })).toBeUndefined()
  })
})

const values: Record<string, string> = {
  iban: IBAN,
  card: '4111 1111 1111 1111',
  email: 'anna@example.com',
  us_ssn: '219-09-9999',
  phone: '+49 151 23456789',
  api_key: 'AKIAIOSFODNN7EXAMPLE',
  crypto_wallet: '1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa',
  ip_address: '203.0.113.77',
}
const names = Object.keys(values)
const method = fc.constantFrom<RedactMethod>('redact', 'mask', 'pseudonymize')
const filler = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 30 }),
  fc.constantFrom('call me', 'invoice', 'IBAN', ' ', '\n', 'MRN', '12-34'),
)

test('never leaves a value, and nothing that a scan would find', () => {
  const text = fc.array(fc.oneof(filler, fc.constantFrom(...Object.values(values))), { maxLength: 6 }).map((parts) => parts.join(' '))
  const { tree } = fc.letrec<{ tree: unknown }>((tie) => ({
    tree: fc.oneof(
      { maxDepth: 3 },
      text,
      fc.integer(),
      fc.constant(null),
      fc.array(tie('tree'), { maxLength: 3 }),
      fc.dictionary(fc.string({ maxLength: 8 }), tie('tree'), { maxKeys: 3 }),
    ),
  }))
  fc.assert(
    fc.property(fc.record({ a: tree, b: text }), fc.dictionary(fc.constantFrom(...names), method), (raw, methods) => {
      const args: JsonObject = JSON.parse(JSON.stringify(raw))
      const scan = scanner.scan(args)
      const result = clean(args, methods)
      if (result === undefined) return
      const after = JSON.stringify(result.arguments)
      for (const { class: name, path, span, layer } of scan.findings) {
        if (methods[name] === undefined || layer !== 'plain') continue
        const original = path
          .split('/')
          .slice(1)
          .reduce<unknown>((at, segment) => (at as Record<string, unknown>)[segment.replaceAll('~1', '/').replaceAll('~0', '~')], args)
        expect(after).not.toContain(JSON.stringify(String(original).slice(...span)).slice(1, -1))
      }
      expect(scanner.scan(result.arguments).classes.filter((name) => methods[name] !== undefined)).toEqual([])
    }),
    { numRuns: 300 },
  )
})

test('most plain data can be rewritten', () => {
  for (const [name, value] of Object.entries(values)) {
    for (const chosen of ['redact', 'mask', 'pseudonymize'] as const) {
      expect([name, chosen, clean({ body: `Hello, ${value} is it.`, [name]: value }, { [name]: chosen }) !== undefined]).toEqual([
        name,
        chosen,
        true,
      ])
    }
  }
})
