import { afterEach, beforeEach, expect, test } from '@jest/globals'
import type { FastifyInstance } from 'fastify'
import { buildControlPlane } from '../../runtime/control-plane/app.ts'
import { DocumentsRefusedError, type Publisher, UnknownKeyError } from '../../runtime/control-plane/publisher.ts'
import type { Release } from '../../runtime/control-plane/release.ts'
import { testKey } from '../support/policy.ts'

const TOKEN = 'a'.repeat(43)
let app: FastifyInstance
let published: number
let lifted: string[]
let removed: string[][]
let failure: Error | undefined
let logged: object[]

beforeEach(() => {
  published = 0
  lifted = []
  removed = []
  failure = undefined
  logged = []
  app = buildControlPlane({ publisher: fake, publishToken: TOKEN, log: (event) => logged.push(event) })
})
afterEach(() => app.close())

const issuers = [
  {
    iss: 'https://eu-west-1.aegis.example',
    region: 'eu-west-1',
    zone: 'eu',
    keys: [testKey('new').jwk, testKey('old').jwk],
    retiring: { old: 1000 },
    removed: ['gone'],
  },
]
const release: Release = {
  seq: 7,
  revision: 'abc',
  documents: { tenants: [], tools: {}, agents: [], clients: [], classes: {} },
  standing: { issuers, attesters: [], lifted: ['kill-1'], grants: [] },
  zones: new Map(),
  publishedAtMs: 0,
}
const fake: Publisher = {
  publish: async () => {
    if (failure !== undefined) throw failure
    published++
    return release
  },
  reconcile: async () => {},
  lift: async (killId) => {
    if (failure !== undefined) throw failure
    lifted.push(killId)
    published++
    return release
  },
  removeKey: async (region, kid) => {
    if (failure !== undefined) throw failure
    removed.push([region, kid])
    published++
    return release
  },
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

const authorization = `Bearer ${TOKEN}`
const lift = (payload: unknown, headers: Record<string, string> = { authorization }) =>
  app.inject({ method: 'POST', url: '/v1/lifts', headers, payload: payload as object })
const removeKey = (path: string, headers: Record<string, string> = { authorization }) =>
  app.inject({ method: 'DELETE', url: `/v1/issuers/${path}`, headers })

test('lifts a kill switch, logs why, and shows what is lifted', async () => {
  const answer = await lift({ kill_id: 'kill-1', reason: 'the agent was mended' })
  expect(answer.statusCode).toBe(200)
  expect(answer.json()).toMatchObject({ lifted: ['kill-1'] })
  expect(lifted).toEqual(['kill-1'])
  expect(logged).toContainEqual({ event: 'lifting', kill_id: 'kill-1', reason: 'the agent was mended' })
})

test.each([
  {},
  { kill_id: 'k' },
  { kill_id: 'k', reason: '' },
  { kill_id: '', reason: 'r' },
  { kill_id: 'a b', reason: 'r' },
  { kill_id: 1, reason: 'r' },
  { kill_id: 'k', reason: 'r', more: 1 },
  [],
])('refuses to lift %j', async (payload) => {
  const answer = await lift(payload)
  expect(answer.statusCode).toBe(400)
  expect(answer.json().error.code).toBe('malformed_request')
  expect(lifted).toEqual([])
})

test('refuses a body that is no JSON as the fault of its sender', async () => {
  const answer = await app.inject({
    method: 'POST',
    url: '/v1/lifts',
    headers: { authorization, 'content-type': 'application/json' },
    payload: '{',
  })
  expect(answer.statusCode).toBe(400)
})

test('removes a token key, and shows the keys that are left', async () => {
  const kid = 'Kx_-'.repeat(40)
  const answer = await removeKey(`eu-west-1/keys/${kid}`)
  expect(answer.statusCode).toBe(200)
  expect(removed).toEqual([['eu-west-1', kid]])
  expect(answer.json().issuers).toEqual([
    { region: 'eu-west-1', keys: ['new', 'old'], retiring: { old: '1970-01-01T00:00:01.000Z' }, removed: ['gone'] },
  ])
})

test('refuses to remove a key that is not there', async () => {
  failure = new UnknownKeyError('region eu-west-1 has no token key of this id')
  expect((await removeKey('eu-west-1/keys/nobody')).statusCode).toBe(404)
})

test('refuses strangers to lift or to remove', async () => {
  const strangers: Record<string, string>[] = [{}, { authorization: `${authorization}x` }]
  for (const headers of strangers) {
    expect((await lift({ kill_id: 'kill-1', reason: 'r' }, headers)).statusCode).toBe(401)
    expect((await removeKey('eu-west-1/keys/old', headers)).statusCode).toBe(401)
  }
  expect([lifted, removed]).toEqual([[], []])
})
