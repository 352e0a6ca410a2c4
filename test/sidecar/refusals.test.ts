import { afterEach, describe, expect, test } from '@jest/globals'
import { BODY_BYTES_MAX } from '../../runtime/sidecar/app.ts'
import { fakeGateway, rawAnswer, rawGateway, runningSidecar } from './running.ts'

const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
})

async function beside<G extends { url: string; close: () => unknown }>(gateway: G, timeouts?: Parameters<typeof runningSidecar>[1]) {
  const sidecar = await runningSidecar(gateway.url, timeouts)
  closing.push(sidecar.close, gateway.close)
  return { gateway, sidecar }
}

const call = (url: string, path = '/v1/tools/crm/read', body = '{}') =>
  fetch(url + path, {
    method: 'POST',
    body,
    redirect: 'manual',
    headers: { 'content-type': 'application/json', authorization: 'Bearer t' },
  })

/** Status and code, and that nothing else is said. */
async function refusalOf(got: Response): Promise<[number, string]> {
  const body = (await got.json()) as { error: { code: string; message: string } }
  expect(body).toEqual({ error: { code: expect.any(String), message: expect.any(String) } })
  return [got.status, body.error.code]
}

describe('refuses, as nothing was sent, when the gateway', () => {
  test.each(['/v1/tools/crm/read', '/v1/decisions', '/oauth/token'])('is dead, for %s', async (path) => {
    const gateway = await fakeGateway((_request, response) => response.end())
    gateway.close()
    const { sidecar } = await beside(gateway)
    expect(await refusalOf(await call(sidecar.url, path))).toEqual([503, 'not_ready'])
  })

  test('has no name', async () => {
    const { sidecar } = await beside({ url: 'http://gateway.invalid', close: () => {} })
    expect(await refusalOf(await call(sidecar.url))).toEqual([503, 'not_ready'])
  })

  test('has no certificate', async () => {
    const plain = await fakeGateway((_request, response) => response.end('{}'))
    const { gateway, sidecar } = await beside({ ...plain, url: plain.url.replace('http:', 'https:') })
    expect(await refusalOf(await call(sidecar.url))).toEqual([503, 'not_ready'])
    expect(gateway.seen).toEqual([])
  })

  test('takes no connection', async () => {
    // Never answers the TLS handshake.
    const silent = await rawGateway('', { hangsUp: false })
    const { sidecar } = await beside({ ...silent, url: silent.url.replace('http:', 'https:') }, { connectTimeoutMs: 100 })
    expect(await refusalOf(await call(sidecar.url))).toEqual([503, 'not_ready'])
  })
})

describe('refuses, as the tool may have acted, and asks no second time, when the gateway', () => {
  const head = 'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n'
  test.each<[string, string, boolean]>([
    ['hangs', '', false],
    ['hangs in the middle of its answer', `${head}content-length: 20\r\n\r\n{"decision":`, false],
    ['hangs up', '', true],
    ['hangs up in the middle of its answer', `${head}content-length: 20\r\n\r\n{"decision":`, true],
    ['hangs up in the middle of an answer of no said length', `${head}connection: close\r\n\r\n{"decision":"allow"`, true],
    ['speaks no HTTP', 'SSH-2.0-OpenSSH_9.9\r\n', true],
    ['answers more than it may', `${head}content-length: 99999999\r\n\r\n{`, false],
    // Whole JSON, and cut off all the same: nothing says where it ends.
    ['hangs up where an answer of no said length looks whole', `${head}connection: close\r\n\r\n{"decision":"allow"}`, true],
    ['answers a tool call with no said length', `${head}aegis-decision-id: d1\r\nconnection: close\r\n\r\nhalf of it`, true],
    ['answers with a status that is none', 'HTTP/1.1 999 Odd\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}', true],
    ['answers with a header that is none', `${head}x-odd: \u007f\r\ncontent-length: 2\r\n\r\n{}`, true],
    ['answers with more headers than it may', `${head}x-much: ${'a'.repeat(20_000)}\r\ncontent-length: 2\r\n\r\n{}`, true],
    ['breaks off a chunk', `${head}transfer-encoding: chunked\r\n\r\n14\r\n{"decision":"allow"}\r\n`, true],
    ['says two lengths', `${head}content-length: 2\r\ncontent-length: 20\r\n\r\n{}`, true],
    ['changes the protocol', 'HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n', true],
  ])('%s', async (_what, bytes, hangsUp) => {
    const { gateway, sidecar } = await beside(await rawGateway(bytes, { hangsUp }), { answerTimeoutMs: 500 })
    expect(await refusalOf(await call(sidecar.url))).toEqual([503, 'outcome_unknown'])
    expect(gateway.asked()).toBe(1)
    // Why it was, and none of what was said.
    expect(sidecar.logged).toEqual([expect.stringMatching(/^\{"event":"refused","code":"outcome_unknown","why":"[^"]+"\}$/)])
    expect(sidecar.logged.join()).not.toMatch(/SSH|decision|Bearer|crm/)
  })

  test.each<[string, number, Record<string, string>, string]>([
    ['is a page of a load balancer', 502, { 'content-type': 'text/html' }, '<h1>502 Bad Gateway</h1>'],
    ['is a page that looks like success', 200, { 'content-type': 'text/html' }, '<h1>Welcome</h1>'],
    ['says JSON and is none', 200, { 'content-type': 'application/json' }, 'allow'],
    ['says nothing', 200, {}, ''],
    ['redirects', 307, { location: '/v1/tools/crm/elsewhere', 'content-type': 'application/json' }, '{}'],
    ['redirects for ever', 308, { location: 'https://elsewhere.example/' }, ''],
  ])('gives an answer that %s', async (_what, status, headers, body) => {
    const { gateway, sidecar } = await beside(await fakeGateway((_request, response) => response.writeHead(status, headers).end(body)))
    for (const path of ['/v1/tools/crm/read', '/v1/decisions']) {
      const got = await call(sidecar.url, path)
      expect(got.headers.has('location')).toBe(false)
      expect(await refusalOf(got)).toEqual([503, 'outcome_unknown'])
    }
    expect(gateway.seen.map(({ target }) => target)).toEqual(['/v1/tools/crm/read', '/v1/decisions'])
  })

  test('answers for another door than a tool with the mark of a tool', async () => {
    const page = { 'aegis-decision-id': 'd1', 'content-type': 'text/html' }
    const { sidecar } = await beside(await fakeGateway((_request, response) => response.writeHead(200, page).end('<p>')))
    expect((await call(sidecar.url)).status).toBe(200)
    expect(await refusalOf(await call(sidecar.url, '/v1/decisions'))).toEqual([503, 'outcome_unknown'])
  })
})

test('a client that hangs up is hung up on at the gateway too', async () => {
  const { promise: asked, resolve: isAsked } = Promise.withResolvers<void>()
  const { promise: left, resolve: hasLeft } = Promise.withResolvers<void>()
  const { sidecar } = await beside(
    await fakeGateway((_request, response) => {
      response.once('close', hasLeft)
      isAsked()
    }),
    // Longer than the test may take.
    { answerTimeoutMs: 100_000 },
  )
  const client = new AbortController()
  const call = fetch(`${sidecar.url}/v1/approvals/a?wait=30`, { signal: client.signal })
  await asked
  client.abort()
  await expect(call).rejects.toThrow()
  await left
})

describe('refuses by itself', () => {
  const answering = () => fakeGateway((_request, response) => response.writeHead(200, { 'content-type': 'application/json' }).end('{}'))

  test('a body over the limit, and lets one through that just fits', async () => {
    const { gateway, sidecar } = await beside(await answering())
    expect((await call(sidecar.url, '/v1/decisions', ' '.repeat(BODY_BYTES_MAX))).status).toBe(200)
    expect(gateway.seen[0]?.body).toHaveLength(BODY_BYTES_MAX)
    expect(await refusalOf(await call(sidecar.url, '/v1/decisions', ' '.repeat(BODY_BYTES_MAX + 1)))).toEqual([413, 'call_too_large'])
    const chunked = `Transfer-Encoding: chunked\r\n\r\n${(BODY_BYTES_MAX + 1).toString(16)}\r\n${' '.repeat(BODY_BYTES_MAX + 1)}\r\n0\r\n\r\n`
    expect(await rawAnswer(sidecar.port, `POST /v1/decisions HTTP/1.1\r\nHost: a\r\n${chunked}`)).toMatch(/^HTTP\/1\.1 413 /)
    expect(gateway.seen).toHaveLength(1)
  })

  test.each([
    ['POST', '/'],
    ['POST', '/v1/decisions/'],
    ['POST', '/v1/decisions/a/outcome/b'],
    ['POST', '/v1/tools/crm'],
    ['POST', '/v1/tools/../operator'],
    ['POST', '/v1/tools/crm/%2e%2e'],
    ['POST', '/v1/tools/crm/a%2Fb'],
    ['POST', '//v1/decisions'],
    ['POST', 'http://elsewhere.example/v1/decisions'],
    ['POST', '/v1/kills'],
    ['POST', '/V1/decisions'],
    ['GET', '/v1/decisions'],
    ['GET', '/health/ready'],
    ['GET', '/%zz'],
    ['PUT', '/v1/decisions'],
    ['HEAD', '/.well-known/jwks.json'],
    ['OPTIONS', '*'],
  ])('%s %s, which is no door', async (method, target) => {
    const { gateway, sidecar } = await beside(await answering())
    const got = await rawAnswer(sidecar.port, `${method} ${target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
    expect(got).toMatch(/^HTTP\/1\.1 404 /)
    if (method !== 'HEAD') expect(got).toContain('{"error":{"code":"not_found","message":"there is nothing at this path"}}')
    expect(gateway.seen).toEqual([])
  })

  test('what is no HTTP', async () => {
    const { sidecar } = await beside(await answering())
    expect(await rawAnswer(sidecar.port, 'hello\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 .*\{"error":\{"code":"malformed_call"/s)
  })

  test('more calls than it holds, and takes others when those are over', async () => {
    const { gateway, sidecar } = await beside(await rawGateway('', { hangsUp: false }), { answerTimeoutMs: 1500 })
    const got = await Promise.all(Array.from({ length: 65 }, async () => refusalOf(await call(sidecar.url))))
    expect(got.filter(([, code]) => code === 'overloaded')).toEqual([[503, 'overloaded']])
    expect(gateway.asked()).toBe(64)
    expect(await refusalOf(await call(sidecar.url))).toEqual([503, 'outcome_unknown'])
  })
})
