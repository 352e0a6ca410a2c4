import { type ApprovalWorld, approvalWorld, ELSEWHERE, exportRequest, request } from '../approvals/world.ts'
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

const pending = '/v1/approvals?status=pending'
const ask = async (change = {}) => (await world.desk.ask({ ...request, ...change })).id
const approve = (name: string | undefined, id: string, body?: object | string) =>
  operator.as(name).post(`/v1/approvals/${id}/approve`, body)

test('an approver sees what waits, agrees without a body, and that is the end of it', async () => {
  const id = await ask()
  const listed = (await operator.as('alice').get(pending)).json()
  expect(listed).toMatchObject({
    region: 'eu-west-1',
    more: false,
    approvals: [
      {
        id,
        tenant: 'acme-eu',
        agent: 'finance-agent',
        tool: 'stripe-payments',
        action: 'create_payment',
        risk: 'high',
        rules: ['max_amount'],
        roles: ['approver'],
        arguments: { amount: 600000, currency: 'eur' },
        destination: { zone: 'eu', region: 'eu-west-1' },
        approvals: [],
        export: null,
      },
    ],
  })
  const response = await approve('alice', id)
  expect(codeIn(response)).toBe('200 approved')
  expect(response.json().approvals).toMatchObject([{ sub: 'alice', roles: ['approver'] }])
  expect((await operator.as('alice').get(pending)).json().approvals).toEqual([])
  expect(codeIn(await approve('bob', id))).toBe('409 already_decided')
})

test('what is shown hides nothing', async () => {
  const id = await ask({ arguments: { memo: 'pay \u202e7-reilppus\u202c', 'a\u200bb': 1 } })
  for (const url of [pending, `/v1/approvals/${id}`]) {
    const { body } = await operator.as('viewer').get(url)
    expect(body).not.toMatch(/[\u202e\u202c\u200b]/)
    expect(body).toContain('pay \\\\u202e7-reilppus\\\\u202c')
    expect(body).toContain('a\\\\u200bb')
  }
})

test('a list leaves large arguments out, and the approval itself has them', async () => {
  const id = await ask({ arguments: { memo: 'x'.repeat(5000) } })
  expect((await operator.as('viewer').get(pending)).json().approvals[0]).toMatchObject({ arguments: null, arguments_bytes: 5011 })
  expect((await operator.as('viewer').get(`/v1/approvals/${id}`)).json().arguments.memo).toHaveLength(5000)
})

test('refuses to approve by GET, HEAD, or anything but POST, whatever the URL says', async () => {
  const id = await ask()
  const { app } = operator
  const headers = { authorization: 'Bearer alice', 'x-http-method-override': 'POST' }
  for (const method of ['GET', 'HEAD', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const)
    for (const url of [`/v1/approvals/${id}/approve`, `/v1/approvals/${id}?action=approve`, `/v1/approvals/${id}/approve?_method=POST`])
      await app.inject({ method, url, headers })
  expect(codeIn(await operator.as('alice').get(`/v1/approvals/${id}/approve`))).toBe('404 not_found')
  expect((await operator.as('alice').get(`/v1/approvals/${id}`)).json().status).toBe('pending')
  expect(world.kinds()).toEqual([])
})

test('refuses and records self-approval, the wrong role, another tenant and another region', async () => {
  const id = await ask()
  expect(codeIn(await approve('agent', id))).toBe('403 subject_mismatch')
  expect(codeIn(await approve('viewer', id))).toBe('403 subject_mismatch')
  expect(codeIn(await approve('dora', id))).toBe('403 subject_mismatch')
  expect(codeIn(await approve('stranger', id))).toBe('404 not_found')
  expect(codeIn(await approve('alice', `apr.${ELSEWHERE}.${'x'.repeat(22)}`))).toBe('409 held_elsewhere')
  expect(world.events.map(({ kind, actor, approvalId, facts }) => [kind, actor, approvalId?.startsWith('apr.'), facts.code])).toEqual([
    ['approval.refused', 'finance-agent', true, 'subject_mismatch'],
    ['approval.refused', 'vera', true, 'subject_mismatch'],
    ['approval.refused', 'dora', true, 'subject_mismatch'],
    ['approval.refused', 'carol', true, 'not_found'],
    ['approval.refused', 'alice', true, 'held_elsewhere'],
  ])
})

test('held_elsewhere says where', async () => {
  const response = await approve('alice', `apr.${ELSEWHERE}.${'x'.repeat(22)}`)
  expect(response.json().error).toMatchObject({ region: ELSEWHERE, url: 'https://eu-central-1.aegis.example' })
})

test("other tenants' approvals are not there", async () => {
  const id = await ask()
  expect((await operator.as('stranger').get(pending)).json().approvals).toEqual([])
  expect(codeIn(await operator.as('stranger').get(`/v1/approvals/${id}`))).toBe('404 not_found')
  expect(codeIn(await operator.as('stranger').post(`/v1/approvals/${id}/reject`))).toBe('404 not_found')
})

test('refuses who is nobody, and leaves no record of strangers', async () => {
  const id = await ask()
  for (const response of [await operator.as(undefined).get(pending), await approve(undefined, id), await approve('mallory', id)]) {
    expect(codeIn(response)).toBe('401 invalid_token')
    expect(response.headers['www-authenticate']).toContain('Bearer')
  }
  expect(codeIn(await operator.as('nobody').get(pending))).toBe('403 subject_mismatch')
  expect(codeIn(await operator.as('killer').get(pending))).toBe('403 subject_mismatch')
  expect(world.kinds()).toEqual([])
})

test('a rejection is final', async () => {
  const id = await ask()
  const response = await operator.as('bob').post(`/v1/approvals/${id}/reject`, { reason: 'not this supplier' })
  expect(codeIn(response)).toBe('200 rejected')
  expect(response.json().rejection).toMatchObject({ sub: 'bob', reason: 'not this supplier' })
  expect(codeIn(await approve('alice', id))).toBe('409 already_decided')
})

test('an export takes a data protection officer with terms', async () => {
  const { id } = await world.desk.ask(exportRequest)
  expect(codeIn(await approve('alice', id))).toBe('403 subject_mismatch')
  expect(codeIn(await approve('dora', id))).toBe('400 malformed_call')
  expect(codeIn(await approve('dora', id, { legal_basis: 'GDPR Art. 49(1)(f)' }))).toBe('400 malformed_call')
  const response = await approve('dora', id, { legal_basis: 'GDPR Art. 49(1)(f)', record_limit: 2 })
  expect(codeIn(response)).toBe('200 approved')
  expect(response.json()).toMatchObject({
    export: { data_classes: ['health_record'], records: 2 },
    terms: { record_limit: 2, officer: 'dora' },
  })
  expect(world.officers).toEqual(['dora'])
})

test.each<[string, object | string]>([
  ['an unknown field', { amount: 1 }],
  ['edited arguments', { arguments: { amount: 1 } }],
  ['a duplicate key', '{"reason":"a","reason":"b"}'],
  ['no JSON', '{'],
  ['a list', '[]'],
  ['text', '"approve"'],
  ['a reason that is not text', { reason: 7 }],
  ['a reason with hidden characters', { reason: 'ok\u202e' }],
  ['a reason that is too long', { reason: 'x'.repeat(501) }],
  ['a limit that is no number', { legal_basis: 'x', record_limit: '5' }],
  ['a limit of nothing', { legal_basis: 'x', record_limit: 0 }],
  ['nesting', { reason: [[[[['x']]]]] }],
])('refuses %s', async (_name, body) => {
  const id = await ask()
  expect(codeIn(await approve('alice', id, body))).toBe('400 malformed_call')
  expect((await world.approvals.get('acme-eu', id))?.status).toBe('pending')
})

test('takes an empty body of whatever kind, and refuses a large one and other types', async () => {
  expect(codeIn(await approve('alice', await ask({ digest: '1'.repeat(64) }), '{}'))).toBe('200 approved')
  expect(codeIn(await approve('alice', await ask({ digest: '2'.repeat(64) }), ''))).toBe('200 approved')
  const id = await ask()
  expect(codeIn(await approve('alice', id, JSON.stringify({ reason: 'x'.repeat(20_000) })))).toBe('413 call_too_large')
  const headers = { authorization: 'Bearer alice', 'content-type': 'application/x-www-form-urlencoded' }
  const form = await operator.app.inject({ method: 'POST', url: `/v1/approvals/${id}/approve`, headers, payload: 'a=b' })
  expect(codeIn(form)).toBe('400 malformed_call')
})

test.each([
  '/v1/approvals?status=open',
  '/v1/approvals?status=pending&status=approved',
  '/v1/approvals?tenant=clinic-eu',
  '/v1/approvals?status[]=pending',
])('refuses the query of %s', async (url) => {
  expect(codeIn(await operator.as('alice').get(url))).toBe('400 malformed_call')
})

test('answers are not kept by anyone', async () => {
  for (const url of [pending, '/v1/status', '/v1/nothing'])
    expect((await operator.as('viewer').get(url)).headers['cache-control']).toBe('no-store')
})

test('nothing is decided while records cannot be written', async () => {
  const id = await ask()
  world.log.write = async () => {
    throw new Error('full')
  }
  expect((await approve('alice', id)).statusCode).toBe(503)
  expect((await world.approvals.get('acme-eu', id))?.status).toBe('pending')
})
