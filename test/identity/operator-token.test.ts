import { operates, operatorVerifier } from '../../runtime/identity/operator-token.ts'
import { type TestKey, testKey, testToken } from '../support/tokens.ts'

const issuer = 'https://login.aegis.example'
const audience = 'https://operators.aegis.example'
const claims = { iss: issuer, aud: audience, sub: 'alice', tenants: ['acme-eu'], roles: ['approver', 'viewer'] }

let key: TestKey
let published: { keys: unknown[] }
let away: boolean
let fetched: string[]
let nowMs: number
let discovery: Record<string, unknown>

beforeAll(async () => {
  key = await testKey()
})
beforeEach(() => {
  published = { keys: [key.publicJwk, { kty: 'RSA', kid: 'other', n: 'x', e: 'AQAB' }] }
  discovery = { issuer, jwks_uri: `${issuer}/keys`, token_endpoint: `${issuer}/token` }
  away = false
  fetched = []
  nowMs = Date.now()
})

const make = () =>
  operatorVerifier({
    issuer,
    audience,
    clock: { now: () => nowMs, monotonic: () => nowMs },
    fetchJson: async (url) => {
      fetched.push(url)
      if (away) throw new Error('away')
      return url.endsWith('/openid-configuration') ? discovery : published
    },
  })
const bearer = async (change: Record<string, unknown> = {}, header = {}, signer = key) =>
  `Bearer ${await testToken(signer, { ...claims, ...change }, { typ: 'JWT', ...header })}`
const outcome = async (verifier: ReturnType<typeof make>, authorization: string | undefined) => {
  try {
    await verifier.verify(authorization)
    return 'accepted'
  } catch (error) {
    return (error as { code: string }).code
  }
}

test('accepts an operator of the issuer, with the roles that are known here', async () => {
  const verifier = make()
  expect(await verifier.verify(await bearer({ roles: ['approver', 'barista', 'dpo'] }))).toEqual({
    iss: issuer,
    sub: 'alice',
    tenants: ['acme-eu'],
    roles: ['approver', 'dpo'],
  })
  expect(await outcome(verifier, await bearer({ aud: ['https://other.example', audience] }, { typ: undefined }))).toBe('accepted')
  expect(fetched).toHaveLength(2)
})

const inS = (s: number) => Math.floor(Date.now() / 1000) + s
test.each<[string, Record<string, unknown>]>([
  ['another issuer', { iss: 'https://login.evil.example' }],
  ["an agent's audience", { aud: 'https://eu.aegis.example' }],
  ['no audience', { aud: undefined }],
  ['an end that is past', { iat: inS(-100), exp: inS(-31) }],
  ['no end', { exp: undefined }],
  ['no beginning', { iat: undefined }],
  ['a beginning ahead', { iat: inS(60), exp: inS(120) }],
  ['a beginning ahead by nbf', { nbf: inS(60) }],
  ['a life of more than a day', { iat: inS(0), exp: inS(86_401) }],
  ['no tenants', { tenants: undefined }],
  ['tenants that are text', { tenants: '*' }],
  ['too many tenants', { tenants: Array.from({ length: 257 }, (_, i) => `t${i}`) }],
  ['roles that are text', { roles: 'approver' }],
  ['no roles', { roles: undefined }],
  ['no subject', { sub: undefined }],
  ['a subject that is a number', { sub: 7 }],
  ['a subject of 300 characters', { sub: 'x'.repeat(300) }],
])('refuses %s', async (_name, change) => {
  expect(await outcome(make(), await bearer(change))).toBe('invalid_token')
})

test('refuses a stranger’s key under a known name, other algorithms and header parameters', async () => {
  const verifier = make()
  const stranger = await testKey()
  expect(await outcome(verifier, await bearer({}, { kid: key.publicJwk.kid }, stranger))).toBe('invalid_token')
  expect(await outcome(verifier, await bearer({}, {}, stranger))).toBe('invalid_token')
  expect(await outcome(verifier, await bearer({}, { jku: 'https://evil.example' }))).toBe('invalid_token')
  const none = `${Buffer.from(JSON.stringify({ alg: 'none', kid: key.publicJwk.kid })).toString('base64url')}.${Buffer.from('{}').toString('base64url')}.e30`
  for (const header of [
    undefined,
    '',
    'Bearer',
    'Bearer a.b.c',
    `Bearer ${none}`,
    `Basic ${none}`,
    `${await bearer()} x`,
    `${await bearer()}=`,
  ])
    expect(await outcome(verifier, header)).toBe('invalid_token')
})

test('an unknown key is asked for, at most once in thirty seconds', async () => {
  const verifier = make()
  const next = await testKey()
  expect(await outcome(verifier, await bearer())).toBe('accepted')
  nowMs += 31_000
  published.keys.push(next.publicJwk)
  expect(await outcome(verifier, await bearer({}, {}, next))).toBe('accepted')
  const before = fetched.length
  for (let i = 0; i < 20; i++) expect(await outcome(verifier, await bearer({}, {}, await testKey()))).toBe('invalid_token')
  expect(fetched).toHaveLength(before)
})

test('a key that the issuer takes back stops working, once the set is read again', async () => {
  const verifier = make()
  expect(await outcome(verifier, await bearer())).toBe('accepted')
  published = { keys: [] }
  nowMs += 301_000
  await outcome(verifier, await bearer({ iat: inS(301), exp: inS(900) }))
  await new Promise((resolve) => setImmediate(resolve))
  expect(await outcome(verifier, await bearer({ iat: inS(301), exp: inS(900) }))).toBe('invalid_token')
})

test('the last good set serves a day while the issuer is away, and no longer', async () => {
  const verifier = make()
  expect(await outcome(verifier, await bearer())).toBe('accepted')
  away = true
  const later = (s: number) => bearer({ iat: inS(s), exp: inS(s + 600) })
  for (const s of [3600, 23 * 3600]) {
    nowMs = Date.now() + s * 1000
    expect(await outcome(verifier, await later(s))).toBe('accepted')
  }
  nowMs = Date.now() + 86_460_000
  expect(await outcome(verifier, await later(86_460))).toBe('invalid_token')
  away = false
  nowMs += 31_000
  expect(await outcome(verifier, await later(86_491))).toBe('accepted')
})

test('refuses everybody while no key is known, and asks again a second later', async () => {
  away = true
  const verifier = make()
  expect(await outcome(verifier, await bearer())).toBe('invalid_token')
  away = false
  nowMs += 1000
  expect(await outcome(verifier, await bearer())).toBe('accepted')
})

test.each([
  ['of another issuer', { issuer: 'https://login.evil.example' }],
  ['with keys in the clear', { jwks_uri: 'http://login.aegis.example/keys' }],
  ['without keys', { jwks_uri: undefined }],
])('refuses a discovery document %s', async (_name, change) => {
  discovery = { ...discovery, ...change }
  expect(await outcome(make(), await bearer())).toBe('invalid_token')
})

test('an operator operates the tenants of the token, and all of them only by a star', () => {
  const operator = { iss: issuer, sub: 'alice', tenants: ['acme-eu'], roles: [] }
  expect(operates(operator, 'acme-eu')).toBe(true)
  expect(operates(operator, 'clinic-eu')).toBe(false)
  expect(operates({ ...operator, tenants: [] }, 'acme-eu')).toBe(false)
  expect(operates({ ...operator, tenants: ['*'] }, 'clinic-eu')).toBe(true)
})
