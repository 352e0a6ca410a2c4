import { createHash, generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isPlaceholder, loadTrustRoot, PLACEHOLDER_TRUST_ROOT } from '../../config/trust.ts'

let folder = ''
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'aegis-trust-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function publicJwk(kid: string, namedCurve = 'P-256') {
  const { kty, crv, x, y } = generateKeyPairSync('ec', { namedCurve }).publicKey.export({ format: 'jwk' })
  return { kty, crv, kid, x, y }
}

function load(content: unknown) {
  const path = join(folder, 'trust.json')
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content))
  return loadTrustRoot(folder, 'prod', path)
}

describe('the trust root', () => {
  it("is the environment's file, and the placeholder without one", () => {
    const keys = [publicJwk('current')]
    writeFileSync(join(folder, 'prod.json'), JSON.stringify({ keys }))
    expect(loadTrustRoot(folder, 'prod')).toEqual({ keys })
    expect(isPlaceholder(loadTrustRoot(folder, 'prod'))).toBe(false)
    expect(loadTrustRoot(folder, 'dev')).toBe(PLACEHOLDER_TRUST_ROOT)
    expect(isPlaceholder(PLACEHOLDER_TRUST_ROOT)).toBe(true)
  })

  it('takes a current and a next key', () => {
    const keys = [publicJwk('current'), { ...publicJwk('next'), alg: 'ES256', use: 'sig' }]
    expect(load({ keys })).toEqual({ keys })
  })

  it('refuses a file that was named and is not there', () => {
    expect(() => loadTrustRoot(folder, 'prod', join(folder, 'absent.json'))).toThrow('there is no such file')
  })

  it.each([
    ['no JSON', '{', /is not JSON/],
    ['no key', { keys: [] }, /keys: needs a key/],
    ['three keys', { keys: [publicJwk('a'), publicJwk('b'), publicJwk('c')] }, /keys: takes two keys at most/],
    ['another curve', { keys: [publicJwk('a', 'P-384')] }, /keys\.0\.crv/],
    ['a key without kid', { keys: [{ ...publicJwk('a'), kid: undefined }] }, /keys\.0\.kid/],
    ['two keys with one kid', { keys: [publicJwk('a'), publicJwk('a')] }, /two keys have the kid "a"/],
    ['a point that is not on the curve', { keys: [{ ...publicJwk('a'), x: 'A'.repeat(43) }] }, /keys\.0: is not a point of P-256/],
    ['an unknown member', { keys: [{ ...publicJwk('a'), x5c: [] }] }, /keys\.0\.x5c: unknown key/],
    ['a bare key', publicJwk('a'), /keys/],
  ])('refuses %s', (_, content, message) => {
    expect(() => load(content)).toThrow(message)
  })

  it('refuses a private key and does not repeat it', () => {
    expect(() => load({ keys: [{ ...publicJwk('a'), d: 'secret' }] })).toThrow(
      /^[^\n]*keys\.0\.d: is a private key; only public keys belong here$/,
    )
  })

  it('has a placeholder that nobody made a key pair for', () => {
    const [key] = PLACEHOLDER_TRUST_ROOT.keys
    expect(key?.x).toBe(createHash('sha256').update('aegis placeholder trust root 1').digest('base64url'))
    expect(load(PLACEHOLDER_TRUST_ROOT)).toEqual(PLACEHOLDER_TRUST_ROOT)
  })
})
