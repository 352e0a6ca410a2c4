import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { fakeGateway, rawAnswer, runningSidecar, valuesOf } from './running.ts'

const JSON_TYPE = 'application/json; charset=utf-8'
let gateway: Awaited<ReturnType<typeof fakeGateway>>
let sidecar: Awaited<ReturnType<typeof runningSidecar>>
let answer: { status: number; headers: Record<string, string | string[]>; body: string | Buffer }

beforeEach(async () => {
  answer = { status: 200, headers: { 'content-type': JSON_TYPE }, body: '{"decision":"allow"}' }
  gateway = await fakeGateway((_request, response) => response.writeHead(answer.status, answer.headers).end(answer.body))
  sidecar = await runningSidecar(gateway.url)
})
afterEach(async () => {
  await sidecar.close()
  gateway.close()
})

describe.each<[method: string, target: string, type: string, body: string | undefined]>([
  ['POST', '/v1/decisions', 'application/json', '{"tool":"crm","action":"read","arguments":{"id":"ä"}}'],
  ['POST', '/v1/decisions/776e9f93-4a44-8a50-a4cd-dcc73af98826/outcome', 'application/json', '{"status":"executed"}'],
  ['POST', '/v1/tools/crm/read_contact', 'application/json', '{ "id" : "c-1", "id":"c-2" }'],
  ['POST', '/oauth/token', 'application/x-www-form-urlencoded', 'grant_type=client_credentials'],
  ['POST', '/v1/approvals/eu-1.abc/token', 'application/json', '{}'],
  ['GET', '/v1/approvals/eu-1.abc?wait=30', '', undefined],
  ['GET', '/.well-known/jwks.json', '', undefined],
  ['GET', '/.well-known/oauth-authorization-server', '', undefined],
])('%s %s', (method, target, type, body) => {
  test('goes to the gateway byte for byte, with the proof of who calls', async () => {
    const headers = { authorization: 'DPoP token', dpop: 'a.b.c', 'aegis-chain': 'c1', ...(type !== '' && { 'content-type': type }) }
    await fetch(sidecar.url + target, { method, headers, ...(body !== undefined && { body }) })
    const [seen] = gateway.seen
    expect(seen).toMatchObject({ method, target, body: body ?? '' })
    for (const [name, value] of Object.entries(headers)) expect(valuesOf(seen?.headers ?? [], name)).toEqual([value])
    expect(valuesOf(seen?.headers ?? [], 'host')).toEqual([new URL(gateway.url).host])
  })

  test('comes back with the status, headers and body of the gateway', async () => {
    answer = {
      status: 401,
      headers: { 'content-type': JSON_TYPE, 'www-authenticate': 'Bearer error="invalid_token"', 'retry-after': '7', 'x-twice': ['a', 'b'] },
      body: '{"error": {"code":"invalid_token"} }',
    }
    const got = await fetch(sidecar.url + target, { method, ...(body !== undefined && { body, headers: { 'content-type': type } }) })
    expect(got.status).toBe(401)
    expect(Object.fromEntries(got.headers)).toMatchObject({
      'content-type': JSON_TYPE,
      'www-authenticate': 'Bearer error="invalid_token"',
      'retry-after': '7',
      'x-twice': 'a, b',
    })
    expect(await got.text()).toBe('{"error": {"code":"invalid_token"} }')
  })
})

test("a tool's answer comes back whatever it is, and where it redirects to as the gateway says it", async () => {
  answer = {
    status: 302,
    headers: {
      'content-type': 'image/png',
      'aegis-decision-id': 'd1',
      'aegis-location': 'https://b.example/',
      location: 'https://b.example/',
    },
    body: Buffer.from([0, 255, 1]),
  }
  const got = await fetch(`${sidecar.url}/v1/tools/web/get`, { method: 'POST', body: '{}', redirect: 'manual' })
  expect(got.status).toBe(302)
  expect(got.headers.get('aegis-location')).toBe('https://b.example/')
  expect(got.headers.has('location')).toBe(false)
  expect([...new Uint8Array(await got.arrayBuffer())]).toEqual([0, 255, 1])
})

test('headers of the connection, and those that it lists, end here', async () => {
  answer.headers = {
    ...answer.headers,
    'keep-alive': 'timeout=9',
    'proxy-authenticate': 'Basic',
    connection: 'x-hop, keep-alive',
    'x-hop': '1',
  }
  const sent = [
    'POST /v1/decisions HTTP/1.1',
    'Host: elsewhere.example',
    'Connection: close, X-Listed',
    'Connection: x-other',
    'Keep-Alive: timeout=5',
    'Proxy-Connection: keep-alive',
    'Proxy-Authorization: Basic c2VjcmV0',
    'TE: trailers',
    'Trailer: x-later',
    'Upgrade: h2c',
    'Transfer-Encoding: chunked',
    'X-Listed: 1',
    'X-Other: 1',
    'X-Stays: 1',
    'Content-Type: application/json',
  ]
  const got = await rawAnswer(sidecar.port, `${sent.join('\r\n')}\r\n\r\n2\r\n{}\r\n0\r\n\r\n`)
  const names = (gateway.seen[0]?.headers ?? []).filter((_, i) => i % 2 === 0).map((name) => name.toLowerCase())
  // `connection` is the sidecar's own.
  expect(names.toSorted()).toEqual(['connection', 'content-length', 'content-type', 'host', 'x-stays'])
  expect(valuesOf(gateway.seen[0]?.headers ?? [], 'connection')).toEqual(['keep-alive'])
  expect(gateway.seen[0]?.body).toBe('{}')
  expect(got).toMatch(/^HTTP\/1\.1 200 /)
  expect(got).not.toMatch(/x-hop|timeout=9|proxy-authenticate/i)
})

test('an identity header that comes twice is left for the gateway to refuse', async () => {
  const twice = 'Authorization: Bearer a\r\nAuthorization: Bearer b\r\n'
  await rawAnswer(sidecar.port, `GET /v1/approvals/a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n${twice}\r\n`)
  expect(valuesOf(gateway.seen[0]?.headers ?? [], 'authorization')).toEqual(['Bearer a', 'Bearer b'])
})

test('it says that it lives without asking anybody', async () => {
  const got = await fetch(`${sidecar.url}/health/live`)
  expect([got.status, await got.json(), gateway.seen]).toEqual([200, { status: 'live' }, []])
})
