import { afterEach, beforeEach, expect, test } from '@jest/globals'
import type { FastifyInstance } from 'fastify'
import { buildControlPlane } from '../../runtime/control-plane/app.ts'
import { DocumentsRefusedError, type Publisher } from '../../runtime/control-plane/publisher.ts'
import type { Release } from '../../runtime/control-plane/release.ts'

const TOKEN = 'a'.repeat(43)
let app: FastifyInstance
let published: number
let failure: Error | undefined
let logged: object[]

beforeEach(() => {
  published = 0
  failure = undefined
  logged = []
  app = buildControlPlane({ publisher: fake, publishToken: TOKEN, log: (event) => logged.push(event) })
})
afterEach(() => app.close())

const release: Release = { seq: 7, revision: 'abc', issuers: [], zones: new Map(), publishedAtMs: 0 }
const fake: Publisher = {
  publish: async () => {
    if (failure !== undefined) throw failure
    published++
    return release
  },
  reconcile: async () => {},
  current: () => (published === 0 ? undefined : release),
  refused: () => (failure instanceof DocumentsRefusedError ? failure.message : undefined),
  status: () => [{ region: 'eu-west-1', zone: 'eu', seq: 7, bundleDigest: 'b', directoryDigest: 'd', confirmedAtMs: 1000, error: null }],
}
const publish = (authorization?: string) =>
  app.inject({ method: 'POST', url: '/v1/publish', ...(authorization !== undefined && { headers: { authorization } }) })

test('is live without having published anything', async () => {
  expect((await app.inject('/health/live')).json()).toEqual({ status: 'live' })
  expect((await app.inject('/v1/status')).json()).toMatchObject({ seq: null, published_at: null })
})

test('publishes for whoever has the token, and says what every region has', async () => {
  const answer = await publish(`Bearer ${TOKEN}`)
  expect(answer.statusCode).toBe(200)
  expect(answer.json()).toMatchObject({
    seq: 7,
    revision: 'abc',
    regions: [{ region: 'eu-west-1', bundle_digest: 'b', confirmed_at: '1970-01-01T00:00:01.000Z', error: null }],
  })
})

test.each([undefined, '', 'Bearer', `Bearer ${TOKEN}x`, TOKEN, `Basic ${TOKEN}`])(
  'refuses to publish with authorization %p',
  async (authorization) => {
    expect((await publish(authorization)).statusCode).toBe(401)
    expect(published).toBe(0)
  },
)

test('refuses bad documents with their own lines', async () => {
  failure = new DocumentsRefusedError('demo/tools.yaml:1:1: is wrong\ndemo/tools.yaml:2:1: too')
  const answer = await publish(`Bearer ${TOKEN}`)
  expect(answer.statusCode).toBe(400)
  expect(answer.json()).toEqual({ error: { code: 'documents_refused', message: failure.message } })
})

test('refuses to show where it failed inside', async () => {
  failure = new Error('KMS secret detail')
  const answer = await publish(`Bearer ${TOKEN}`)
  expect(answer.statusCode).toBe(500)
  expect(answer.body).not.toContain('secret')
  expect(logged).toEqual([{ event: 'failed', detail: 'Error: KMS secret detail' }])
})
