import { describe, expect, test } from '@jest/globals'
import { signCompact, verifyCompact } from '../../runtime/policy/jws.ts'
import { parseTrustRoot } from '../../runtime/policy/trust.ts'
import { testKey, trustIn } from '../support/policy.ts'

const key = testKey('k1')

describe('a trust root', () => {
  test('finds its keys, and no other', () => {
    const trust = parseTrustRoot({ keys: [{ ...key.jwk, alg: 'ES256', use: 'sig' }, testKey('k2').jwk] })
    expect(trust.key('k1')?.asymmetricKeyType).toBe('ec')
    expect(trust.key('k3')).toBeUndefined()
    expect(trust.key('__proto__')).toBeUndefined()
  })

  const { kid, ...nameless } = key.jwk
  test.each([
    ['nothing', undefined],
    ['a list', []],
    ['no keys', { keys: [] }],
    ['an RSA key', { keys: [{ kty: 'RSA', n: 'AQAB', e: 'AQAB', kid }] }],
    ['another curve', { keys: [{ ...key.jwk, crv: 'P-384' }] }],
    ['a private key', { keys: [{ ...key.jwk, d: key.jwk.x }] }],
    ['a key without a name', { keys: [nameless] }],
    ['one name twice', { keys: [key.jwk, key.jwk] }],
    ['a point off the curve', { keys: [{ ...key.jwk, y: key.jwk.x }] }],
    ['an unknown field', { keys: [{ ...key.jwk, x5u: 'https://keys.example' }] }],
  ])('refuses %s', (_, jwks) => {
    expect(() => parseTrustRoot(jwks)).toThrow(/^trust root: /)
  })
})

describe('a compact JWS', () => {
  const trust = trustIn(key)
  const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')

  test('carries its payload', async () => {
    expect(verifyCompact(await signCompact({ a: 'ü' }, key.signer, 't+jwt'), trust, 't+jwt')).toEqual({ a: 'ü' })
  })

  test.each([
    ['two parts', (token: string) => token.slice(0, token.lastIndexOf('.')), 'malformed'],
    ['four parts', (token: string) => `${token}.`, 'malformed'],
    ['padding', (token: string) => `${token}==`, 'malformed'],
    ['a space', (token: string) => `${token} `, 'malformed'],
    ['a cut signature', (token: string) => token.slice(0, -2), 'bad_signature'],
    ['no signature', (token: string) => `${token.slice(0, token.lastIndexOf('.'))}.`, 'bad_signature'],
    ['another payload', (token: string) => token.replace(/\.[^.]+\./, `.${encode({ a: 2 })}.`), 'bad_signature'],
    ['alg none', (token: string) => token.replace(/^[^.]+/, encode({ alg: 'none', kid: 'k1' })), 'bad_signature'],
    ['alg HS256', (token: string) => token.replace(/^[^.]+/, encode({ alg: 'HS256', kid: 'k1' })), 'bad_signature'],
    ['no kid', (token: string) => token.replace(/^[^.]+/, encode({ alg: 'ES256' })), 'unknown_key'],
    ['an unknown kid', (token: string) => token.replace(/^[^.]+/, encode({ alg: 'ES256', kid: 'k9' })), 'unknown_key'],
    [
      'a key of its own',
      (token: string) => token.replace(/^[^.]+/, encode({ alg: 'ES256', kid: 'k1', jwk: testKey('x').jwk })),
      'malformed',
    ],
    ['critical headers', (token: string) => token.replace(/^[^.]+/, encode({ alg: 'ES256', kid: 'k1', crit: ['b64'] })), 'malformed'],
    ['a header that is no JSON', (token: string) => token.replace(/^[^.]+/, 'AAAA'), 'malformed'],
    ['nothing', () => '', 'malformed'],
  ])('refuses %s', async (_, change, code) => {
    const token = change(await signCompact({ a: 1 }, key.signer))
    expect(() => verifyCompact(token, trust)).toThrow(expect.objectContaining({ code }))
  })

  test('refuses another type', async () => {
    const token = await signCompact({ a: 1 }, key.signer, 'at+jwt')
    expect(() => verifyCompact(token, trust, 'aegis-directory+jwt')).toThrow(/typ "at\+jwt"/)
  })

  test('refuses a DER signature from the signer', async () => {
    const der = { keyId: 'k1', sign: async () => new Uint8Array(71) }
    await expect(signCompact({}, der)).rejects.toThrow(/71 bytes/)
  })
})
