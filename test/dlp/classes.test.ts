import { describe, expect, test } from '@jest/globals'
import { createScanner } from '../../runtime/dlp/scan.ts'
import type { JsonValue } from '../../runtime/model/call.ts'

const scanner = createScanner()
const classesIn = (value: JsonValue) => scanner.scan(value).classes
/** What was found of a class, as it stands in the text. */
const found = (text: string, name: string) =>
  scanner
    .scan(text)
    .findings.filter((finding) => finding.class === name)
    .map(({ span }) => text.slice(...span))

const POSITIVE: Record<string, readonly (string | [text: string, value: string])[]> = {
  card: [
    '4111 1111 1111 1111',
    '4111-1111-1111-1111',
    '5500000000000004',
    '378282246310005',
    '3782 822463 10005',
    '6011111111111117',
    '30569309025904',
    '3530111333300000',
    ['Please charge 4242424242424242, thanks', '4242424242424242'],
    // Maestro with 12 digits, JCB with 15.
    '501800000009',
    '180000000000002',
    // Unknown range: only beside its word.
    ['card number 9999999999999995', '9999999999999995'],
    ['PAN4111111111111111', '4111111111111111'],
    '4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1',
    ['4111 1111 1111 1111 12-34', '4111 1111 1111 1111'],
    ['12 4111 1111-1111.1111 99', '4111 1111-1111.1111'],
  ],
  iban: [
    'DE89 3704 0044 0532 0130 00',
    'DE89370400440532013000',
    'gb82 west 1234 5698 7654 32',
    'FR14 2004 1010 0505 0001 3M02 606',
    'NL91ABNA0417164300',
    'BE68 5390 0754 7034',
    'NO93 8601 1117 947',
    ['IBAN:DE89370400440532013000.', 'DE89370400440532013000'],
    ['IBANDE89370400440532013000', 'DE89370400440532013000'],
  ],
  email: [
    'anna@example.com',
    ['write to Anna.Maria+tag@mail.example.co.uk.', 'Anna.Maria+tag@mail.example.co.uk'],
    'jürgen@müller.example',
    'a@b.co',
  ],
  phone: [
    ['call +49 151 23456789 today', '+49 151 23456789'],
    '+1 (978) 645-9740',
    ['(978)645-9740x11144', '(978)645-9740x11144'],
    '001-748-088-2851',
    '06-10446904',
    '02.27.96.63.08',
    '751-954-9268',
    ['Phone: 785 8949', '785 8949'],
    ['Telefon 92 34 70', '92 34 70'],
    ['089 72 63 41 office', '089 72 63 41'],
    ['mein Handy: 0151 23456789', '0151 23456789'],
  ],
  us_ssn: ['123-45-6789', ['ssn 219099999', '219099999'], ['his social security number is 219 09 9999', '219 09 9999']],
  ip_address: [
    '10.218.6.131',
    ['from 203.0.113.9, again', '203.0.113.9'],
    '2001:db8::8a2e:370:7334',
    '4f8a:c99e:dc86:faf9:5988:5f63:375e:8a2a',
    ['http://169.254.169.254/x', '169.254.169.254'],
  ],
  'national_id.de': ['12 030475 M 003'.replace('M 003', 'M 003'), ['Rentenversicherungsnummer 15070649C103', '15070649C103']].slice(1) as [
    string,
    string,
  ][],
  'tax_id.de': [
    ['Steuer-ID: 86 095 742 719', '86 095 742 719'],
    ['IdNr 86095742719', '86095742719'],
    ['USt-IdNr. DE136695976', 'DE136695976'],
  ],
  'national_id.fr': ['2 55 08 14 168 025 38', '255081416802538'],
  'tax_id.fr': [['TVA FR40303265045', 'FR40303265045']],
  'national_id.es': ['12345678Z', 'X-1234567-L', 'X1234567L'],
  'national_id.it': ['RSSMRA85T10A562S', 'rssmra85t10a562s'],
  'tax_id.it': [['Partita IVA 00743110157', '00743110157']],
  'national_id.nl': [
    ['BSN 111222333', '111222333'],
    ['burgerservicenummer: 1112.22.333', '1112.22.333'],
  ],
  'national_id.pl': ['44051401359'],
  'tax_id.pl': [['NIP 856-734-62-15', '856-734-62-15']],
  'national_id.fi': ['131052-308T'],
  'national_id.se': ['811228-9874', ['personnummer 198112289874', '198112289874']],
  'national_id.pt': ['00000000 0 ZZ4'],
  'tax_id.pt': [['NIF 501 964 843', '501 964 843']],
  'national_id.be': ['85.07.30-033.28', '85073003328'],
  'national_id.gb': ['AB 12 34 56 C', 'AB123456C', ['nino ab123456c', 'ab123456c']],
  'tax_id.us': [
    ['ITIN 912-70-1234', '912-70-1234'],
    ['EIN 91-1144442', '91-1144442'],
  ],
  'national_id.in': ['2341 2341 2346', ['Aadhaar: 234123412346', '234123412346']],
  'tax_id.in': ['ACUPA7085R'],
  'national_id.sg': ['S1234567D', ['NRIC: s1234567d', 's1234567d']],
  'tax_id.au': [['TFN 123 456 782', '123 456 782'], '83 914 571 673'],
  passport: [
    ['Passport number: C01X00T47', 'C01X00T47'],
    ['Reisepass C01X00T47', 'C01X00T47'],
    ['numéro de passeport 12AB34567', '12AB34567'],
    ['passport AB 1234567', 'AB 1234567'],
  ],
  driver_licence: [
    ["My driver's license number is A56319335", 'A56319335'],
    ['Führerschein B072RRE2I55', 'B072RRE2I55'],
    ['permis de conduire 123456789012', '123456789012'],
  ],
  health_record: [
    ['MRN 00123456', '00123456'],
    ['patient id 4711-0815', '4711-0815'],
    ['NHS number 943 476 5919', '943 476 5919'],
    ['Patientenakte 9988776', '9988776'],
    ['KVNR A123456780', 'A123456780'],
  ],
  icd_code: [
    ['diagnosis E11.9', 'E11.9'],
    ['ICD-10: I10', 'I10'],
    ['Diagnosen: F32.1, J45.909', 'J45.909'],
  ],
  api_key: [
    'AKIAIOSFODNN7EXAMPLE',
    'ghp_ABCDEFGHIJKLMNOPQRSTUVWXYZabcdef01',
    'glpat-ABCDEFGHIJ0123456789',
    'xoxb-123456789012-abcdefABCDEF',
    'sk_live_FAKE00000000000000',
    'sk-proj-FAKE00000000000000000000TEST',
    'sk-ant-api03-FAKE000000000000000000',
    'AIzaSyA0000000000000000000000000000000x',
    'npm_ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789',
    'SG.FAKE_TEST_KEY_0000000000.FAKE_TEST_00000000000000000000000000',
    'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U',
    ['AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY', 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY'],
    ['  password: SuperSecretDBPass!2026', 'SuperSecretDBPass!2026'],
    ['postgres://app:s3cretpw@db.internal/x', 's3cretpw'],
  ],
  private_key: [
    '-----BEGIN RSA PRIVATE KEY-----\nMIIEow\n-----END RSA PRIVATE KEY-----',
    '5HueCGU8rMjxEXxiPuD5BDku4MkFqeZyd4dZ1jvhTVqvbTLvyTJ',
    [`private key ${'0c28fca386c7a227'.repeat(4)}`, '0c28fca386c7a227'.repeat(4)],
  ],
  crypto_wallet: [
    '1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa',
    'bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4',
    '0xd8dA6BF26964aF9D7eEd9e03E53415D37aA96045',
    [`wallet 0x${'ab12'.repeat(10)}`, `0x${'ab12'.repeat(10)}`],
  ],
  seed_phrase: [
    `${'abandon '.repeat(11)}about`,
    `${'abandon, '.repeat(11)}about`,
    'legal winner thank year wave sausage worth useful legal winner thank yellow',
    [
      '1. legal 2. winner 3. thank 4. year 5. wave 6. sausage 7. worth 8. useful 9. legal 10. winner 11. thank 12. yellow',
      'legal 2. winner 3. thank 4. year 5. wave 6. sausage 7. worth 8. useful 9. legal 10. winner 11. thank 12. yellow',
    ],
  ],
}

describe.each(Object.entries(POSITIVE))('finds %s', (name, cases) => {
  test.each(cases.map((one) => (typeof one === 'string' ? [one, one] : one)))('in %j', (text, value) => {
    expect(found(text, name)).toContain(value)
  })
})

const NEGATIVE: readonly JsonValue[] = [
  'invoice 114',
  'supplier-7',
  'contact-7',
  'patient-3',
  { amount: 420000, currency: 'eur', recipient: 'supplier-7', memo: 'invoice 114' },
  { id: 'contact-7', fields: { note: 'Called on Monday, wants the invoice by e-mail.' } },
  { patient: 'patient-3' },
  'On 2026-03-10T09:00:00Z we shipped 12 of 400 boxes (order 20260310-0042).',
  'The meeting is on 12.03.2026 at 10:30, room 4.11.',
  'version 1.2.3.4 of the firmware',
  'The 1990s, pages 120-135, EUR 12,345.67 and 0.12345678 0.87654321',
  // Luhn is wrong; area 000; group 00; not a mail domain; a file.
  '4111 1111 1111 1112',
  '000-12-3456',
  '123-00-6789',
  'user@localhost',
  'icon@2x.png',
  'DE88 3704 0044 0532 0130 00',
  { order_id: '1234567890', tracking: '00340434161094042557' },
  { uuid: '550e8400-e29b-41d4-a716-446655440000' },
  'a3f8b2c1-4e5d-6f7a-8b9c-0d1e2f3a4b5c',
  { sha: 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855' },
  'std::vector<int> a::b; std::map',
  'Vitamin B12 and E numbers; room A12',
  'password: required',
  { next_page_token: 'CAEQAhoGCLDf3LcGIgYIsN_ctwY0' },
  'session_id=abc123def456; theme=dark; _ga=GA1.2.1234567890.1234567890',
  'Bearer mF_9.B5f-4.1JqM',
  'https://www.google.com/products?category=electronics&brand=apple&min_price=100&max_price=2000&page=3&per_page=24',
  'https://api.github.com/repos/golang/go/issues?state=open&page=2&per_page=30&sort=updated',
  'The patient was seen twice in 2024 and once in 2025.',
  'her passport is at home, his driving licence too',
  'function total(items: readonly Item[]) { return items.reduce((sum, { price }) => sum + price, 0) }',
  { timestamps: [1732290000, 1732290060, 1732290120] },
  { created: 1732290000123, amount: 99999999 },
  'abandon ability able about above absent absorb abstract absurd abuse access accident'
    .replace('accident', 'acid')
    .replace('abandon', 'the'),
  'bright clear morning light falls over quiet green hills while small birds sing softly near water',
]

test.each(NEGATIVE.map((value) => [value]))('finds nothing in %j', (value) => {
  expect(scanner.scan(value).findings).toEqual([])
})

test('what keys say counts as context', () => {
  expect(classesIn({ phone: '785 8949' })).toEqual(['phone'])
  expect(classesIn({ patient: { mrn: '0012345' } })).toEqual(['health_record'])
  expect(classesIn({ passportNumber: 'C01X00T47' })).toEqual(['passport'])
  expect(classesIn({ password: 'hunter2x' })).toEqual(['api_key'])
  expect(classesIn({ 'X-Api-Key': 'a8f3kd93Bdm5pfQhw0zjr' })).toEqual(['api_key'])
})

test('words of one country rule out numbers of others', () => {
  expect(classesIn('TFN 123 456 782')).toEqual(['tax_id.au'])
})

describe('the demo', () => {
  test('a health record and its diagnosis', () => {
    expect(classesIn({ to: 'x', body: 'MRN 00123456 diagnosis E11.9' })).toEqual(['health_record', 'icd_code'])
  })
  test('an IBAN, with its place', () => {
    const { findings } = scanner.scan({ to: 'anna@example.com', body: 'Pay to DE89 3704 0044 0532 0130 00.' })
    expect(findings).toEqual([
      { path: '/to', class: 'email', span: [0, 16], layer: 'plain', confidence: expect.any(Number) },
      { path: '/body', class: 'iban', span: [7, 34], layer: 'plain', confidence: expect.any(Number) },
    ])
  })
})
