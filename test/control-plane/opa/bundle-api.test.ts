import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import fastify, { type FastifyInstance } from 'fastify'
import { type BundleApiParts, bundleApi, type ShelvedBundle } from '../../../runtime/control-plane/opa/bundle-api.ts'
import type { BundleReaders } from '../../../runtime/control-plane/opa/bundle-readers.ts'

const hash = (text: string) => createHash('sha256').update(text).digest('hex')
const EU = 'secret-of-a-reader-in-eu'
const US = 'secret-of-a-reader-in-us'
const FIRST: ShelvedBundle = { etag: 'first', bytes: Buffer.from('bundle one'), revision: 'r1' }
const SECOND: ShelvedBundle = { etag: 'second', bytes: Buffer.from('bundle two'), revision: 'r2' }

let app: FastifyInstance
let port: number
let shelf: Map<string, ShelvedBundle>
let listeners: Set<() => void>
let readers: BundleReaders

beforeEach(() => {
  shelf = new Map([['eu stable', FIRST]])
  listeners = new Set()
  readers = { edge: { zone: 'eu', secret_sha256: hash(EU) }, mesh: { zone: 'us', secret_sha256: hash(US) } }
})
afterEach(() => app.close())

async function start(options: Partial<BundleApiParts> = {}): Promise<void> {
  app = fastify()
  const parts: BundleApiParts = {
    shelf: {
      current: (zone, ring) => shelf.get(`${zone} ${ring}`),
      changed: (listener) => {
        listeners.add(listener)
        return () => void listeners.delete(listener)
      },
    },
    readers: () => readers,
    ...options,
  }
  await app.register(bundleApi(parts))
  app.get('/other', async () => ({}))
  await app.listen({ host: '127.0.0.1', port: 0 })
  port = (app.server.address() as AddressInfo).port
}
const put = (bundle: ShelvedBundle, at = 'eu stable') => {
  shelf.set(at, bundle)
  for (const listener of listeners) listener()
}

interface Answer {
  status: number
  headers: IncomingMessage['headers']
  body: string
}
type Ask = { path?: string; secret?: string | null; headers?: string[]; method?: string; body?: string; signal?: AbortSignal }
async function ask({
  path = '/bundles/eu/stable.tar.gz',
  secret = EU,
  headers = [],
  method = 'GET',
  body,
  signal,
}: Ask = {}): Promise<Answer> {
  const authorization = secret === null ? [] : ['authorization', `Bearer ${secret}`]
  const sent = httpRequest({
    host: '127.0.0.1',
    port,
    path,
    method,
    headers: ['host', 'x', ...authorization, ...headers],
    agent: false,
    ...(signal && { signal }),
  })
  sent.end(body)
  const [response] = (await once(sent, 'response')) as [IncomingMessage]
  const chunks: Buffer[] = []
  for await (const chunk of response) chunks.push(chunk as Buffer)
  return { status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks).toString() }
}
const errorOf = ({ status, body }: Answer) => [status, JSON.parse(body).error?.code]
const PREFER = 'modes=snapshot,delta;wait=30'
const waiting = (more: Ask = {}, etag = 'first') =>
  ask({ ...more, headers: ['if-none-match', `"${etag}"`, 'prefer', PREFER, ...(more.headers ?? [])] })
/** Long enough for a request to have come in and be waiting. */
const settled = () => new Promise((resolve) => setTimeout(resolve, 80))
const isStillOpen = (answer: Promise<unknown>) => Promise.race([answer.then(() => false), settled().then(() => true)])

describe('a bundle', () => {
  beforeEach(() => start())

  test('is answered with its ETag and the type by which OPA knows that it may wait', async () => {
    const answer = await ask()
    expect(answer).toMatchObject({
      status: 200,
      body: 'bundle one',
      headers: {
        etag: '"first"',
        'content-type': 'application/vnd.openpolicyagent.bundles',
        'content-length': '10',
        'cache-control': 'no-store',
      },
    })
  })

  test('HEAD says the same without the bytes, and never waits', async () => {
    const answer = await ask({ method: 'HEAD' })
    expect(answer).toMatchObject({ status: 200, body: '', headers: { etag: '"first"', 'content-length': '10' } })
    expect(await waiting({ method: 'HEAD' })).toMatchObject({ status: 304, body: '', headers: { etag: '"first"' } })
  })

  test.each(['"first"', 'W/"first"', '"other", "first"', '*'])('is not sent again to who has it: If-None-Match %s', async (tag) => {
    expect(await ask({ headers: ['if-none-match', tag] })).toMatchObject({ status: 304, body: '', headers: { etag: '"first"' } })
  })

  test.each(['"second"', '', 'first', '"firs"'])('is sent to who has another: If-None-Match %s', async (tag) => {
    expect(await ask({ headers: ['if-none-match', tag, 'prefer', PREFER] })).toMatchObject({ status: 200, body: 'bundle one' })
  })

  test('of the canary ring is another one, and 404 while there is none', async () => {
    const path = '/bundles/eu/canary.tar.gz'
    expect(errorOf(await ask({ path }))).toEqual([404, 'not_found'])
    put(SECOND, 'eu canary')
    expect(await ask({ path })).toMatchObject({ status: 200, body: 'bundle two' })
  })

  test.each<[string, Ask, number, string]>([
    ['nobody', { secret: null }, 401, 'invalid_reader'],
    ['an unknown secret', { secret: 'guess' }, 401, 'invalid_reader'],
    ['the hash in place of the secret', { secret: hash(EU) }, 401, 'invalid_reader'],
    ['another scheme', { secret: null, headers: ['authorization', `Basic ${EU}`] }, 401, 'invalid_reader'],
    ['the secret of another zone', { secret: US }, 404, 'not_found'],
    ['a zone that is none', { path: '/bundles/mars/stable.tar.gz' }, 404, 'not_found'],
    ['a zone that is a word of the language', { path: '/bundles/__proto__/stable.tar.gz' }, 404, 'not_found'],
    ['a ring that is none', { path: '/bundles/eu/beta.tar.gz' }, 404, 'not_found'],
    ['another file', { path: '/bundles/eu/stable.tar' }, 404, 'not_found'],
    ['two secrets', { headers: ['authorization', `Bearer ${US}`] }, 400, 'malformed_request'],
    ['two If-None-Match', { headers: ['if-none-match', '"a"', 'if-none-match', '"b"'] }, 400, 'malformed_request'],
    ['two Prefer', { headers: ['prefer', 'wait=1', 'prefer', 'wait=2'] }, 400, 'malformed_request'],
    ['a body', { headers: ['content-length', '2'], body: '{}' }, 413, 'request_too_large'],
  ])('refuses %s', async (_, asked, status, code) => {
    expect(errorOf(await ask(asked))).toEqual([status, code])
  })

  test('refuses a body that never ends, without reading it', async () => {
    const sent = httpRequest({
      host: '127.0.0.1',
      port,
      path: '/bundles/eu/stable.tar.gz',
      headers: ['host', 'x', 'authorization', `Bearer ${EU}`, 'transfer-encoding', 'chunked'],
      agent: false,
    })
    sent.on('error', () => {})
    sent.write('x'.repeat(64 * 1024))
    const [response] = (await once(sent, 'response')) as [IncomingMessage]
    expect([response.statusCode, response.headers.connection]).toEqual([413, 'close'])
    response.resume()
    sent.destroy()
  })

  test('does not guard or limit what is beside it', async () => {
    const answer = await ask({ path: '/other', secret: null })
    expect(answer.status).toBe(200)
    expect(answer.headers['x-ratelimit-limit']).toBeUndefined()
  })
})

describe('a client that waits', () => {
  test('is answered as soon as there is another bundle', async () => {
    await start()
    const answer = waiting()
    expect(await isStillOpen(answer)).toBe(true)
    put(SECOND)
    expect(await answer).toMatchObject({
      status: 200,
      body: 'bundle two',
      headers: { etag: '"second"', 'content-type': 'application/vnd.openpolicyagent.bundles' },
    })
  })

  test('is not disturbed by changes of another ring or zone, by the same bundle once more, or by none for a while', async () => {
    await start()
    const answer = waiting()
    await settled()
    put(SECOND, 'eu canary')
    put(SECOND, 'us stable')
    put({ ...FIRST })
    shelf.delete('eu stable')
    for (const listener of listeners) listener()
    expect(await isStillOpen(answer)).toBe(true)
    put(SECOND)
    expect((await answer).status).toBe(200)
  })

  test('is told that nothing changed when its time is up, or ours', async () => {
    await start({ waitMaxMs: 60 })
    expect(await waiting()).toMatchObject({ status: 304, body: '', headers: { etag: '"first"' } })
  })

  test.each(['wait=0', 'modes=snapshot', 'wait=x', 'wait=-1', 'respond-async', ''])('does not wait when it prefers %j', async (prefer) => {
    await start()
    expect((await ask({ headers: ['if-none-match', '"first"', 'prefer', prefer] })).status).toBe(304)
  })

  test('gets nothing more when it was removed meanwhile', async () => {
    await start()
    const answer = waiting()
    await settled()
    readers = { mesh: readers.mesh as BundleReaders[string] }
    put(SECOND)
    expect(errorOf(await answer)).toEqual([401, 'invalid_reader'])
  })

  test('that nobody has place for is sent the bundle by another type, from which OPA learns to poll', async () => {
    await start({ waitingMax: 2 })
    const first = [waiting(), waiting()]
    await settled()
    expect(await waiting()).toMatchObject({ status: 200, body: 'bundle one', headers: { 'content-type': 'application/gzip' } })
    put(SECOND)
    expect((await Promise.all(first)).map(({ status }) => status)).toEqual([200, 200])
    const next = waiting({}, 'second')
    expect(await isStillOpen(next)).toBe(true)
    put(FIRST)
    await next
  })

  test('that goes away leaves its place', async () => {
    await start({ waitingMax: 1 })
    const controller = new AbortController()
    const gone = waiting({ signal: controller.signal })
    await settled()
    controller.abort()
    await expect(gone).rejects.toThrow()
    await settled()
    const next = waiting()
    expect(await isStillOpen(next)).toBe(true)
    put(SECOND)
    expect((await next).status).toBe(200)
  })

  test('keeps no server from closing, and is told so by an answer', async () => {
    await start()
    const answer = waiting()
    await settled()
    await app.close()
    expect((await answer).status).toBe(304)
    expect(listeners.size).toBe(0)
  })
})

describe('the limit', () => {
  test('is one reader’s own, and says when to come back', async () => {
    await start({ perMinuteMax: 3 })
    for (let i = 0; i < 3; i++) expect((await ask()).status).toBe(200)
    const refused = await ask()
    expect(errorOf(refused)).toEqual([429, 'rate_limited'])
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0)
    expect((await ask({ method: 'HEAD' })).status).toBe(429)
    expect(errorOf(await ask({ secret: US, path: '/bundles/us/stable.tar.gz' }))).toEqual([404, 'not_found'])
  })

  test('of strangers takes nothing from readers', async () => {
    await start({ perMinuteMax: 3 })
    const strangers = [1, 2, 3, 4].map(() => ask({ secret: 'guess' }))
    expect((await Promise.all(strangers)).map(({ status }) => status).sort()).toEqual([401, 401, 401, 429])
    expect((await ask()).status).toBe(200)
  })
})
