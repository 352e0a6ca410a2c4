import { createHmac, generateKeyPairSync, sign } from 'node:crypto'
import fc from 'fast-check'
import {
  type OverrideClaims,
  OverrideRefused,
  signOverrideToken,
  unverifiedRegion,
  verifyOverrideToken,
} from '../../runtime/identity/override-token.ts'
import type { Signer } from '../../runtime/model/ports.ts'
import { type TestKey, testKey } from '../support/tokens.ts'

const region = 'eu-west-1'
const regionUrl = 'https://eu-west-1.aegis.example'
const nowMs = Math.floor(Date.now() / 1000) * 1000
const claims: OverrideClaims = {
  id: `apr.eu-west-1.${'x'.repeat(22)}`,
  tenant: 'acme-eu',
  agent: 'finance-agent',
  digest: 'a'.repeat(64),
  policyVersion: 'rev-1',
  region,
  rules: ['max_amount'],
  roles: ['approver'],
  approvers: [{ sub: 'alice', atMs: nowMs - 1000 }],
  attestationDigest: 'b'.repeat(64),
  notBeforeMs: nowMs,
  expiresAtMs: nowMs + 300_000,
}

let key: TestKey
let token: string
const signer = ({ privateKey, publicJwk }: TestKey): Signer => ({
  keyId: publicJwk.kid,
  sign: async (message) => sign('sha256', message, { key: privateKey, dsaEncoding: 'ieee-p1363' }),
})
const verify = (text: string, change = {}) => verifyOverrideToken(text, { key: key.publicJwk, region, regionUrl, nowMs, ...change })

beforeAll(async () => {
  key = await testKey()
  token = await signOverrideToken(claims, signer(key), regionUrl)
})

test('gives back what was signed', () => {
  expect(verify(token)).toEqual(claims)
  expect(unverifiedRegion(token)).toBe(region)
  const [header = ''] = token.split('.')
  expect(JSON.parse(Buffer.from(header, 'base64url').toString())).toEqual({
    alg: 'ES256',
    kid: key.publicJwk.kid,
    typ: 'aegis-override+jwt',
  })
})

test('refuses it after its end, before its beginning, elsewhere, and under another key', async () => {
  expect(() => verify(token, { nowMs: nowMs + 300_000 })).toThrow(OverrideRefused)
  expect(() => verify(token, { nowMs: nowMs - 31_000 })).toThrow(OverrideRefused)
  expect(() => verify(token, { region: 'eu-central-1' })).toThrow(OverrideRefused)
  expect(() => verify(token, { regionUrl: 'https://eu-central-1.aegis.example' })).toThrow(OverrideRefused)
  const { publicJwk } = await testKey()
  expect(() => verify(token, { key: publicJwk })).toThrow(OverrideRefused)
  expect(() => verify(token, { key: { ...publicJwk, kid: key.publicJwk.kid } })).toThrow(OverrideRefused)
})

test('refuses a token that would live longer than five minutes', async () => {
  const long = await signOverrideToken({ ...claims, expiresAtMs: nowMs + 301_000 }, signer(key), regionUrl)
  expect(() => verify(long)).toThrow(OverrideRefused)
})

/** A token whose header and payload are what the test says, signed by the true key. */
async function forged(header: object, payload: unknown, signature?: (signed: string) => Buffer): Promise<string> {
  const signed = [header, payload].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')
  const bytes = signature?.(signed) ?? Buffer.from(await signer(key).sign(Buffer.from(signed)))
  return `${signed}.${bytes.toString('base64url')}`
}
const payloadOf = (text: string) => JSON.parse(Buffer.from(text.split('.')[1] ?? '', 'base64url').toString())

test('refuses every other algorithm, type, key and header parameter, though the signature holds', async () => {
  const good = { alg: 'ES256', kid: key.publicJwk.kid, typ: 'aegis-override+jwt' }
  const payload = payloadOf(token)
  expect(verify(await forged(good, payload))).toEqual(claims)
  for (const header of [
    { ...good, alg: 'none' },
    { ...good, alg: 'ES384' },
    { ...good, alg: 'es256' },
    { ...good, typ: 'at+jwt' },
    { ...good, typ: 'JWT' },
    { alg: good.alg, kid: good.kid },
    { ...good, kid: 'another' },
    { alg: good.alg, typ: good.typ },
    { ...good, jwk: key.publicJwk },
    { ...good, jku: 'https://evil.example/jwks' },
    { ...good, crit: ['b64'], b64: false },
  ])
    expect(await refusal(header, payload)).toBe('OverrideRefused')
})

async function refusal(header: object, payload: unknown, signature?: (signed: string) => Buffer): Promise<string> {
  const text = await forged(header, payload, signature)
  try {
    verify(text)
    return 'accepted'
  } catch (error) {
    return (error as Error).name
  }
}

test('refuses an HMAC under the public key, an empty signature, and none', async () => {
  const { kid } = key.publicJwk
  const payload = payloadOf(token)
  const secret = JSON.stringify(key.publicJwk)
  const hmac = (signed: string) => createHmac('sha256', secret).update(signed).digest()
  expect(await refusal({ alg: 'HS256', kid, typ: 'aegis-override+jwt' }, payload, hmac)).toBe('OverrideRefused')
  expect(await refusal({ alg: 'ES256', kid, typ: 'aegis-override+jwt' }, payload, hmac)).toBe('OverrideRefused')
  expect(await refusal({ alg: 'none', kid, typ: 'aegis-override+jwt' }, payload, () => Buffer.alloc(0))).toBe('OverrideRefused')
  const der = (signed: string) => sign('sha256', Buffer.from(signed), key.privateKey)
  expect(await refusal({ alg: 'ES256', kid, typ: 'aegis-override+jwt' }, payload, der)).toBe('OverrideRefused')
  const zero = () => Buffer.alloc(64)
  expect(await refusal({ alg: 'ES256', kid, typ: 'aegis-override+jwt' }, payload, zero)).toBe('OverrideRefused')
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const rs = (signed: string) => sign('sha256', Buffer.from(signed), rsa.privateKey)
  expect(await refusal({ alg: 'RS256', kid, typ: 'aegis-override+jwt' }, payload, rs)).toBe('OverrideRefused')
})

test('refuses other spellings of the same bytes', () => {
  const [header, payload, signature] = token.split('.')
  for (const text of [
    `${token}=`,
    `${token}.`,
    ` ${token}`,
    `${token}\n`,
    `${header}.${payload}=.${signature}`,
    `${header} .${payload}.${signature}`,
  ])
    expect(() => verify(text)).toThrow(OverrideRefused)
})

test('refuses every token in which one claim was changed after signing', async () => {
  const [header = '', , signature = ''] = token.split('.')
  const payload = payloadOf(token)
  fc.assert(
    fc.property(
      fc.constantFrom(...Object.keys(payload), 'extra'),
      fc.oneof(fc.string(), fc.nat(), fc.array(fc.string()), fc.constant(null)),
      (name, value) => {
        fc.pre(JSON.stringify(payload[name]) !== JSON.stringify(value))
        const changed = Buffer.from(JSON.stringify({ ...payload, [name]: value })).toString('base64url')
        expect(() => verify(`${header}.${changed}.${signature}`)).toThrow(OverrideRefused)
      },
    ),
  )
})

test('refuses every token in which one character was changed', () => {
  fc.assert(
    fc.property(fc.nat(token.length - 1), fc.constantFrom(...'ABab01-_.='), (at, character) => {
      fc.pre(token[at] !== character)
      expect(() => verify(token.slice(0, at) + character + token.slice(at + 1))).toThrow(OverrideRefused)
    }),
    { numRuns: 400 },
  )
})

test('refuses claims of another shape, though the signature holds', async () => {
  const good = { alg: 'ES256', kid: key.publicJwk.kid, typ: 'aegis-override+jwt' }
  const payload = payloadOf(token)
  for (const changed of [
    { ...payload, extra: 1 },
    { ...payload, act: 'short' },
    { ...payload, approvers: [] },
    { ...payload, roles: [] },
    { ...payload, exp: String(payload.exp) },
    { ...payload, aud: [regionUrl] },
    { ...payload, nbf: undefined },
    { ...payload, region: 'us-east-1' },
    [],
    null,
  ])
    expect(await refusal(good, changed)).toBe('OverrideRefused')
})
