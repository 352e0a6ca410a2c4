import { hash } from 'node:crypto'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { testProof } from '../support/dpop.ts'
import { agentToken, names, type TestGateway, type TestTrust, testGateway, testTrust } from '../support/gateway.ts'
import { type TestKey, testKey } from '../support/tokens.ts'
import { rawAnswer, runningSidecar } from './running.ts'

// A sidecar before a real gateway: its own stages, spool, tables and policy, on a port. Only tools are played.

const PATH = '/v1/tools/stripe-payments/create_payment'
const PUBLIC = `${names.zoneUrl('eu')}${PATH}`
const payment = JSON.stringify({ amount: 100, currency: 'eur', recipient: 'supplier-7', memo: 'm' })

let trust: TestTrust
let gateway: TestGateway
let sidecar: Awaited<ReturnType<typeof runningSidecar>>
let agent: TestKey
let bound: string
let bearer: string

beforeAll(async () => {
  trust = await testTrust()
  gateway = await testGateway({ trust, region: 'eu-west-1', zone: 'eu' })
  await gateway.app.listen({ host: '127.0.0.1', port: 0 })
  sidecar = await runningSidecar(`http://127.0.0.1:${(gateway.app.server.address() as AddressInfo).port}`)
  agent = await testKey()
  const { crv, kty, x, y } = agent.publicJwk
  const cnf = { jkt: hash('sha256', JSON.stringify({ crv, kty, x, y }), 'base64url') }
  bound = await agentToken(trust, 'finance-agent', 'acme-eu', undefined, { cnf })
  bearer = await agentToken(trust, 'finance-agent', 'acme-eu')
})
beforeEach(() => {
  gateway.dialled.length = 0
})
afterAll(async () => {
  await sidecar.close()
  await gateway.close()
})

async function pay(headers: Record<string, string>, path = PATH) {
  const got = await fetch(sidecar.url + path, {
    method: 'POST',
    body: payment,
    headers: { 'content-type': 'application/json', ...headers },
  })
  return { status: got.status, headers: got.headers, body: (await got.json()) as { ok?: true; error?: { code: string; message: string } } }
}
const proof = (url: string, more: { method?: string; accessToken?: string } = {}) => testProof(agent, { url, accessToken: bound, ...more })

test('what is allowed reaches the tool, and its answer comes back with the decision', async () => {
  const { status, headers, body } = await pay({ authorization: `Bearer ${bearer}` })
  expect([status, body]).toEqual([200, { ok: true }])
  expect(headers.get('aegis-decision')).toBe('allow')
  expect(gateway.dialled).toHaveLength(1)
})

describe('a token that is bound to a key (RFC 9449)', () => {
  test.each([
    ["the zone's URL", names.zoneUrl('eu')],
    ["the region's URL", names.regionUrl('eu-west-1')],
    ['the global URL', names.globalUrl],
  ])('is taken with a proof for %s', async (_what, base) => {
    expect((await pay({ authorization: `DPoP ${bound}`, dpop: proof(base + PATH) })).status).toBe(200)
    expect(gateway.dialled).toHaveLength(1)
  })

  test.each<[string, (at: string) => Record<string, string>]>([
    ["a proof for the sidecar's own URL", (at) => ({ authorization: `DPoP ${bound}`, dpop: proof(at + PATH) })],
    ["a proof for another zone's URL", () => ({ authorization: `DPoP ${bound}`, dpop: proof(names.zoneUrl('us') + PATH) })],
    ['a proof for another path', () => ({ authorization: `DPoP ${bound}`, dpop: proof(`${names.zoneUrl('eu')}/v1/decisions`) })],
    ['a proof for another method', () => ({ authorization: `DPoP ${bound}`, dpop: proof(PUBLIC, { method: 'GET' }) })],
    ['a proof for another token', () => ({ authorization: `DPoP ${bound}`, dpop: proof(PUBLIC, { accessToken: bearer }) })],
    ['no proof', () => ({ authorization: `DPoP ${bound}` })],
    ['no proof and as a bearer', () => ({ authorization: `Bearer ${bound}` })],
    // Whoever wrote `Host` would say which URL a proof is for.
    [
      'a proof for the URL that Host names',
      () => ({ authorization: `DPoP ${bound}`, dpop: proof(`https://evil.example${PATH}`), 'x-forwarded-host': 'evil.example' }),
    ],
  ])('is refused with %s', async (_what, headers) => {
    const { status, body } = await pay(headers(sidecar.url))
    expect([status, body.error?.code]).toEqual([401, 'invalid_token'])
    expect(gateway.dialled).toEqual([])
  })

  test('is refused with a proof that was used before', async () => {
    const headers = { authorization: `DPoP ${bound}`, dpop: proof(PUBLIC) }
    expect([(await pay(headers)).status, (await pay(headers)).status]).toEqual([200, 401])
    expect(gateway.dialled).toHaveLength(1)
  })
})

describe('refuses, and nothing reaches a tool,', () => {
  const head = () => `POST ${PATH} HTTP/1.1\r\nHost: evil.example\r\nContent-Type: application/json\r\nConnection: close\r\n`
  const identity = () => `Authorization: Bearer ${bearer}\r\n`
  const length = `Content-Length: ${payment.length}\r\n`
  const chunked = `${payment.length.toString(16)}\r\n${payment}\r\n0\r\n\r\n`
  const second = () => `POST ${PATH} HTTP/1.1\r\nHost: a\r\n${identity()}Content-Type: application/json\r\n${length}\r\n${payment}`

  test.each<[string, number, () => string]>([
    ['a length and chunks', 400, () => `${head()}${identity()}${length}Transfer-Encoding: chunked\r\n\r\n${chunked}`],
    ['two lengths', 400, () => `${head()}${identity()}${length}Content-Length: 0\r\n\r\n${payment}`],
    ['an encoding that is written oddly', 400, () => `${head()}${identity()}Transfer-Encoding: xchunked\r\n\r\n${chunked}`],
    ['a space before the colon', 400, () => `${head()}${identity()}Content-Length : ${payment.length}\r\n\r\n${payment}`],
    ['a folded header', 400, () => `${head()}${identity()}X-Fold: a\r\n b\r\n${length}\r\n${payment}`],
    ['two tokens', 400, () => `${head()}${identity()}${identity()}${length}\r\n${payment}`],
    ['a token for this connection only', 401, () => `${head()}${identity()}Connection: authorization\r\n${length}\r\n${payment}`],
    ['headers beyond what is read', 400, () => `${head()}${identity()}X-Much: ${'a'.repeat(20_000)}\r\n${length}\r\n${payment}`],
    // A call that is hidden in the body of a door that reads none.
    [
      'a call within a GET',
      401,
      () => `GET /v1/approvals/a HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: ${second().length}\r\n\r\n${second()}`,
    ],
  ])('%s', async (_what, status, bytes) => {
    const got = await rawAnswer(sidecar.port, bytes())
    expect(got).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `))
    expect(got.match(/^HTTP\/1\.1 /gm)).toHaveLength(1)
    expect(gateway.dialled).toEqual([])
  })

  test('a proof for this connection only, with a token that is bound to it', async () => {
    const bytes = `${head()}Authorization: DPoP ${bound}\r\nDPoP: ${proof(PUBLIC)}\r\nConnection: dpop\r\n${length}\r\n${payment}`
    expect(await rawAnswer(sidecar.port, bytes)).toMatch(/^HTTP\/1\.1 401 /)
    expect(gateway.dialled).toEqual([])
  })

  test('when the gateway has no policy', async () => {
    const { active } = gateway
    gateway.active = undefined
    const { status, body } = await pay({ authorization: `Bearer ${bearer}` })
    gateway.active = active
    expect([status, body.error?.code]).toEqual([503, 'not_ready'])
    expect(gateway.dialled).toEqual([])
  })
})

test('names as long as a gateway takes them are forwarded', async () => {
  const path = `/v1/tools/${'t'.repeat(128)}/${'a'.repeat(128)}`
  const direct = await gateway.app.inject({ method: 'POST', url: path, payload: {}, headers: { authorization: `Bearer ${bearer}` } })
  const { status, body } = await pay({ authorization: `Bearer ${bearer}` }, path)
  expect([status, body.error]).toEqual([direct.statusCode, direct.json().error])
})
