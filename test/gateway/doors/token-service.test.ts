import { sign } from 'node:crypto'
import { type AddressInfo, connect } from 'node:net'
import { afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import fastify, { type FastifyInstance } from 'fastify'
import { createLocalJWKSet, jwtVerify } from 'jose'
import { type TokenServiceDoorOptions, tokenServiceDoor } from '../../../runtime/gateway/doors/token-service.ts'
import { type IssuingDirectory, tokenService } from '../../../runtime/identity/token-service.ts'
import type { TrustedIssuers } from '../../../runtime/identity/verify-token.ts'
import type { Signer } from '../../../runtime/model/ports.ts'
import { loadDocuments } from '../../../runtime/policy/documents.ts'
import { testProof } from '../../support/dpop.ts'
import { type TestKey, testKey } from '../../support/tokens.ts'

const REGION_URL = 'https://eu-west-1.aegis.example'
const TOKEN_URL = `${REGION_URL}/oauth/token`
const documents = loadDocuments('demo')

let app: FastifyInstance
let west: TestKey
let central: TestKey
let us: TestKey
let directory: (IssuingDirectory & TrustedIssuers) | undefined
let issued: string[]
let recording: Error | undefined

beforeAll(async () => {
  west = await testKey()
  central = await testKey()
  us = await testKey()
})
beforeEach(async () => {
  const issuer = (region: string, zone: string, { publicJwk }: TestKey) => ({
    iss: `https://${region}.aegis.example`,
    region,
    zone,
    keys: [publicJwk],
  })
  const issuers = [issuer('eu-west-1', 'eu', west), issuer('eu-central-1', 'eu', central), issuer('us-east-1', 'us', us)]
  directory = {
    issuers: new Map(issuers.map((one) => [one.iss, one])),
    tenants: new Map(documents.tenants.map((tenant) => [tenant.id, tenant])),
    clients: new Map(documents.clients.map((client) => [client.agent, client])),
    notAfterMs: Number.MAX_SAFE_INTEGER,
  }
  issued = []
  recording = undefined
  app = await doorWith({})
})
afterEach(() => app.close())

function signerOf({ privateKey, publicJwk }: TestKey): Signer {
  return { keyId: publicJwk.kid, sign: async (message) => sign('sha256', message, { key: privateKey, dsaEncoding: 'ieee-p1363' }) }
}

async function doorWith(more: Partial<TokenServiceDoorOptions>): Promise<FastifyInstance> {
  const clock = { now: () => Date.now(), monotonic: () => performance.now() }
  const urls = { regionUrl: REGION_URL, zoneUrl: 'https://eu.aegis.example', globalUrl: 'https://global.aegis.example' }
  const service = tokenService({ zone: 'eu', ...urls, active: () => directory, signer: () => signerOf(west), killed: () => false, clock })
  const made = fastify()
  await made.register(
    tokenServiceDoor({
      maxInFlight: 100,
      service,
      active: () => directory,
      zone: 'eu',
      regionUrl: REGION_URL,
      issued: async ({ agent }) => {
        if (recording !== undefined) throw recording
        issued.push(agent)
      },
      ...more,
    }),
  )
  return made
}

const form = { grant_type: 'client_credentials', client_id: 'finance-agent', client_secret: 'demo-secret-finance-agent' }
const ask = (payload: string | Record<string, string>, headers: Record<string, string> = {}) =>
  app.inject({
    method: 'POST',
    url: '/oauth/token',
    headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
    payload: typeof payload === 'string' ? payload : new URLSearchParams(payload).toString(),
  })

describe('POST /oauth/token', () => {
  test.each([
    'finance-agent',
    'treasury-agent',
    'support-agent',
    'trial-agent',
    'rogue-agent',
    'care-agent',
    'ward-agent',
    'research-agent',
  ])('gives %s a token for the public secret of the demo', async (agent) => {
    const answer = await ask({ ...form, client_id: agent, client_secret: `demo-secret-${agent}` })
    expect(answer.statusCode).toBe(200)
    expect(answer.json()).toEqual({ access_token: expect.any(String), token_type: 'Bearer', expires_in: 600, session: expect.any(String) })
    expect(answer.headers['cache-control']).toBe('no-store')
    expect(issued).toEqual([agent])
  })

  test("gives a token that the zone's published keys verify", async () => {
    const { access_token } = (await ask(form)).json()
    const keys = createLocalJWKSet((await app.inject('/.well-known/jwks.json')).json())
    const { payload } = await jwtVerify(access_token, keys, { issuer: REGION_URL, audience: 'https://eu.aegis.example', typ: 'at+jwt' })
    expect(payload).toMatchObject({ agent_id: 'finance-agent', sub: 'finance-agent', client_id: 'finance-agent', tenant: 'acme-eu' })
  })

  test('binds a token to the key of a DPoP header, and says so', async () => {
    const key = await testKey()
    const answer = await ask(form, { dpop: testProof(key, { url: TOKEN_URL }) })
    expect(answer.json()).toMatchObject({ token_type: 'DPoP' })
  })

  test('refuses a bad client with 401, in the words of RFC 6749, never cached', async () => {
    const answer = await ask({ ...form, client_secret: 'wrong' })
    expect(answer.statusCode).toBe(401)
    expect(answer.json()).toEqual({ error: 'invalid_client', error_description: expect.any(String) })
    expect(answer.headers).toMatchObject({ 'cache-control': 'no-store' })
    expect(answer.headers).not.toHaveProperty('www-authenticate')
    const basic = `Basic ${Buffer.from('finance-agent:wrong').toString('base64')}`
    const challenged = await ask({ grant_type: 'client_credentials' }, { authorization: basic })
    expect([challenged.statusCode, challenged.headers['www-authenticate']]).toEqual([401, 'Basic realm="aegis"'])
  })

  test.each<[string, number, string, () => ReturnType<typeof ask>]>([
    ['a parameter that comes twice', 400, 'invalid_request', () => ask('grant_type=client_credentials&grant_type=client_credentials')],
    ['no body', 400, 'invalid_request', () => ask('')],
    ['JSON', 400, 'invalid_request', () => ask('{}', { 'content-type': 'application/json' })],
    ['a compressed body', 400, 'invalid_request', () => ask(form, { 'content-encoding': 'gzip' })],
    ['too large a body', 400, 'invalid_request', () => ask({ ...form, pad: 'x'.repeat(40_000) })],
    ['an empty grant type', 400, 'invalid_request', () => ask({ ...form, grant_type: '' })],
    ['another grant', 400, 'unsupported_grant_type', () => ask({ ...form, grant_type: 'authorization_code' })],
  ])('refuses %s', async (_what, status, error, asking) => {
    const answer = await asking()
    expect([answer.statusCode, answer.json().error]).toEqual([status, error])
    expect(answer.headers['cache-control']).toBe('no-store')
  })

  test('refuses a header that comes twice', async () => {
    await app.listen({ host: '127.0.0.1', port: 0 })
    const { port } = app.server.address() as AddressInfo
    const headers: [string, string][] = [
      ['content-type', 'application/x-www-form-urlencoded'],
      ['authorization', 'Basic YTpi'],
      ['authorization', 'Basic YTpj'],
    ]
    expect(await postRaw(port, headers, 'grant_type=client_credentials')).toContain('"error":"invalid_request"')
  })

  test('never repeats what was sent', async () => {
    const answer = await ask({ ...form, client_secret: 'my-real-secret', session: 'my secret session' })
    expect(answer.body).not.toMatch(/secret session|my-real/)
  })

  test('refuses to hand out a token whose event could not be recorded', async () => {
    recording = new Error('the disk is full')
    const answer = await ask(form)
    expect([answer.statusCode, answer.json().error]).toEqual([503, 'temporarily_unavailable'])
    expect(answer.body).not.toContain('access_token')
    expect(answer.body).not.toContain('disk')
  })

  test('refuses all while there is no directory', async () => {
    directory = undefined
    expect((await ask(form)).statusCode).toBe(503)
    expect((await app.inject('/.well-known/jwks.json')).statusCode).toBe(503)
  })
})

describe('a client certificate', () => {
  const thumbprint = 'A'.repeat(43)
  const cnfOf = (body: { access_token: string }) =>
    JSON.parse(Buffer.from(body.access_token.split('.')[1] ?? '', 'base64url').toString()).cnf

  test('binds the token when the load balancer is configured to tell of it', async () => {
    await app.close()
    app = await doorWith({ mtlsHeader: 'x-client-thumbprint' })
    expect(cnfOf((await ask(form, { 'x-client-thumbprint': thumbprint })).json())).toEqual({ 'x5t#S256': thumbprint })
  })

  test('counts for nothing when no header is configured: anybody could send it', async () => {
    expect(cnfOf((await ask(form, { 'x-client-thumbprint': thumbprint })).json())).toBeUndefined()
  })
})

test('publishes the keys of this zone alone, for a minute', async () => {
  const answer = await app.inject('/.well-known/jwks.json')
  expect(answer.headers['cache-control']).toBe('public, max-age=60')
  const keys: { kid: string }[] = answer.json().keys
  expect(keys.map(({ kid }) => kid)).toEqual([west.publicJwk.kid, central.publicJwk.kid])
  for (const key of keys)
    expect(key).toEqual({ kty: 'EC', crv: 'P-256', x: expect.any(String), y: expect.any(String), kid: key.kid, alg: 'ES256', use: 'sig' })
})

test('describes itself as RFC 8414 has it', async () => {
  const answer = await app.inject('/.well-known/oauth-authorization-server')
  expect(answer.json()).toMatchObject({
    issuer: REGION_URL,
    token_endpoint: TOKEN_URL,
    jwks_uri: `${REGION_URL}/.well-known/jwks.json`,
    grant_types_supported: ['client_credentials', 'urn:ietf:params:oauth:grant-type:jwt-bearer'],
    dpop_signing_alg_values_supported: ['ES256'],
    tls_client_certificate_bound_access_tokens: false,
  })
})

/** With headers as they are: other clients join or drop those that come twice. */
function postRaw(port: number, headers: readonly [string, string][], body: string): Promise<string> {
  const lines = [
    'POST /oauth/token HTTP/1.1',
    'host: x',
    'connection: close',
    `content-length: ${body.length}`,
    ...headers.map(([name, value]) => `${name}: ${value}`),
  ]
  return new Promise((resolve, reject) => {
    let text = ''
    const socket = connect(port, '127.0.0.1', () => socket.write(`${lines.join('\r\n')}\r\n\r\n${body}`))
    socket.on('data', (data) => {
      text += data.toString()
    })
    socket.on('end', () => resolve(text))
    socket.on('error', reject)
  })
}
