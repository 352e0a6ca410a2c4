import { Ajv2020 } from 'ajv/dist/2020.js'
import { ERRORS } from '../../../runtime/model/codes.ts'
import { type ApprovalWorld, approvalWorld, request } from '../approvals/world.ts'
import { codeIn, operatorOver } from './support.ts'

let world: ApprovalWorld
let operator: ReturnType<typeof operatorOver>
beforeEach(async () => {
  world = await approvalWorld()
  operator = operatorOver(world)
})
afterEach(async () => {
  await operator.app.close()
  await world.close()
})

const order = (type: string, id: string) => ({ scope: { type, id }, reason: 'misbehaves' })

describe('kill switches', () => {
  test('a killer stops an agent of the own tenant, and it is recorded', async () => {
    const response = await operator.as('killer').post('/v1/kills', order('agent', 'finance-agent'))
    expect(response.statusCode).toBe(201)
    expect(response.json()).toMatchObject({ id: 'kill-0', scope: { type: 'agent', id: 'finance-agent' }, by: 'kim', region: 'eu-west-1' })
    expect(world.events).toMatchObject([
      { kind: 'kill.thrown', actor: 'kim', tenant: 'acme-eu', facts: { scope: 'agent', scope_id: 'finance-agent' } },
    ])
  })

  test.each([
    ['viewer', 'agent', 'finance-agent', '403 subject_mismatch'],
    ['alice', 'tenant', 'acme-eu', '403 subject_mismatch'],
    ['killer', 'tenant', 'clinic-eu', '404 not_found'],
    ['killer', 'agent', 'care-agent', '404 not_found'],
    ['killer', 'agent', 'no-such-agent', '404 not_found'],
    ['killer', 'tool', 'crm', '403 subject_mismatch'],
    ['killer', 'region', 'eu-west-1', '403 subject_mismatch'],
    ['killer', 'key', 'k', '403 subject_mismatch'],
    ['killer', 'token', 't', '403 subject_mismatch'],
  ])('refuses %s on %s %s: %s', async (name, type, id, code) => {
    expect(codeIn(await operator.as(name).post('/v1/kills', order(type, id)))).toBe(code)
    expect(operator.kills).toEqual([])
    expect(world.kinds()).toEqual(['order.refused'])
  })

  test.each(['tenant', 'agent', 'tool', 'region', 'key', 'token'])('an operator of all tenants may kill every %s', async (type) => {
    expect((await operator.as('allKiller').post('/v1/kills', order(type, 'any'))).statusCode).toBe(201)
  })

  test.each<[string, object | string]>([
    ['an unknown scope', order('world', 'all')],
    ['no reason', { scope: { type: 'agent', id: 'finance-agent' } }],
    ['no body', ''],
    ['an unknown field', { ...order('agent', 'finance-agent'), lifted: true }],
    ['an unknown field in the scope', { scope: { type: 'agent', id: 'finance-agent', tenant: 'x' }, reason: 'r' }],
    ['an empty id', order('agent', '')],
  ])('refuses %s', async (_name, body) => {
    expect(codeIn(await operator.as('allKiller').post('/v1/kills', body))).toBe('400 malformed_call')
  })

  test('a list shows what concerns the tenants of the token, and what is lifted', async () => {
    const all = operator.as('allKiller')
    for (const [type, id] of [
      ['agent', 'finance-agent'],
      ['agent', 'care-agent'],
      ['tool', 'crm'],
      ['token', 't'],
    ] as const)
      await all.post('/v1/kills', order(type, id))
    const shown = async (name: string) => (await operator.as(name).get('/v1/kills')).json().kills
    expect((await shown('viewer')).map((kill: { id: string; lifted?: boolean }) => [kill.id, kill.lifted])).toEqual([
      ['kill-0', true],
      ['kill-2', undefined],
    ])
    expect(await shown('allKiller')).toHaveLength(4)
  })

  test('a kill stands though its record could not be written, and the operator hears it', async () => {
    world.log.write = async () => {
      throw new Error('full')
    }
    const response = await operator.as('killer').post('/v1/kills', order('agent', 'finance-agent'))
    expect(codeIn(response)).toBe('503 audit_unavailable')
    expect(response.json().error.message).toContain('kill-0 is thrown')
    expect(operator.kills).toHaveLength(1)
  })
})

describe('promotions', () => {
  const body = { tenant: 'acme-eu', region: 'eu-central-1', home_lost: false }

  test('failover promotes a region of the own tenant, recorded before and after', async () => {
    const response = await operator.as('failover').post('/v1/promotions', body)
    expect(response.statusCode).toBe(201)
    expect(response.json()).toMatchObject({ tenant: 'acme-eu', region: 'eu-central-1', epoch: 1, home_lost: false, by: 'fay' })
    expect(world.kinds()).toEqual(['promotion.ordered', 'promotion.made'])
    expect((await operator.as('viewer').get('/v1/promotions')).json().promotions).toHaveLength(1)
    expect((await operator.as('stranger').get('/v1/promotions')).json().promotions).toEqual([])
  })

  test('refuses without the role, for another tenant, and with another body', async () => {
    expect(codeIn(await operator.as('killer').post('/v1/promotions', body))).toBe('403 subject_mismatch')
    expect(codeIn(await operator.as('stranger').post('/v1/promotions', body))).toBe('404 not_found')
    expect(codeIn(await operator.as('failover').post('/v1/promotions', { ...body, epoch: 7 }))).toBe('400 malformed_call')
    expect(codeIn(await operator.as('failover').post('/v1/promotions', { ...body, home_lost: 'yes' }))).toBe('400 malformed_call')
    expect(operator.promotions).toEqual([])
  })

  test('refuses a promotion that cannot be recorded', async () => {
    world.log.write = async () => {
      throw new Error('full')
    }
    expect((await operator.as('failover').post('/v1/promotions', body)).statusCode).toBeGreaterThanOrEqual(500)
    expect(operator.promotions).toEqual([])
  })
})

test('any role sees the status, and nobody without one', async () => {
  expect((await operator.as('killer').get('/v1/status')).json()).toEqual({ for: 'kim' })
  expect(codeIn(await operator.as('nobody').get('/v1/status'))).toBe('403 subject_mismatch')
  expect(codeIn(await operator.as(undefined).get('/v1/status'))).toBe('401 invalid_token')
})

test('refuses a request that says one header twice', async () => {
  await operator.app.listen({ host: '127.0.0.1', port: 0 })
  const { connect } = await import('node:net')
  const address = operator.app.server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const answer = await new Promise<string>((resolve) => {
    const socket = connect(port, '127.0.0.1')
    let text = ''
    socket.on('data', (chunk) => {
      text += chunk
    })
    socket.on('close', () => resolve(text))
    socket.end(
      'GET /v1/status HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer nobody\r\nAuthorization: Bearer killer\r\nConnection: close\r\n\r\n',
    )
  })
  expect(answer).toContain('400 Bad Request')
  expect(answer).toContain('malformed_call')
})

test('says what it answers, in OpenAPI, and answers so', async () => {
  const document = (await operator.as(undefined).get('/openapi.json')).json()
  expect(document.openapi).toBe('3.1.0')
  const routes = Object.entries(document.paths as Record<string, object>).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method} ${path}`),
  )
  expect(routes.sort()).toEqual([
    'get /health/live',
    'get /v1/approvals',
    'get /v1/approvals/{id}',
    'get /v1/decisions/{id}',
    'get /v1/kills',
    'get /v1/promotions',
    'get /v1/status',
    'post /v1/approvals/{id}/approve',
    'post /v1/approvals/{id}/reject',
    'post /v1/kills',
    'post /v1/promotions',
  ])
  const ajv = new Ajv2020({ strict: false, validateFormats: false })
  ajv.addSchema({ $id: 'openapi', ...document })
  const fits = (schema: string, value: unknown) => ajv.validate({ $ref: `openapi#/components/schemas/${schema}` }, value) || ajv.errors
  const { id } = await world.desk.ask(request)
  expect(fits('Approval', (await operator.as('alice').get(`/v1/approvals/${id}`)).json())).toBe(true)
  expect(fits('Approval', (await operator.as('alice').post(`/v1/approvals/${id}/reject`, { reason: 'no' })).json())).toBe(true)
  expect(fits('Kill', (await operator.as('killer').post('/v1/kills', order('agent', 'finance-agent'))).json())).toBe(true)
  const promoted = await operator.as('failover').post('/v1/promotions', { tenant: 'acme-eu', region: 'eu-central-1', home_lost: true })
  expect(fits('Promotion', promoted.json())).toBe(true)
  expect(fits('Error', (await operator.as(undefined).get('/v1/kills')).json())).toBe(true)
  expect(Object.keys(ERRORS)).toEqual(document.components.schemas.Error.properties.error.properties.code.enum)
})
