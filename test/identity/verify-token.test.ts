import { generateKeyPairSync } from 'node:crypto'
import { exportJWK, SignJWT, UnsecuredJWT } from 'jose'
import { type SenderProof, type TokenVerifier, type TrustedIssuers, tokenVerifier } from '../../runtime/identity/verify-token.ts'
import type { Tenant } from '../../runtime/model/zones.ts'
import { type TestKey, testKey, testToken } from '../support/tokens.ts'

const ZONE_URL = 'https://eu.aegis.example'
const GLOBAL_URL = 'https://global.aegis.example'
const acme: Tenant = { id: 'acme-eu', zone: 'eu', homeRegion: 'eu-west-1', binding: 'zone', mode: 'enforce', residency: 'enforce' }
const umbrella: Tenant = { id: 'umbrella', zone: 'global', homeRegion: null, binding: 'none', mode: 'enforce', residency: 'enforce' }

let eu: TestKey
let us: TestKey
let trusted: TrustedIssuers
let verifier: TokenVerifier
let now = Date.now()

const claims = { iss: 'https://eu-west-1.aegis.example', aud: ZONE_URL, agent_id: 'finance-agent', tenant: 'acme-eu', zone: 'eu' }
const globalClaims = { ...claims, aud: GLOBAL_URL, agent_id: 'research-agent', tenant: 'umbrella', zone: 'global' }
const REGION_URL = 'https://eu-west-1.aegis.example'
const BEARER: SenderProof = { scheme: 'bearer', method: 'POST', url: '/v1/decisions' }
const check = async (token: string) => verifier.verify(token, trusted, BEARER)
const codeOf = async (token: string | Promise<string>) => {
  try {
    await check(await token)
    return 'accepted'
  } catch (error) {
    return (error as { code: string }).code
  }
}

beforeAll(async () => {
  eu = await testKey()
  us = await testKey()
})
beforeEach(() => {
  now = Date.now()
  trusted = {
    issuers: new Map([
      ['https://eu-west-1.aegis.example', { iss: REGION_URL, region: 'eu-west-1', zone: 'eu', keys: [eu.publicJwk] }],
      [
        'https://us-east-1.aegis.example',
        { iss: 'https://us-east-1.aegis.example', region: 'us-east-1', zone: 'us', keys: [us.publicJwk] },
      ],
    ]),
    tenants: new Map([acme, umbrella].map((tenant) => [tenant.id, tenant])),
  }
  verifier = tokenVerifier({
    zone: 'eu',
    regionUrl: REGION_URL,
    zoneUrl: ZONE_URL,
    globalUrl: GLOBAL_URL,
    clock: { now: () => now, monotonic: () => now },
  })
})

test('accepts a zone token of a tenant of this zone', async () => {
  expect(await check(await testToken(eu, { ...claims, sid: 's-1' }))).toMatchObject({
    agentId: 'finance-agent',
    tenant: 'acme-eu',
    zone: 'eu',
    binding: 'zone',
    session: 's-1',
    issuerRegion: 'eu-west-1',
    keyId: eu.publicJwk.kid,
  })
})

test('accepts a global token of an unbound tenant from every regional issuer', async () => {
  expect(await check(await testToken(eu, globalClaims))).toMatchObject({ agentId: 'research-agent', zone: 'global', binding: 'none' })
  expect(await check(await testToken(us, { ...globalClaims, iss: 'https://us-east-1.aegis.example' }))).toMatchObject({
    tenant: 'umbrella',
  })
})

test("refuses another zone's token as wrong_zone, though its tenant is not known here", async () => {
  const foreign = { ...claims, iss: 'https://us-east-1.aegis.example', aud: 'https://us.aegis.example', tenant: 'globex-us', zone: 'us' }
  expect(await codeOf(testToken(us, foreign))).toBe('wrong_zone')
})

test('refuses the global audience for a bound tenant, and the zone audience for an unbound one', async () => {
  expect(await codeOf(testToken(eu, { ...claims, aud: GLOBAL_URL }))).toBe('wrong_audience')
  expect(await codeOf(testToken(us, { ...globalClaims, iss: 'https://us-east-1.aegis.example', tenant: 'globex-us' }))).toBe(
    'wrong_audience',
  )
  expect(await codeOf(testToken(eu, { ...globalClaims, aud: ZONE_URL }))).toBe('wrong_audience')
})

test.each([
  ['a foreign issuer that asserts a resident tenant', () => testToken(us, { ...claims, iss: 'https://us-east-1.aegis.example' })],
  ["another issuer's key", () => testToken(us, claims)],
  ["another issuer's key under a known kid", () => testToken(us, claims, { kid: eu.publicJwk.kid })],
  ['an unknown issuer', () => testToken(eu, { ...claims, iss: 'https://evil.example' })],
  ['an unknown tenant of this zone', () => testToken(eu, { ...claims, tenant: 'nobody' })],
  ['an expired token', () => testToken(eu, { ...claims, exp: Math.floor(now / 1000) - 60 })],
  ['a token without expiry', () => testToken(eu, { ...claims, exp: undefined })],
  ['a token from the future', () => testToken(eu, { ...claims, iat: Math.floor(now / 1000) + 600 })],
  ['a token not valid yet', () => testToken(eu, { ...claims, nbf: Math.floor(now / 1000) + 600 })],
  ['a token without jti', () => testToken(eu, { ...claims, jti: undefined })],
  ['a token without agent', () => testToken(eu, { ...claims, agent_id: undefined })],
  ['two audiences', () => testToken(eu, { ...claims, aud: [ZONE_URL, 'https://us.aegis.example'] })],
  ['another type of token', () => testToken(eu, claims, { typ: 'JWT' })],
  ['a header that names a key of its own', async () => testToken(eu, claims, { jwk: eu.publicJwk as never })],
  ['a header with a key URL', () => testToken(eu, claims, { jku: 'https://evil.example/jwks' })],
  ['a binding of an unknown kind', () => testToken(eu, { ...claims, cnf: { jwk: eu.publicJwk } })],
  ['a known binding beside an unknown one', () => testToken(eu, { ...claims, cnf: { 'x5t#S256': 'A'.repeat(43), kid: 'k' } })],
  ['a binding to nothing', () => testToken(eu, { ...claims, cnf: {} })],
  ['a binding to what is no thumbprint', () => testToken(eu, { ...claims, cnf: { jkt: 'x' } })],
  ['a bound token without any proof', () => testToken(eu, { ...claims, cnf: { jkt: 'A'.repeat(43) } })],
  ['an unsigned token', async () => new UnsecuredJWT(claims).encode()],
  [
    'an HMAC keyed by the public key',
    async () => {
      const secret = Buffer.from(JSON.stringify(eu.publicJwk))
      return new SignJWT(claims)
        .setProtectedHeader({ alg: 'HS256', typ: 'at+jwt', kid: eu.publicJwk.kid })
        .setExpirationTime('1h')
        .sign(secret)
    },
  ],
  ['padding in the signature', async () => `${await testToken(eu, claims)}=`],
  ['a space in the token', async () => ` ${await testToken(eu, claims)}`],
  ['a jti that is no well-formed text', () => testToken(eu, { ...claims, jti: '\ud800' })],
  ['another spelling of the same signature', async () => respelled(await testToken(eu, claims))],
  ['no token at all', async () => ''],
  ['an endless token', async () => `${'a'.repeat(5000)}.b.c`],
  ['garbage of the right form', async () => 'a.b.c'],
])('refuses %s', async (_name, token) => {
  expect(await codeOf(token())).toBe('invalid_token')
})

/** The last character of 64 bytes in base64url has four bits that mean nothing. */
function respelled(token: string): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  return token.slice(0, -1) + alphabet[alphabet.indexOf(token.at(-1) ?? '') ^ 1]
}

test('refuses a key that is not on P-256, even from the directory', async () => {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const rsa = { ...(await exportJWK(publicKey)), kid: 'rsa' }
  trusted = {
    ...trusted,
    issuers: new Map([['https://eu-west-1.aegis.example', { iss: REGION_URL, region: 'eu-west-1', zone: 'eu', keys: [rsa] }]]),
  }
  const token = await new SignJWT(claims)
    .setProtectedHeader({ alg: 'RS256', typ: 'at+jwt', kid: 'rsa' })
    .setExpirationTime('1h')
    .sign(privateKey)
  expect(await codeOf(token)).toBe('invalid_token')
})

test('a remembered token ends at its expiry all the same', async () => {
  const token = await testToken(eu, claims)
  expect(await codeOf(token)).toBe('accepted')
  now += 700_000
  expect(await codeOf(token)).toBe('invalid_token')
})

test('a directory that drops a key drops the tokens that were remembered under it', async () => {
  const token = await testToken(eu, claims)
  expect(await codeOf(token)).toBe('accepted')
  trusted = { ...trusted, issuers: new Map() }
  expect(await codeOf(token)).toBe('invalid_token')
})
