import { once } from 'node:events'
import { request as httpRequest } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import fastify, { type FastifyInstance } from 'fastify'
import { z } from 'zod'
import {
  guardByOperators,
  parseBody,
  requireAnyRole,
  requireRole,
  requireTenant,
  seesTenant,
} from '../../../runtime/control-plane/api/operators.ts'
import { type Operator, operatorVerifier } from '../../../runtime/identity/operator-token.ts'
import { type TestKey, testKey, testToken } from '../../support/tokens.ts'

const issuer = 'https://login.aegis.example'
const audience = 'https://operators.aegis.example'
let key: TestKey
let app: FastifyInstance
let away: boolean

beforeAll(async () => {
  key = await testKey()
})
beforeEach(() => {
  away = false
  const verifier = operatorVerifier({
    issuer,
    audience,
    clock: { now: Date.now, monotonic: () => performance.now() },
    fetchJson: async (url) => {
      if (away) throw new Error('away')
      return url.endsWith('/openid-configuration') ? { issuer, jwks_uri: `${issuer}/keys` } : { keys: [key.publicJwk] }
    },
  })
  app = fastify()
  app.get('/open', async () => ({ open: true }))
  app.register(async (guarded) => {
    guardByOperators(guarded, verifier, { bodyBytesMax: 1024 })
    guarded.get('/whoami', async ({ operator }) => operator)
    guarded.post('/publish', async ({ operator, body }) => {
      requireRole(operator, 'publisher', 'author')
      return parseBody(body, z.strictObject({ n: z.int() }))
    })
    guarded.get('/broken', async () => {
      throw new Error('of 10.0.0.1')
    })
  })
})
afterEach(() => app.close())

const bearer = async (change: Record<string, unknown> = {}, header = {}) => {
  const claims = { iss: issuer, aud: audience, sub: 'ann', tenants: ['acme-eu'], roles: ['viewer'], ...change }
  return `Bearer ${await testToken(key, claims, { typ: 'JWT', ...header })}`
}

test('knows the operator of a token of the issuer', async () => {
  const answer = await app.inject({ url: '/whoami', headers: { authorization: await bearer() } })
  expect(answer.json()).toEqual({ iss: issuer, sub: 'ann', tenants: ['acme-eu'], roles: ['viewer'] })
  expect(answer.headers).toMatchObject({ 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' })
})

test('guards only what was registered behind it', async () => {
  expect((await app.inject('/open')).json()).toEqual({ open: true })
})

test.each<[string, () => Promise<string | undefined>]>([
  ['no token', async () => undefined],
  ['the former publish token', async () => `Bearer ${'a'.repeat(43)}`],
  ["an agent's token", () => bearer({ aud: 'https://eu.aegis.example' })],
  ['a token of another issuer', () => bearer({ iss: 'https://login.evil.example' })],
  ['a token that has ended', () => bearer({ iat: 1, exp: 2 })],
  ['a token by a key that the issuer does not publish', () => bearer({}, { kid: 'other' })],
])('refuses %s, in the control plane’s shape', async (_, authorization) => {
  const value = await authorization()
  const answer = await app.inject({ url: '/whoami', headers: value === undefined ? {} : { authorization: value } })
  expect([answer.statusCode, answer.json()]).toEqual([401, { error: { code: 'invalid_token', message: expect.any(String) } }])
  expect(answer.headers['www-authenticate']).toBe('Bearer error="invalid_token"')
})

test('refuses everybody while the issuer has never been reached', async () => {
  away = true
  const answer = await app.inject({ url: '/whoami', headers: { authorization: await bearer() } })
  expect(answer.statusCode).toBe(401)
})

test('refuses the lack of a role, and a body that does not fit, and tells nothing of what broke', async () => {
  const post = async (roles: string[], payload: string) => {
    const headers = { authorization: await bearer({ roles }), 'content-type': 'application/json' }
    return app.inject({ method: 'POST', url: '/publish', headers, payload })
  }
  expect((await post(['viewer'], '{"n":1}')).json()).toEqual({
    error: { code: 'subject_mismatch', message: 'this needs the role publisher or author' },
  })
  expect((await post(['author'], '{"n":1}')).json()).toEqual({ n: 1 })
  expect((await post(['author'], '{"n":1,"m":2}')).json().error).toEqual({
    code: 'malformed_request',
    message: 'the body: Unrecognized key: "m"',
  })
  expect((await post(['author'], `{"n":"${'x'.repeat(2000)}"}`)).json().error.code).toBe('request_too_large')
  expect((await post(['author'], '{"n":1}'.repeat(2))).json().error.code).toBe('malformed_request')
  const broken = await app.inject({ url: '/broken', headers: { authorization: await bearer() } })
  expect(broken.statusCode).toBe(500)
  expect(broken.body).not.toContain('10.0.0.1')
})

test('an unknown path behind the gate is 404', async () => {
  expect((await app.inject({ url: '/nothing', headers: { authorization: await bearer() } })).statusCode).toBe(404)
})

describe('over a real connection', () => {
  const raw = async (headers: string[]): Promise<[number, string]> => {
    await app.listen({ host: '127.0.0.1', port: 0 })
    const { port } = app.server.address() as AddressInfo
    const sent = httpRequest({ host: '127.0.0.1', port, path: '/whoami', headers: ['host', 'x', ...headers], agent: false })
    sent.end()
    const [response] = await once(sent, 'response')
    let text = ''
    for await (const chunk of response) text += chunk
    return [response.statusCode, JSON.parse(text).error?.message]
  }

  test.each(['authorization', 'Authorization', 'if-match'])('refuses two headers %s, even alike', async (name) => {
    const value = await bearer()
    const answer = await raw(['authorization', value, ...(name === 'if-match' ? [name, '"1"', name, '"1"'] : [name, value])])
    expect(answer).toEqual([400, `the header ${name.toLowerCase()} comes more than once`])
  })

  test('takes each once', async () => {
    expect((await raw(['authorization', await bearer()]))[0]).toBe(200)
  })
})

test('other tenants’ things do not exist, and what is of all tenants is for operators of all', () => {
  const operator = (...tenants: string[]): Operator => ({ iss: issuer, sub: 'ann', tenants, roles: ['viewer'] })
  expect(seesTenant(operator('acme-eu'), 'acme-eu')).toBe(true)
  expect(seesTenant(operator('acme-eu'), 'globex-us')).toBe(false)
  expect(seesTenant(operator('acme-eu', 'globex-us'), null)).toBe(false)
  expect(seesTenant(operator('*'), null)).toBe(true)
  expect(() => requireTenant(operator('acme-eu'), 'globex-us', 'client')).toThrow('there is no such client')
  expect(() => requireTenant(operator('*'), 'globex-us', 'client')).not.toThrow()
  expect(() => requireAnyRole({ ...operator('*'), roles: [] })).toThrow('this needs a role')
})
