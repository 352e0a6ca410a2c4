import { beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { type SenderProof, type TokenVerifier, type TrustedIssuers, tokenVerifier } from '../../runtime/identity/verify-token.ts'
import { type TestProof, testProof } from '../support/dpop.ts'
import { type TestKey, testKey, testToken } from '../support/tokens.ts'

const REGION_URL = 'https://eu-west-1.aegis.example'
const ZONE_URL = 'https://eu.aegis.example'
const GLOBAL_URL = 'https://global.aegis.example'
const PATH = '/v1/tools/crm/read_contact'
const claims = { iss: REGION_URL, aud: ZONE_URL, agent_id: 'finance-agent', tenant: 'acme-eu', zone: 'eu' }
const THUMBPRINT = 'A'.repeat(43)

let region: TestKey
let agent: TestKey
let thief: TestKey
let trusted: TrustedIssuers
let verifier: TokenVerifier
let bound: string
let now: number

beforeAll(async () => {
  region = await testKey()
  agent = await testKey()
  thief = await testKey()
  bound = await testToken(region, { ...claims, cnf: { jkt: agent.publicJwk.kid } })
})
beforeEach(() => {
  now = Date.now()
  trusted = {
    issuers: new Map([[REGION_URL, { iss: REGION_URL, region: 'eu-west-1', zone: 'eu', keys: [region.publicJwk] }]]),
    tenants: new Map([
      ['acme-eu', { id: 'acme-eu', zone: 'eu', homeRegion: 'eu-west-1', binding: 'zone', mode: 'enforce', residency: 'enforce' }],
    ]),
  }
  const clock = { now: () => now, monotonic: () => now }
  verifier = tokenVerifier({ zone: 'eu', regionUrl: REGION_URL, zoneUrl: ZONE_URL, globalUrl: GLOBAL_URL, clock })
})

const outcomeOf = async (token: string, proof: Partial<SenderProof>) => {
  try {
    await verifier.verify(token, trusted, { scheme: 'dpop', method: 'POST', url: PATH, ...proof })
    return 'accepted'
  } catch (error) {
    return (error as { code: string }).code
  }
}
const proofOf = (order: Partial<TestProof> = {}, key = agent) => testProof(key, { url: `${ZONE_URL}${PATH}`, accessToken: bound, ...order })

describe('a token that is bound to a DPoP key', () => {
  test.each([REGION_URL, ZONE_URL, GLOBAL_URL, 'HTTPS://EU.AEGIS.EXAMPLE:443'])('is accepted with a proof for %s', async (base) => {
    expect(await outcomeOf(bound, { dpop: proofOf({ url: `${base}${PATH}` }) })).toBe('accepted')
  })

  test('is accepted whatever query the request or the proof has', async () => {
    expect(await outcomeOf(bound, { dpop: proofOf({ url: `${ZONE_URL}${PATH}?x=1#y` }), url: `${PATH}?z=2` })).toBe('accepted')
    expect(await outcomeOf(bound, { dpop: proofOf(), url: `${ZONE_URL}${PATH}` })).toBe('accepted')
  })

  test('refuses a stolen token without proof, under either scheme, also when it is remembered', async () => {
    expect(await outcomeOf(bound, {})).toBe('invalid_token')
    expect(await outcomeOf(bound, { dpop: proofOf() })).toBe('accepted')
    expect(await outcomeOf(bound, {})).toBe('invalid_token')
    expect(await outcomeOf(bound, { scheme: 'bearer' })).toBe('invalid_token')
  })

  test('refuses the plain scheme even with a good proof', async () => {
    expect(await outcomeOf(bound, { scheme: 'bearer', dpop: proofOf() })).toBe('invalid_token')
  })

  test('refuses a proof that comes twice, also after its jti is long', async () => {
    const dpop = proofOf()
    expect(await outcomeOf(bound, { dpop })).toBe('accepted')
    expect(await outcomeOf(bound, { dpop })).toBe('invalid_token')
    now += 59_000
    expect(await outcomeOf(bound, { dpop })).toBe('invalid_token')
  })

  test('refuses a proof of the future that comes twice, until it is too old by itself', async () => {
    const dpop = proofOf({ claims: { iat: Math.floor(now / 1000) + 59 } })
    expect(await outcomeOf(bound, { dpop })).toBe('accepted')
    for (let i = 0; i < 13; i++) {
      now += 10_000
      expect(await outcomeOf(bound, { dpop })).toBe('invalid_token')
    }
  })

  test('refuses one jti in two proofs of one key, and takes it from another key', async () => {
    const again = { claims: { jti: 'same' } }
    expect(await outcomeOf(bound, { dpop: proofOf(again) })).toBe('accepted')
    expect(await outcomeOf(bound, { dpop: proofOf({ claims: { jti: 'same', iat: Math.floor(now / 1000) - 1 } }) })).toBe('invalid_token')
    const other = await testToken(region, { ...claims, cnf: { jkt: thief.publicJwk.kid } })
    expect(await outcomeOf(other, { dpop: proofOf({ ...again, accessToken: other }, thief) })).toBe('accepted')
  })

  const iat = (offsetS: number) => ({ claims: { iat: Math.floor(Date.now() / 1000) + offsetS } })
  test.each<[string, () => string]>([
    ['by another key', () => proofOf({}, thief)],
    ['by another key that shows the right one', () => proofOf({ header: { jwk: publicOf(agent) } }, thief)],
    ['for another method', () => proofOf({ method: 'GET' })],
    ['for the method in lower case', () => proofOf({ method: 'post' })],
    ['for another path', () => proofOf({ url: `${ZONE_URL}/v1/decisions` })],
    ['for another host', () => proofOf({ url: `https://evil.example${PATH}` })],
    ['for another zone', () => proofOf({ url: `https://us.aegis.example${PATH}` })],
    ['for the same host without TLS', () => proofOf({ url: `http://eu.aegis.example${PATH}` })],
    ['for another port', () => proofOf({ url: `https://eu.aegis.example:8443${PATH}` })],
    ['for a URL with a user', () => proofOf({ url: `https://a@eu.aegis.example${PATH}` })],
    ['for a host that only begins like ours', () => proofOf({ url: `https://eu.aegis.example.evil.example${PATH}` })],
    ['for what is no URL', () => proofOf({ url: PATH })],
    ['for another token', () => proofOf({ accessToken: `${bound}x` })],
    ['for no token', () => proofOf({ claims: { ath: undefined } })],
    ['from 61 seconds ago', () => proofOf(iat(-61))],
    ['from 62 seconds ahead', () => proofOf(iat(62))],
    ['without a time', () => proofOf({ claims: { iat: undefined } })],
    ['with a time that is text', () => proofOf({ claims: { iat: String(Math.floor(Date.now() / 1000)) } })],
    ['without jti', () => proofOf({ claims: { jti: undefined } })],
    ['with an empty jti', () => proofOf({ claims: { jti: '' } })],
    ['of type JWT', () => proofOf({ header: { typ: 'JWT' } })],
    ['of algorithm none', () => proofOf({ header: { alg: 'none' } })],
    ['of algorithm HS256', () => proofOf({ header: { alg: 'HS256' } })],
    ['with a private key in it', () => proofOf({ header: { jwk: { ...publicOf(agent), d: 'A'.repeat(43) } } })],
    ['with an RSA key', () => proofOf({ header: { jwk: { kty: 'RSA', n: 'AQAB', e: 'AQAB' } } })],
    ['with a symmetric key', () => proofOf({ header: { jwk: { kty: 'oct', k: 'AAAA' } } })],
    ['with a key on another curve', () => proofOf({ header: { jwk: { ...publicOf(agent), crv: 'P-384' } } })],
    ['with a point that is not on the curve', () => proofOf({ header: { jwk: { ...publicOf(agent), y: 'A'.repeat(43) } } })],
    ['with a key by URL', () => proofOf({ header: { jku: 'https://evil.example/keys' } })],
    ['without a key', () => proofOf({ header: { jwk: undefined } })],
    ['with padding', () => `${proofOf()}=`],
    ['that is empty', () => ''],
    ['that is endless', () => `${proofOf()}${'A'.repeat(5000)}`],
    ['that is the token itself', () => bound],
    ['twice in one header', () => `${proofOf()}, ${proofOf()}`],
  ])('refuses a proof %s', async (_what, dpop) => {
    expect(await outcomeOf(bound, { dpop: dpop() })).toBe('invalid_token')
  })

  test('is judged as token first: at another zone it is wrong_zone, with a proof or without', async () => {
    const clock = { now: () => now, monotonic: () => now }
    verifier = tokenVerifier({
      zone: 'us',
      regionUrl: 'https://us-east-1.aegis.example',
      zoneUrl: 'https://us.aegis.example',
      globalUrl: GLOBAL_URL,
      clock,
    })
    trusted = { ...trusted, tenants: new Map() }
    expect(await outcomeOf(bound, {})).toBe('wrong_zone')
    expect(await outcomeOf(bound, { dpop: proofOf({}, thief) })).toBe('wrong_zone')
  })
})

describe('a token that is bound to a client certificate', () => {
  let token: string
  beforeAll(async () => {
    token = await testToken(region, { ...claims, cnf: { 'x5t#S256': THUMBPRINT } })
  })

  test('is accepted with that certificate, and refused without and with another one', async () => {
    expect(await outcomeOf(token, { scheme: 'bearer', certificate: THUMBPRINT })).toBe('accepted')
    expect(await outcomeOf(token, { scheme: 'bearer' })).toBe('invalid_token')
    expect(await outcomeOf(token, { scheme: 'bearer', certificate: 'B'.repeat(43) })).toBe('invalid_token')
  })

  test('refuses that certificate alone when the token is bound to something else as well', async () => {
    const more = await testToken(region, { ...claims, cnf: { 'x5t#S256': THUMBPRINT, kid: 'k' } })
    expect(await outcomeOf(more, { scheme: 'bearer', certificate: THUMBPRINT })).toBe('invalid_token')
  })

  test('needs both proofs when it is bound to both', async () => {
    const both = await testToken(region, { ...claims, cnf: { jkt: agent.publicJwk.kid, 'x5t#S256': THUMBPRINT } })
    const dpop = () => proofOf({ accessToken: both })
    expect(await outcomeOf(both, { dpop: dpop() })).toBe('invalid_token')
    expect(await outcomeOf(both, { scheme: 'bearer', certificate: THUMBPRINT })).toBe('invalid_token')
    expect(await outcomeOf(both, { dpop: dpop(), certificate: THUMBPRINT })).toBe('accepted')
  })
})

test('refuses a plain token under the scheme DPoP, which would look bound and is not', async () => {
  const plain = await testToken(region, claims)
  expect(await outcomeOf(plain, { dpop: proofOf({ accessToken: plain }) })).toBe('invalid_token')
  expect(await outcomeOf(plain, { scheme: 'bearer' })).toBe('accepted')
})

function publicOf({ publicJwk: { kty, crv, x, y } }: TestKey) {
  return { kty, crv, x, y }
}
