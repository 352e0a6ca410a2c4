import { createHash, sign } from 'node:crypto'
import { beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { type IssuedToken, type IssuingDirectory, type TokenRequest, tokenService } from '../../runtime/identity/token-service.ts'
import { tokenVerifier } from '../../runtime/identity/verify-token.ts'
import type { Signer } from '../../runtime/model/ports.ts'
import type { Tenant } from '../../runtime/model/zones.ts'
import type { Client } from '../../runtime/policy/directory.ts'
import { publicJwk } from '../../runtime/policy/trust.ts'
import { testProof } from '../support/dpop.ts'
import { type TestKey, testKey, testToken } from '../support/tokens.ts'

const REGION_URL = 'https://eu-central-1.aegis.example'
const ZONE_URL = 'https://eu.aegis.example'
const GLOBAL_URL = 'https://global.aegis.example'
const TOKEN_URL = `${REGION_URL}/oauth/token`
const JWT_BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer'
const ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'
const WORKLOAD = { iss: 'https://cluster.example', sub: 'spiffe://cluster.example/finance' }
const SECRET = 'correct horse +/:%&='

const acme: Tenant = { id: 'acme-eu', zone: 'eu', homeRegion: 'eu-west-1', binding: 'zone', mode: 'enforce', residency: 'enforce' }
const clinic: Tenant = { ...acme, id: 'clinic-eu', binding: 'region' }
const umbrella: Tenant = { ...acme, id: 'umbrella', zone: 'global', homeRegion: null, binding: 'none' }
const foreign: Tenant = { ...acme, id: 'globex-us', zone: 'us', homeRegion: 'us-east-1' }

let region: TestKey
let workload: TestKey
let agentKey: TestKey
let directory: IssuingDirectory | undefined
let killed: string | undefined
let signer: Signer | undefined
let now: number
let service: ReturnType<typeof tokenService>

beforeAll(async () => {
  region = await testKey()
  workload = await testKey()
  agentKey = await testKey()
})
beforeEach(() => {
  now = Date.now()
  killed = undefined
  const secret_sha256 = createHash('sha256').update(SECRET).digest('hex')
  const keys = [publicJwk.parse(workload.publicJwk)]
  const clients: Client[] = [
    { agent: 'finance-agent', tenant: 'acme-eu', secret_sha256, assertions: [{ ...WORKLOAD, keys }] },
    { agent: 'support-agent', tenant: 'acme-eu', secret_sha256 },
    { agent: 'ward-agent', tenant: 'clinic-eu', secret_sha256 },
    { agent: 'research-agent', tenant: 'umbrella', secret_sha256 },
    { agent: 'ops-agent', tenant: 'globex-us', secret_sha256 },
    { agent: 'keyed-agent', tenant: 'acme-eu', assertions: [{ iss: 'https://other.example', sub: 'x', keys }] },
  ]
  directory = {
    clients: new Map(clients.map((client) => [client.agent, client])),
    tenants: new Map([acme, clinic, umbrella, foreign].map((tenant) => [tenant.id, tenant])),
    notAfterMs: now + 3_600_000,
  }
  signer = {
    keyId: region.publicJwk.kid,
    sign: async (message) => sign('sha256', message, { key: region.privateKey, dsaEncoding: 'ieee-p1363' }),
  }
  service = tokenService({
    zone: 'eu',
    regionUrl: REGION_URL,
    zoneUrl: ZONE_URL,
    globalUrl: GLOBAL_URL,
    active: () => directory,
    signer: () => signer,
    killed: ({ tenant, agent }) => killed === tenant || killed === agent,
    clock: { now: () => now, monotonic: () => now },
  })
})

type Form = Record<string, string | undefined>
const request = (form: Form, more: Omit<TokenRequest, 'form'> = {}): TokenRequest => ({
  form: new Map(Object.entries(form).filter((entry): entry is [string, string] => entry[1] !== undefined)),
  ...more,
})
const bySecret = (more: Form = {}) => ({ grant_type: 'client_credentials', client_id: 'finance-agent', client_secret: SECRET, ...more })
const basic = (id: string, secret: string) =>
  `Basic ${Buffer.from(`${encodeURIComponent(id)}:${encodeURIComponent(secret)}`).toString('base64')}`
const claimsOf = ({ accessToken }: IssuedToken) => JSON.parse(Buffer.from(accessToken.split('.')[1] ?? '', 'base64url').toString())
const refusalOf = async (asked: TokenRequest) => {
  try {
    await service.issue(asked)
    return 'issued'
  } catch (error) {
    return (error as { code: string }).code
  }
}
const assertion = (claims: Record<string, unknown> = {}, header: Record<string, unknown> = {}, key = workload) =>
  testToken(key, { ...WORKLOAD, aud: TOKEN_URL, exp: Math.floor(now / 1000) + 120, ...claims }, { typ: undefined, ...header })
/** What a gateway of the zone makes of a token: `us` of the other one. */
const principalOf = async ({ accessToken }: IssuedToken, zone = 'eu') => {
  const clock = { now: () => now, monotonic: () => now }
  const verifier = tokenVerifier({ zone, regionUrl: REGION_URL, zoneUrl: `https://${zone}.aegis.example`, globalUrl: GLOBAL_URL, clock })
  const issuers = new Map([[REGION_URL, { iss: REGION_URL, region: 'eu-central-1', zone: 'eu', keys: [region.publicJwk] }]])
  const tenants = zone === 'eu' ? new Map([acme, clinic, umbrella].map((one) => [one.id, one])) : new Map([[umbrella.id, umbrella]])
  return verifier.verify(accessToken, { issuers, tenants }, { scheme: 'bearer', method: 'POST', url: '/' })
}

describe('client credentials', () => {
  test('give a token for the zone that its gateways take and another zone refuses', async () => {
    const token = await service.issue(request(bySecret()))
    expect(token).toMatchObject({ tokenType: 'Bearer', expiresInS: 600 })
    expect(await principalOf(token)).toMatchObject({
      agentId: 'finance-agent',
      tenant: 'acme-eu',
      zone: 'eu',
      issuerRegion: 'eu-central-1',
    })
    await expect(principalOf(token, 'us')).rejects.toMatchObject({ code: 'wrong_zone' })
    const { iat, exp } = claimsOf(token)
    expect(exp - iat).toBe(600)
  })

  test('give a global token where nothing binds the tenant, and every zone takes it', async () => {
    const token = await service.issue(request(bySecret({ client_id: 'research-agent' })))
    expect(claimsOf(token)).toMatchObject({ aud: GLOBAL_URL, zone: 'global', iss: REGION_URL })
    expect(await principalOf(token, 'us')).toMatchObject({ tenant: 'umbrella' })
  })

  test('of a tenant that is bound to a region are served in every region of its zone', async () => {
    expect(claimsOf(await service.issue(request(bySecret({ client_id: 'ward-agent' }))))).toMatchObject({
      aud: ZONE_URL,
      tenant: 'clinic-eu',
    })
  })

  test('are taken from an Authorization header, form-encoded within it', async () => {
    const authorization = basic('finance-agent', SECRET)
    expect(claimsOf(await service.issue(request({ grant_type: 'client_credentials' }, { authorization })))).toMatchObject({
      agent_id: 'finance-agent',
    })
  })

  test('begin a session of their own, or go on with one', async () => {
    const first = await service.issue(request(bySecret()))
    const second = await service.issue(request(bySecret()))
    expect(first.session).not.toBe(second.session)
    expect(claimsOf(first)).toMatchObject({ sid: first.session, jti: first.tokenId })
    expect(claimsOf(await service.issue(request(bySecret({ session: first.session }))))).toMatchObject({ sid: first.session })
  })

  test.each<[string, string, () => TokenRequest]>([
    ['invalid_client', 'another secret', () => request(bySecret({ client_secret: `${SECRET}x` }))],
    ['invalid_client', 'an unknown client', () => request(bySecret({ client_id: 'nobody' }))],
    ['invalid_client', 'no client', () => request(bySecret({ client_id: undefined }))],
    ['invalid_client', 'a client that has no secret', () => request(bySecret({ client_id: 'keyed-agent', client_secret: '' }))],
    ['invalid_client', 'a client without any proof', () => request(bySecret({ client_secret: undefined }))],
    [
      'invalid_client',
      'the hash in place of the secret',
      () => request(bySecret({ client_secret: createHash('sha256').update(SECRET).digest('hex') })),
    ],
    ['invalid_client', 'a client of another zone', () => request(bySecret({ client_id: 'ops-agent' }))],
    [
      'invalid_client',
      'a client id beside another one in the header',
      () => request({ grant_type: 'client_credentials', client_id: 'support-agent' }, { authorization: basic('finance-agent', SECRET) }),
    ],
    ['invalid_request', 'two ways at once', () => request(bySecret(), { authorization: basic('finance-agent', SECRET) })],
    ['invalid_request', 'a Bearer header', () => request({ grant_type: 'client_credentials' }, { authorization: 'Bearer x' })],
    [
      'invalid_request',
      'a header that is not UTF-8',
      () => request({ grant_type: 'client_credentials' }, { authorization: `Basic ${Buffer.from([0x61, 0x3a, 0xff]).toString('base64')}` }),
    ],
    [
      'invalid_request',
      'a header without colon',
      () => request({ grant_type: 'client_credentials' }, { authorization: `Basic ${Buffer.from('finance-agent').toString('base64')}` }),
    ],
    [
      'invalid_request',
      'a broken percent code',
      () =>
        request({ grant_type: 'client_credentials' }, { authorization: `Basic ${Buffer.from('finance-agent:%zz').toString('base64')}` }),
    ],
    ['invalid_request', 'no grant type', () => request(bySecret({ grant_type: undefined }))],
    ['unsupported_grant_type', 'another grant type', () => request(bySecret({ grant_type: 'password' }))],
    ['invalid_request', 'a session that is no name', () => request(bySecret({ session: 'a b' }))],
    ['invalid_request', 'an endless session', () => request(bySecret({ session: 'a'.repeat(65) }))],
    ['invalid_scope', 'a scope', () => request(bySecret({ scope: 'admin' }))],
    ['invalid_target', 'a resource of another zone', () => request(bySecret({ resource: 'https://us.aegis.example/mcp' }))],
    ['invalid_target', 'the global name for a bound tenant', () => request(bySecret({ resource: GLOBAL_URL }))],
  ])('refuses with %s %s', async (code, _what, asked) => {
    expect(await refusalOf(asked())).toBe(code)
  })

  test('may name the resource that the token is for anyway', async () => {
    expect(await refusalOf(request(bySecret({ resource: `${ZONE_URL}/mcp` })))).toBe('issued')
  })

  test('refuses an agent or tenant with a kill switch, until it is lifted', async () => {
    for (const kill of ['finance-agent', 'acme-eu']) {
      killed = kill
      expect(await refusalOf(request(bySecret()))).toBe('unauthorized_client')
    }
    killed = undefined
    expect(await refusalOf(request(bySecret()))).toBe('issued')
  })

  test('refuses everybody without a directory, without a key, and after the directory has expired', async () => {
    const key = signer
    signer = undefined
    expect(await refusalOf(request(bySecret()))).toBe('temporarily_unavailable')
    signer = key
    expect(await refusalOf(request(bySecret()))).toBe('issued')
    now = directory?.notAfterMs ?? 0
    expect(await refusalOf(request(bySecret()))).toBe('temporarily_unavailable')
    directory = undefined
    expect(await refusalOf(request(bySecret()))).toBe('temporarily_unavailable')
  })

  test('refuses a client after many failures, the right secret too, and only this client', async () => {
    for (let i = 0; i < 60; i++) expect(await refusalOf(request(bySecret({ client_secret: `guess-${i}` })))).toBe('invalid_client')
    expect(await refusalOf(request(bySecret()))).toBe('slow_down')
    expect(await refusalOf(request(bySecret({ client_id: 'support-agent' })))).toBe('issued')
    now += 1000
    expect(await refusalOf(request(bySecret()))).toBe('issued')
  })
})

describe('assertions of workloads', () => {
  test('are a grant, and a way to authenticate', async () => {
    expect(claimsOf(await service.issue(request({ grant_type: JWT_BEARER, assertion: await assertion() })))).toMatchObject({
      agent_id: 'finance-agent',
      tenant: 'acme-eu',
    })
    const form = {
      grant_type: 'client_credentials',
      client_assertion_type: ASSERTION_TYPE,
      client_assertion: await assertion({ aud: [REGION_URL] }),
    }
    expect(claimsOf(await service.issue(request(form)))).toMatchObject({ agent_id: 'finance-agent' })
  })

  test('go together when both are about one agent', async () => {
    expect(
      await refusalOf(request({ grant_type: JWT_BEARER, assertion: await assertion() }, { authorization: basic('finance-agent', SECRET) })),
    ).toBe('issued')
    expect(
      await refusalOf(request({ grant_type: JWT_BEARER, assertion: await assertion() }, { authorization: basic('support-agent', SECRET) })),
    ).toBe('invalid_grant')
    expect(await refusalOf(request({ grant_type: JWT_BEARER, assertion: await assertion(), client_id: 'support-agent' }))).toBe(
      'invalid_client',
    )
  })

  test('count once, whichever way they are used', async () => {
    const once = await assertion()
    expect(await refusalOf(request({ grant_type: JWT_BEARER, assertion: once }))).toBe('issued')
    expect(await refusalOf(request({ grant_type: JWT_BEARER, assertion: once }))).toBe('invalid_grant')
    const asClient = { grant_type: 'client_credentials', client_assertion_type: ASSERTION_TYPE, client_assertion: once }
    expect(await refusalOf(request(asClient))).toBe('invalid_client')
    const twice = await assertion()
    const both = { grant_type: JWT_BEARER, assertion: twice, client_assertion_type: ASSERTION_TYPE, client_assertion: twice }
    expect(await refusalOf(request(both))).toBe('invalid_grant')
  })

  test('count once for as long as they would be accepted', async () => {
    const longest = await assertion({ exp: Math.floor(now / 1000) + 329 })
    expect(await refusalOf(request({ grant_type: JWT_BEARER, assertion: longest }))).toBe('issued')
    for (let i = 0; i < 40; i++) {
      now += 10_000
      expect(await refusalOf(request({ grant_type: JWT_BEARER, assertion: longest }))).toBe('invalid_grant')
    }
  })

  const inS = (seconds: number) => Math.floor(Date.now() / 1000) + seconds
  const misuses: [string, () => Promise<string>][] = [
    ['by another key', async () => assertion({}, {}, agentKey)],
    ['by another key under the known kid', async () => assertion({}, { kid: workload.publicJwk.kid }, agentKey)],
    ['by a key of the region', async () => assertion({}, {}, region)],
    ['without kid', async () => assertion({}, { kid: undefined })],
    ['with a key of its own', async () => assertion({}, { jwk: workload.publicJwk })],
    ['that names a key by URL', async () => assertion({}, { jku: 'https://evil.example' })],
    ['of another workload of the issuer', async () => assertion({ sub: 'spiffe://cluster.example/other' })],
    ['of another issuer', async () => assertion({ iss: 'https://evil.example' })],
    ['that joins another issuer with this subject', async () => assertion({ iss: 'https://other.example' })],
    ["for another region's endpoint", async () => assertion({ aud: 'https://eu-west-1.aegis.example/oauth/token' })],
    ['for the zone, which other regions share', async () => assertion({ aud: ZONE_URL })],
    ['for two audiences', async () => assertion({ aud: [TOKEN_URL, 'https://elsewhere.example'] })],
    ['for nobody', async () => assertion({ aud: undefined })],
    ['that has expired', async () => assertion({ exp: inS(-31) })],
    ['that never expires', async () => assertion({ exp: undefined })],
    ['that lives too long', async () => assertion({ exp: inS(400) })],
    ['from the future', async () => assertion({ iat: inS(60) })],
    ['that is not valid yet', async () => assertion({ nbf: inS(60) })],
    ['without jti', async () => assertion({ jti: undefined })],
    ['that is an access token', async () => assertion({}, { typ: 'at+jwt' })],
    ['that is a DPoP proof', async () => assertion({}, { typ: 'dpop+jwt' })],
    ['without signature', async () => `${(await assertion()).split('.').slice(0, 2).join('.')}.`],
    ['of algorithm none', async () => unsigned(await assertion())],
    ['with padding', async () => `${await assertion()}=`],
    ['that is endless', async () => `${await assertion()}${'A'.repeat(9000)}`],
    ['that is no token', async () => 'hello'],
  ]
  test.each(misuses)('refuses as grant an assertion %s', async (_what, made) => {
    expect(await refusalOf(request({ grant_type: JWT_BEARER, assertion: await made() }))).toBe('invalid_grant')
  })
  test.each(misuses)('refuses as client an assertion %s', async (_what, made) => {
    const form = { grant_type: 'client_credentials', client_assertion_type: ASSERTION_TYPE, client_assertion: await made() }
    expect(await refusalOf(request(form))).toBe('invalid_client')
  })

  test('refuses a workload that the directory gives to two agents', async () => {
    const entry = directory?.clients.get('finance-agent')?.assertions
    if (directory === undefined || entry === undefined) throw new Error('the directory has this client')
    directory = {
      ...directory,
      clients: new Map([...directory.clients, ['twin', { agent: 'twin', tenant: 'acme-eu', assertions: entry }]]),
    }
    expect(await refusalOf(request({ grant_type: JWT_BEARER, assertion: await assertion() }))).toBe('invalid_grant')
  })

  test.each<[string, Form]>([
    ['a grant without assertion', { grant_type: JWT_BEARER }],
    ['an assertion of another type', { grant_type: 'client_credentials', client_assertion: 'a.b.c', client_assertion_type: 'saml' }],
    ['an assertion of no type', { grant_type: 'client_credentials', client_assertion: 'a.b.c' }],
    ['a type without assertion', { grant_type: 'client_credentials', client_assertion_type: ASSERTION_TYPE }],
    ['an assertion beside a secret', { ...bySecret(), client_assertion: 'a.b.c', client_assertion_type: ASSERTION_TYPE }],
  ])('refuses %s as invalid_request', async (_what, form) => {
    expect(await refusalOf(request(form))).toBe('invalid_request')
  })
})

describe('a token for a sender that proves a key', () => {
  test('is bound to that key, and to the client certificate', async () => {
    const dpop = testProof(agentKey, { url: TOKEN_URL })
    const token = await service.issue(request(bySecret(), { dpop, certificate: 'A'.repeat(43) }))
    expect(token.tokenType).toBe('DPoP')
    expect(claimsOf(token).cnf).toEqual({ jkt: agentKey.publicJwk.kid, 'x5t#S256': 'A'.repeat(43) })
    await expect(principalOf(token)).rejects.toMatchObject({ code: 'invalid_token' })
  })

  test('refuses a proof that was used, or is for another endpoint or method', async () => {
    const dpop = testProof(agentKey, { url: TOKEN_URL })
    expect(await refusalOf(request(bySecret(), { dpop }))).toBe('issued')
    expect(await refusalOf(request(bySecret(), { dpop }))).toBe('invalid_dpop_proof')
    expect(await refusalOf(request(bySecret(), { dpop: testProof(agentKey, { url: `${REGION_URL}/oauth/other` }) }))).toBe(
      'invalid_dpop_proof',
    )
    expect(await refusalOf(request(bySecret(), { dpop: testProof(agentKey, { url: TOKEN_URL, method: 'GET' }) }))).toBe(
      'invalid_dpop_proof',
    )
    expect(await refusalOf(request(bySecret(), { dpop: '' }))).toBe('invalid_dpop_proof')
  })
})

test('refuses a lifetime over ten minutes', () => {
  const urls = { regionUrl: REGION_URL, zoneUrl: ZONE_URL, globalUrl: GLOBAL_URL }
  const clock = { now: () => now, monotonic: () => now }
  const make = (lifetimeS: number) =>
    tokenService({ zone: 'eu', ...urls, active: () => directory, signer: () => signer, killed: () => false, clock, lifetimeS })
  expect(() => make(601)).toThrow(/give 1 to 600/)
  expect(() => make(0)).toThrow()
})

function unsigned(token: string): string {
  const header = Buffer.from(JSON.stringify({ alg: 'none', kid: workload.publicJwk.kid })).toString('base64url')
  return `${header}.${token.split('.')[1]}.AA`
}
