import { existsSync, readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { join } from 'node:path'
import fc from 'fast-check'
import { canonicalUrl, destinationOf } from '../../../runtime/gateway/net/destination.ts'

const EGRESS = [
  { host: 'api.partner.example', zone: 'eu' },
  { host: 'data.public.example', zone: null },
  { host: 'xn--bcher-kva.example', zone: null },
]

const codeOf = (text: string, egress = EGRESS) => {
  const found = destinationOf(text, egress)
  return found.ok ? found.destination.url.href : found.code
}

test.each([
  ['https://api.partner.example', 'https://api.partner.example/', 'eu'],
  ['HTTPS://API.Partner.Example/A/../b?q=1#top', 'https://api.partner.example/b?q=1', 'eu'],
  ['https://api.partner.example:443/x', 'https://api.partner.example/x', 'eu'],
  ['https://api.partner.example./x', 'https://api.partner.example/x', 'eu'],
  ['https://data.public.example/a b', undefined, null],
  ['https://data.public.example/a%20b', 'https://data.public.example/a%20b', null],
  ['https://bücher.example/', 'https://xn--bcher-kva.example/', null],
  ['https://xn--bcher-kva.example/', 'https://xn--bcher-kva.example/', null],
])('reads %s as one canonical destination', (text, href, zone) => {
  const found = destinationOf(text, EGRESS)
  if (href === undefined) return expect(found.ok).toBe(false)
  if (!found.ok) throw new Error(found.message)
  const { url, host, port } = found.destination
  expect([url.href, host, found.destination.zone, port]).toEqual([href, new URL(href).hostname, zone, 443])
})

test.each([
  // One address, in the spellings that parsers of the world accept.
  'https://169.254.169.254/latest/meta-data/',
  'https://2852039166/',
  'https://0xA9FEA9FE/',
  'https://0xa9.0xfe.0xa9.0xfe/',
  'https://0251.0376.0251.0376/',
  'https://169.254.43518/',
  'https://169.16689662/',
  'https://169.254.169.254./',
  'https://%31%36%39.254.169.254/',
  'https://①⑥⑨.254.169.254/',
  'https://１６９。254。169。254/',
  'https://[::ffff:169.254.169.254]/',
  'https://[::ffff:a9fe:a9fe]/',
  'https://[0:0:0:0:0:ffff:a9fe:a9fe]/',
  'https://[::169.254.169.254]/',
  'https://[64:ff9b::169.254.169.254]/',
  'https://[2002:a9fe:a9fe::]/',
  'https://[fd00:ec2::254]/',
  'https://[::1]/',
  'https://[::]:443/',
  'https://[fe80::1]/',
  'https://127.1/',
  'https://0/',
  'https://10.0.0.5:8443/',
  'https://user:password@10.0.0.5/',
  // Whatever the scheme.
  'http://169.254.169.254/latest/meta-data/',
  'http:127.0.0.1/',
  'ftp://127.0.0.1/',
  'gopher://127.0.0.1:6379/_x',
])('refuses the private address %s before it looks at any list', (text) => {
  expect(codeOf(text)).toBe('egress_private_address')
  const { hostname } = new URL(text)
  expect(codeOf(text, [{ host: hostname.replace(/^\[(.*)\]$/, '$1'), zone: 'eu' }])).toBe('egress_private_address')
})

test.each([
  '',
  'api.partner.example',
  '//api.partner.example/',
  '/etc/passwd',
  'https://',
  'https:///api.partner.example/',
  'https:/api.partner.example/',
  'https:api.partner.example/',
  'https:\\\\api.partner.example/',
  'https://api.partner.example\\@127.0.0.1/',
  'https://api.partner.example/\\evil.example',
  'http://api.partner.example/',
  'ws://api.partner.example/',
  'file:///etc/passwd',
  'data:text/plain,x',
  'javascript:alert(1)',
  'jar:https://api.partner.example!/',
  'https://user@api.partner.example/',
  'https://user:secret@api.partner.example/',
  'https://@api.partner.example/',
  'https://api.partner.example@evil.example/',
  'https://api.partner.example%40evil.example/',
  'https://api%2epartner.example/',
  'https://api.partner.example:8443/',
  'https://api.partner.example:80/',
  'https://api.partner.example:0/',
  'https://api.partner.example:99999/',
  'https://api.partner.example../',
  'https://.api.partner.example/',
  'https://partner.example/',
  'https://x.api.partner.example/',
  'https://api.partner.example.evil.example/',
  'https://xapi.partner.example/',
  'https://api-partner.example/',
  // Cyrillic a.
  'https://\u0430pi.partner.example/',
  'https://b\u00fccher.example.evil/',
  ' https://api.partner.example/',
  'https://api.partner.example/ ',
  'https://api.part\tner.example/',
  'https://api.partner.example/\r\nhost: evil.example',
  'https://api.partner.example/\u0000',
  'https://api.part\u200bner.example/',
  'https://api.part\u00adner.example/',
  'https://api.partner.example/\u202e',
  'https://api.partner.example/\ud800',
  'https://[fe80::1%25eth0]/',
  'https://[fe80::1%eth0]/',
  'https://[::1/',
  'https://256.256.256.256/',
  'https://0o177.0.0.1/',
  'https://localhost/',
  'https://metadata.google.internal/computeMetadata/v1/',
  // Public, but nobody's certificate and on no list.
  'https://8.8.8.8/',
  'https://[2606:4700:4700::1111]/',
  'https://[::ffff:8.8.8.8]/',
  `https://api.partner.example/${'a'.repeat(2048)}`,
])('refuses %j', (text) => {
  expect(codeOf(text)).toBe('egress_not_allowed')
})

test('refuses a public address even where a list names it', () => {
  expect(codeOf('https://8.8.8.8/', [{ host: '8.8.8.8', zone: 'eu' }])).toBe('egress_not_allowed')
})

test('an agent without a list reaches nothing', () => {
  expect(codeOf('https://api.partner.example/', [])).toBe('egress_not_allowed')
})

test('a host that is listed in two zones lies outside every zone', () => {
  const twice = [...EGRESS, { host: 'api.partner.example', zone: 'us' }]
  const found = destinationOf('https://api.partner.example/', twice)
  expect(found.ok && found.destination.zone).toBe(null)
})

test('a refusal repeats nothing of the destination', () => {
  for (const text of ['https://evil.example/SECRET', 'https://SECRET@10.0.0.1/', 'SECRET']) {
    const found = destinationOf(text, EGRESS)
    expect(found.ok ? '' : found.message.toLowerCase()).not.toMatch(/secret|evil|10\.0/)
  }
})

test('what is accepted is exactly a listed host by https on its own port, whatever the text', () => {
  const hosts = fc.constantFrom(
    'api.partner.example',
    'API.PARTNER.EXAMPLE.',
    '127.1',
    '[::1]',
    'evil.example',
    '0x7f.1',
    'a@b',
    'ａpi.partner.example',
  )
  const piece = fc.oneof(fc.string({ maxLength: 6 }), fc.string({ unit: 'binary', maxLength: 4 }), hosts)
  const texts = fc
    .tuple(
      fc.constantFrom('https://', 'http://', 'https:', 'https:/\\', 'HTTPS://', ''),
      piece,
      fc.constantFrom('', ':443', ':80', '@', '/', '\\', '#', '?'),
      piece,
    )
    .map((parts) => parts.join(''))
  fc.assert(
    fc.property(texts, (text) => {
      const found = destinationOf(text, EGRESS)
      if (!found.ok) return
      const { url, host } = found.destination
      expect(EGRESS.map((entry) => entry.host)).toContain(host)
      expect(url.href.startsWith(`https://${host}/`)).toBe(true)
      expect([url.username, url.password, url.port, url.hash, isIP(host)]).toEqual(['', '', '', '', 0])
      expect(canonicalUrl(text)?.href).toBe(url.href)
      expect(canonicalUrl(url.href)?.href).toBe(url.href)
    }),
    { numRuns: 2000 },
  )
})

const corpus = join(process.env.AEGIS_CORPORA ?? '', 'ssrf-urls', 'urls.txt')
const withCorpus = process.env.AEGIS_CORPORA !== undefined && existsSync(corpus) ? test : test.skip

withCorpus('refuses every address of the corpus (skipped without AEGIS_CORPORA)', () => {
  const urls = readFileSync(corpus, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
  expect(urls.length).toBeGreaterThan(100)
  for (const url of urls) expect([url, codeOf(url)]).toEqual([url, expect.stringMatching(/^egress_/)])
  const literals = urls.filter((url) => isIP(URL.parse(url)?.hostname.replace(/^\[(.*)\]$/, '$1') ?? '') !== 0)
  expect(literals.length).toBeGreaterThan(30)
  for (const url of literals) expect([url, codeOf(url)]).toEqual([url, 'egress_private_address'])
})
