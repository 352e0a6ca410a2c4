import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import fastify, { type FastifyInstance, type InjectOptions } from 'fastify'
import { guardByOperators } from '../../../runtime/control-plane/api/operators.ts'
import { type DirectoryDesk, memoryDesk } from '../../../runtime/control-plane/directory/desk.ts'
import { DIRECTORY_BODY_BYTES_MAX, directoryRoutes } from '../../../runtime/control-plane/directory/routes.ts'
import type { OperatorRole } from '../../../runtime/identity/operator-token.ts'
import { context, filled, OTHER_SECRET, SECRET, workload } from './world.ts'

let app: FastifyInstance
let desk: DirectoryDesk

beforeEach(() => {
  desk = memoryDesk({ clock: { now: () => Date.parse('2026-11-27T10:00:00Z') }, context: () => context, state: filled() })
  app = build(desk)
})
afterEach(() => app.close())

/** Tokens of these tests are `<roles>:<tenants>`, by commas. */
function build(kept: DirectoryDesk): FastifyInstance {
  const built = fastify()
  built.register(async (guarded) => {
    const verify = async (authorization: string | undefined) => {
      const [roles = '', tenants = ''] = (authorization ?? '').replace('Bearer ', '').split(':')
      const listed = (text: string) => text.split(',').filter((word) => word !== '')
      return { iss: 'https://login.example', sub: 'ann', roles: listed(roles) as OperatorRole[], tenants: listed(tenants) }
    }
    guardByOperators(guarded, { verify }, { bodyBytesMax: DIRECTORY_BODY_BYTES_MAX })
    await guarded.register(directoryRoutes({ desk: kept, agents: () => context.agents }))
  })
  return built
}

interface Asked {
  as?: string
  ifMatch?: string | null
  body?: unknown
  headers?: Record<string, string>
}
const ask = (method: InjectOptions['method'], path: string, { as = 'publisher:*', ifMatch = '"0"', body, headers = {} }: Asked = {}) =>
  app.inject({
    method,
    url: `/v1/directory${path}`,
    headers: {
      authorization: `Bearer ${as}`,
      ...(ifMatch !== null && { 'if-match': ifMatch }),
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body !== undefined && { payload: typeof body === 'string' ? body : JSON.stringify(body) }),
  })
const codeOf = (answer: Awaited<ReturnType<typeof ask>>) => [answer.statusCode, answer.json().error?.code]

describe('reading', () => {
  test('shows the whole directory to an operator of all tenants, with its version as ETag and no hash of a secret', async () => {
    const answer = await ask('GET', '', { as: 'viewer:*' })
    expect(answer.statusCode).toBe(200)
    expect(answer.headers).toMatchObject({ etag: '"0"', 'cache-control': 'no-store' })
    expect(answer.json()).toEqual({
      version: 0,
      tenants: filled().tenants,
      clients: {
        'finance-agent': { tenant: 'acme-eu', has_secret: true },
        'ops-agent': { tenant: 'globex-us', assertions: [workload('ops')], has_secret: false },
      },
      budgets: { 'finance-agent': { amount: 400, reason: 'quarter end', tenant: 'acme-eu', unit: 'eur' } },
      bundle_readers: { edge: { zone: 'eu', has_secret: true } },
      lifted: ['kill-1'],
      removed_keys: { 'us-east-1': ['old'] },
    })
    expect(answer.body).not.toContain(SECRET)
  })

  test('shows an operator of one tenant that tenant’s things and nothing else', async () => {
    const shown = (await ask('GET', '', { as: 'viewer:acme-eu' })).json()
    expect(Object.keys(shown.tenants)).toEqual(['acme-eu'])
    expect(Object.keys(shown.clients)).toEqual(['finance-agent'])
    expect(Object.keys(shown.budgets)).toEqual(['finance-agent'])
    expect(shown).toMatchObject({ bundle_readers: {}, lifted: [], removed_keys: {} })
    expect((await ask('GET', '', { as: 'viewer:nobody' })).json()).toMatchObject({ tenants: {}, clients: {}, budgets: {} })
  })

  test('refuses a token without any role', async () => {
    expect(codeOf(await ask('GET', '', { as: ':*' }))).toEqual([403, 'subject_mismatch'])
    expect(codeOf(await ask('GET', '/changes', { as: ':*' }))).toEqual([403, 'subject_mismatch'])
  })
})

describe('changing', () => {
  test.each<[string, object, (state: ReturnType<typeof filled>) => unknown, unknown]>([
    ['/tenants/newco', { binding: 'none' }, ({ tenants }) => tenants.newco, { binding: 'none', mode: 'enforce', residency: 'enforce' }],
    [
      '/clients/support-agent',
      { secret_sha256: OTHER_SECRET },
      ({ clients }) => clients['support-agent'],
      { secret_sha256: OTHER_SECRET, tenant: 'acme-eu' },
    ],
    [
      '/budgets/ops-agent',
      { amount: 9, reason: 'less' },
      ({ budgets }) => budgets['ops-agent'],
      { amount: 9, reason: 'less', tenant: 'globex-us', unit: 'calls' },
    ],
    [
      '/bundle-readers/mesh',
      { zone: 'us', secret_sha256: OTHER_SECRET },
      ({ bundle_readers }) => bundle_readers.mesh,
      { zone: 'us', secret_sha256: OTHER_SECRET },
    ],
  ])('puts and removes %s', async (path, body, found, expected) => {
    const put = await ask('PUT', path, { body })
    expect([put.statusCode, put.headers.etag, put.json()]).toEqual([200, '"1"', { version: 1 }])
    expect(found(desk.current().state)).toEqual(expected)
    const removed = await ask('DELETE', path, { ifMatch: '"1"' })
    expect([removed.statusCode, removed.json()]).toEqual([200, { version: 2 }])
    expect(found(desk.current().state)).toBeUndefined()
  })

  test('is audited with who, when, what and why, and the audit shows no hash', async () => {
    await ask('PUT', `/clients/support-agent?reason=${encodeURIComponent('für die Prüfung')}`, { body: { secret_sha256: OTHER_SECRET } })
    await ask('PUT', '/budgets/ops-agent', { ifMatch: '"1"', body: { amount: 9, reason: 'less' } })
    await ask('DELETE', '/bundle-readers/edge', { ifMatch: '"2"' })
    const answer = await ask('GET', '/changes?after=0', { as: 'viewer:*' })
    const common = { at: '2026-11-27T10:00:00.000Z', by: { iss: 'https://login.example', sub: 'ann' } }
    expect(answer.json()).toEqual({
      changes: [
        {
          ...common,
          version: 1,
          reason: 'für die Prüfung',
          tenant: 'acme-eu',
          change: { kind: 'put_client', id: 'support-agent', fields: { has_secret: true } },
        },
        {
          ...common,
          version: 2,
          reason: 'less',
          tenant: 'globex-us',
          change: { kind: 'put_budget', id: 'ops-agent', fields: { amount: 9, reason: 'less' } },
        },
        { ...common, version: 3, reason: 'no reason given', tenant: null, change: { kind: 'remove_bundle_reader', id: 'edge' } },
      ],
      more: false,
    })
    const ofAcme = (await ask('GET', '/changes?after=0', { as: 'viewer:acme-eu' })).json()
    expect(ofAcme.changes.map(({ version }: { version: number }) => version)).toEqual([1])
    expect((await ask('GET', '/changes?after=2', { as: 'viewer:*' })).json().changes).toHaveLength(1)
  })

  test('an import is in the audit without its texts', async () => {
    const clients = `ops-agent: { secret_sha256: '${OTHER_SECRET}' }\n`
    await desk.change({ expects: 0, change: { kind: 'import', clients }, by: { iss: 'i', sub: 's' }, reason: 'start' })
    const answer = await ask('GET', '/changes', { as: 'viewer:*' })
    expect(answer.json().changes[0].change).toEqual({ kind: 'import', files: ['clients'] })
    expect(answer.body).not.toContain(OTHER_SECRET)
  })

  const client = { secret_sha256: OTHER_SECRET }
  test.each<[string, InjectOptions['method'], string, Asked, number, string]>([
    ['a viewer', 'PUT', '/clients/support-agent', { as: 'viewer,author,approver:*', body: client }, 403, 'subject_mismatch'],
    ['no If-Match', 'PUT', '/clients/support-agent', { ifMatch: null, body: client }, 428, 'version_required'],
    ['no If-Match for a removal', 'DELETE', '/clients/finance-agent', { ifMatch: null }, 428, 'version_required'],
    ['any version', 'PUT', '/clients/support-agent', { ifMatch: '*', body: client }, 400, 'malformed_request'],
    ['a weak version', 'PUT', '/clients/support-agent', { ifMatch: 'W/"0"', body: client }, 400, 'malformed_request'],
    ['several versions', 'PUT', '/clients/support-agent', { ifMatch: '"0", "1"', body: client }, 400, 'malformed_request'],
    ['a version without quotes', 'PUT', '/clients/support-agent', { ifMatch: '0', body: client }, 400, 'malformed_request'],
    ['a version to come', 'PUT', '/clients/support-agent', { ifMatch: '"1"', body: client }, 412, 'stale_directory'],
    ['another tenant’s client', 'PUT', '/clients/ops-agent', { as: 'publisher:acme-eu', body: client }, 404, 'not_found'],
    ['another tenant’s client to be removed', 'DELETE', '/clients/ops-agent', { as: 'publisher:acme-eu' }, 404, 'not_found'],
    ['another tenant', 'DELETE', '/tenants/globex-us', { as: 'publisher:acme-eu' }, 404, 'not_found'],
    [
      'a tenant that is not theirs to make',
      'PUT',
      '/tenants/newco',
      { as: 'publisher:acme-eu', body: { binding: 'none' } },
      404,
      'not_found',
    ],
    [
      'another tenant’s budget',
      'PUT',
      '/budgets/ops-agent',
      { as: 'publisher:acme-eu', body: { amount: 1, reason: 'r' } },
      404,
      'not_found',
    ],
    [
      'a reader, by an operator of some tenants',
      'PUT',
      '/bundle-readers/x',
      { as: 'publisher:acme-eu,globex-us', body: { zone: 'eu', ...client } },
      404,
      'not_found',
    ],
    ['a reader to be removed by them', 'DELETE', '/bundle-readers/edge', { as: 'publisher:acme-eu,globex-us' }, 404, 'not_found'],
    [
      'a client of nobody, by an operator of some tenants',
      'PUT',
      '/clients/ghost',
      { as: 'publisher:acme-eu', body: client },
      404,
      'not_found',
    ],
    ['a client of nobody', 'PUT', '/clients/ghost', { body: client }, 400, 'directory_refused'],
    ['to remove what is not there', 'DELETE', '/clients/support-agent', {}, 404, 'not_found'],
    ['an unknown field', 'PUT', '/clients/support-agent', { body: { ...client, admin: true } }, 400, 'malformed_request'],
    [
      'a tenant in a client’s body',
      'PUT',
      '/clients/support-agent',
      { body: { ...client, tenant: 'globex-us' } },
      400,
      'malformed_request',
    ],
    ['a unit in a budget’s body', 'PUT', '/budgets/ops-agent', { body: { amount: 1, reason: 'r', unit: 'eur' } }, 400, 'malformed_request'],
    ['an empty client', 'PUT', '/clients/support-agent', { body: {} }, 400, 'malformed_request'],
    ['a secret in place of its hash', 'PUT', '/clients/support-agent', { body: { secret_sha256: 'hunter2' } }, 400, 'malformed_request'],
    [
      'a private key',
      'PUT',
      '/clients/support-agent',
      { body: { assertions: [{ ...workload('x'), keys: [{ ...workload('x').keys[0], d: 'x' }] }] } },
      400,
      'malformed_request',
    ],
    ['half an amount', 'PUT', '/budgets/ops-agent', { body: { amount: 1.5, reason: 'r' } }, 400, 'malformed_request'],
    ['a negative amount', 'PUT', '/budgets/ops-agent', { body: { amount: -1, reason: 'r' } }, 400, 'malformed_request'],
    ['an infinite amount', 'PUT', '/budgets/ops-agent', { body: '{"amount":1e400,"reason":"r"}' }, 400, 'malformed_request'],
    ['a budget without a reason', 'PUT', '/budgets/ops-agent', { body: { amount: 1 } }, 400, 'malformed_request'],
    ['a reason with what is not seen', 'PUT', '/budgets/ops-agent', { body: { amount: 1, reason: 'a\u202eb' } }, 400, 'malformed_request'],
    ['one key twice', 'PUT', '/budgets/ops-agent', { body: '{"amount":1,"amount":2,"reason":"r"}' }, 400, 'malformed_request'],
    ['a body that is no JSON', 'PUT', '/clients/support-agent', { body: '{' }, 400, 'malformed_request'],
    [
      'a body of another type',
      'PUT',
      '/clients/support-agent',
      { body: 'x', headers: { 'content-type': 'text/plain' } },
      400,
      'malformed_request',
    ],
    [
      'a body that is packed',
      'PUT',
      '/clients/support-agent',
      { body: client, headers: { 'content-encoding': 'gzip' } },
      400,
      'malformed_request',
    ],
    [
      'a body that is too large',
      'PUT',
      '/clients/support-agent',
      { body: `{"a":"${'x'.repeat(DIRECTORY_BODY_BYTES_MAX)}"}` },
      413,
      'request_too_large',
    ],
    ['a body with a removal', 'DELETE', '/clients/finance-agent', { body: { reason: 'r' } }, 400, 'malformed_request'],
    ['a name that is none', 'PUT', '/clients/__proto__', { body: client }, 400, 'malformed_request'],
    ['an unknown word in the query', 'PUT', '/clients/support-agent?force=true', { body: client }, 400, 'malformed_request'],
    ['two reasons', 'PUT', '/clients/support-agent?reason=a&reason=b', { body: client }, 400, 'malformed_request'],
    ['audit from a version that is none', 'GET', '/changes?after=-1', {}, 400, 'malformed_request'],
    [
      'a tenant that the deployment contradicts',
      'PUT',
      '/tenants/acme-eu',
      { body: { binding: 'zone', zone: 'mars', home_region: 'x' } },
      400,
      'directory_refused',
    ],
  ])('refuses %s', async (_, method, path, asked, status, code) => {
    expect(codeOf(await ask(method, path, asked))).toEqual([status, code])
    expect(desk.current()).toEqual({ version: 0, state: filled() })
    expect(await desk.changes(0)).toEqual([])
  })

  test('a stale change is told the version that is there, and changes nothing', async () => {
    await ask('PUT', '/clients/support-agent', { body: client })
    const stale = await ask('PUT', '/budgets/ops-agent', { body: { amount: 1, reason: 'r' } })
    expect(codeOf(stale)).toEqual([412, 'stale_directory'])
    expect([stale.headers.etag, stale.json().error.version]).toEqual(['"1"', 1])
    expect(stale.json().error.message).toMatch(/at version 1.*for version 0/)
  })

  test('of two operators who have seen the same version one wins', async () => {
    const statuses = (
      await Promise.all(['9', '8'].map((amount) => ask('PUT', '/budgets/ops-agent', { body: `{"amount":${amount},"reason":"r"}` })))
    )
      .map(({ statusCode }) => statusCode)
      .sort()
    expect(statuses).toEqual([200, 412])
    expect(await desk.changes(0)).toHaveLength(1)
  })

  test('says every fault of a refused change, one a line', async () => {
    const body = { binding: 'none', zone: 'eu', home_region: 'eu-west-1' }
    const { error } = (await ask('PUT', '/tenants/newco', { body })).json()
    expect(error.message.split('\n')).toEqual([
      expect.stringContaining('with zone eu'),
      expect.stringContaining('with home region eu-west-1'),
    ])
  })

  test('names the field that does not fit', async () => {
    const { error } = (await ask('PUT', '/budgets/ops-agent', { body: { amount: -1, reason: '' } })).json()
    expect(error.message).toMatch(/^amount: must not be negative\nreason: /)
  })

  test('an operator of the tenant changes what is theirs', async () => {
    const answer = await ask('PUT', '/clients/support-agent', { as: 'publisher:acme-eu', body: client })
    expect(answer.statusCode).toBe(200)
  })

  test('a desk that fails is an internal error that tells nothing', async () => {
    const broken: DirectoryDesk = { ...desk, change: async () => Promise.reject(new Error('bucket s3://secret-place is away')) }
    await app.close()
    app = build(broken)
    const answer = await ask('PUT', '/clients/support-agent', { body: client })
    expect(codeOf(answer)).toEqual([500, 'internal_error'])
    expect(answer.body).not.toContain('secret-place')
  })

  test('whose thing it is and the version it is judged by are of one moment', async () => {
    // A client that moves to another tenant between both looks must not be removed by the operator of the former one.
    let looks = 0
    const moving: DirectoryDesk = {
      ...desk,
      current: () => ({ version: looks++, state: desk.current().state }),
      change: async () => Promise.reject(new Error('must not be asked')),
    }
    await app.close()
    app = build(moving)
    expect(codeOf(await ask('DELETE', '/clients/finance-agent', { as: 'publisher:acme-eu', ifMatch: '"1"' }))).toEqual([
      412,
      'stale_directory',
    ])
  })
})
