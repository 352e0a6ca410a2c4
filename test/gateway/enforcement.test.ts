import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { agentToken, operatorToken, type TestGateway, type TestTrust, testGateway, testTrust } from '../support/gateway.ts'

// The rows of the demo table that data, people and money decide, at one gateway with its real stages and tables.

let trust: TestTrust
let eu: TestGateway
let us: TestGateway

beforeAll(async () => {
  trust = await testTrust()
  eu = await testGateway({ trust, region: 'eu-west-1', zone: 'eu' })
  us = await testGateway({ trust, region: 'us-east-1', zone: 'us' })
}, 30_000)
afterAll(() => Promise.all([eu?.close(), us?.close()]))

interface Call {
  tool: string
  action: string
  arguments: object
  chain?: string
  approval?: string
  idempotency_key?: string
}

async function decide(gateway: TestGateway, token: string, call: Call) {
  const response = await gateway.app.inject({
    method: 'POST',
    url: '/v1/decisions',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
    payload: JSON.stringify(call),
  })
  return { status: response.statusCode, body: response.json(), headers: response.headers }
}

async function execute(gateway: TestGateway, token: string, { tool, action, arguments: args, ...carried }: Call) {
  const response = await gateway.app.inject({
    method: 'POST',
    url: `/v1/tools/${tool}/${action}`,
    headers: {
      'content-type': 'application/json',
      authorization: `Bearer ${token}`,
      ...(carried.approval !== undefined && { 'aegis-approval': carried.approval }),
      ...(carried.idempotency_key !== undefined && { 'aegis-idempotency-key': carried.idempotency_key }),
    },
    payload: JSON.stringify(args),
  })
  return { status: response.statusCode, text: response.body, headers: response.headers }
}

async function agentAsks(gateway: TestGateway, token: string, method: 'GET' | 'POST', url: string) {
  const response = await gateway.app.inject({ method, url, headers: { authorization: `Bearer ${token}` } })
  return { status: response.statusCode, body: response.json() }
}

async function operate(gateway: TestGateway, token: string, method: 'GET' | 'POST', url: string, body?: object) {
  const response = await gateway.operator.inject({
    method,
    url,
    headers: { authorization: `Bearer ${token}`, ...(body !== undefined && { 'content-type': 'application/json' }) },
    ...(body !== undefined && { payload: JSON.stringify(body) }),
  })
  return { status: response.statusCode, body: response.json() }
}

const codes = (body: { reasons: { code: string }[] }) => body.reasons.map(({ code }) => code)
const email = (body: string) => ({ tool: 'email', action: 'send', arguments: { to: 'ana@customer.example', subject: 'hello', body } })
const payment = (amount: number) => ({
  tool: 'stripe-payments',
  action: 'create_payment',
  arguments: { amount, currency: 'eur', recipient: 'supplier-7', memo: 'invoice 114' },
})
const IBAN = 'DE89 3704 0044 0532 0130 00'
const SUPPORT = () => agentToken(trust, 'support-agent', 'acme-eu')
const FINANCE = () => agentToken(trust, 'finance-agent', 'acme-eu')

describe('data', () => {
  test('row 5: an IBAN is masked, and what leaves is what the verdict shows', async () => {
    const { body } = await decide(eu, await SUPPORT(), email(`please pay ${IBAN} soon`))
    expect(body).toMatchObject({ decision: 'sanitize', enforced: 'sanitize', redactions: [{ path: '/body', class: 'iban' }] })
    expect(JSON.stringify(body.arguments)).not.toMatch(/3704|DE89/)
    const sent = await execute(eu, await SUPPORT(), email(`please pay ${IBAN} soon`))
    expect(sent.status).toBe(200)
    const left = Buffer.from(eu.dialled.at(-1)?.body ?? []).toString()
    expect(JSON.parse(left)).toEqual(body.arguments)
    expect(left).not.toMatch(/3704/)
  })

  test('row 6: a card is refused', async () => {
    const { body } = await decide(eu, await SUPPORT(), email('my card is 4111 1111 1111 1111'))
    expect(body).toMatchObject({ decision: 'deny', enforced: 'deny' })
    expect(codes(body)).toContain('data_class_denied')
    expect(JSON.stringify(body)).not.toContain('4111')
  })

  test('row 7: an IBAN in base64 is refused, as it cannot be rewritten', async () => {
    const { body } = await decide(eu, await SUPPORT(), email(`see ${Buffer.from(IBAN).toString('base64')}`))
    expect(body).toMatchObject({ decision: 'deny', enforced: 'deny' })
    expect(codes(body)).toContain('hidden_data')
  })

  test('row 16: shadow mode never softens an export of a bound tenant, and asks nobody', async () => {
    const { body } = await decide(eu, await agentToken(trust, 'trial-agent', 'acme-eu'), email('patient MRN 00123456, diagnosis E11.9'))
    expect(['deny', 'approval_needed']).toContain(body.decision)
    expect(body.enforced).toBe('deny')
    expect(body).not.toHaveProperty('approval')
    expect(body).not.toHaveProperty('arguments')
  })

  test('an export that no rule names is refused, in shadow mode too', async () => {
    const { body } = await decide(eu, await agentToken(trust, 'trial-agent', 'acme-eu'), email('write to bob@elsewhere.example'))
    expect(body).toMatchObject({ enforced: 'deny' })
    expect(codes(body)).toContain('residency_export')
  })

  test('what is not registered is refused without a look through its arguments', async () => {
    const promising = Array.from({ length: 30_000 }, () => 'DE89')
    const { body } = await decide(eu, await FINANCE(), { tool: 'no-tool', action: 'send', arguments: { promising } })
    expect(codes(body)).toEqual(['tool_not_allowed', 'unregistered_tool'])
  })

  test('where exports are only observed they pass, rewritten as ever, and the verdict says what would have been', async () => {
    const active = eu.active
    if (active === undefined) throw new Error('no policy is in force')
    const observed = [...active.tenants].map(([id, tenant]) => [id, { ...tenant, residency: 'observe' as const }] as const)
    eu.active = { ...active, tenants: new Map(observed) }
    const phone = '+49 30 901820'
    const both = await execute(eu, await SUPPORT(), email(`${IBAN} or ${phone}`))
    const { body } = await decide(eu, await SUPPORT(), email(`${IBAN} or ${phone}`))
    const { body: plain } = await decide(eu, await SUPPORT(), email(`call ${phone}`))
    const { body: hidden } = await decide(eu, await SUPPORT(), email(`${Buffer.from(IBAN).toString('base64')} or ${phone}`))
    eu.active = active
    expect([body.decision, body.enforced, codes(body)]).toEqual(['deny', 'sanitize', ['residency_export', 'data_class_sanitized']])
    expect(body.arguments.body).toBe(`****3000 or ${phone}`)
    expect([both.status, JSON.parse(String(Buffer.from(eu.dialled.at(-1)?.body ?? []))).body]).toEqual([200, `****3000 or ${phone}`])
    expect([plain.decision, plain.enforced]).toEqual(['deny', 'allow'])
    expect([hidden.decision, hidden.enforced]).toEqual(['deny', 'deny'])
  })

  test('records name the classes and hold no data', async () => {
    const records = await eu.records()
    expect(records.some(({ custom }) => custom.data_classes?.includes('iban'))).toBe(true)
    expect(JSON.stringify(records)).not.toMatch(/4111 1111|4111111111111111|3704 0044|DE89|00123456|bob@elsewhere/)
  })
})

describe('people', () => {
  test('row 2: an approved payment is allowed once, in the region that asked', async () => {
    const token = await FINANCE()
    const { body } = await decide(eu, token, payment(600_000))
    expect(body).toMatchObject({ decision: 'approval_needed', enforced: 'approval_needed', approval: { status: 'pending' } })
    const again = await decide(eu, token, payment(600_000))
    expect(again.body.approval.id).toBe(body.approval.id)
    const { id } = body.approval
    expect(await agentAsks(eu, token, 'GET', `/v1/approvals/${id}`)).toMatchObject({ status: 200, body: { status: 'pending' } })
    expect(await agentAsks(eu, await SUPPORT(), 'GET', `/v1/approvals/${id}`)).toMatchObject({ status: 404 })

    const approver = await operatorToken(trust, { sub: 'ana@acme-eu', tenants: ['acme-eu'], roles: ['approver'] })
    const stranger = await operatorToken(trust, { sub: 'bob@globex-us', tenants: ['globex-us'], roles: ['approver'] })
    expect(await operate(eu, stranger, 'POST', `/v1/approvals/${id}/approve`)).toMatchObject({ status: 404 })
    expect(await operate(eu, approver, 'POST', `/v1/approvals/${id}/approve`)).toMatchObject({ status: 200 })
    const collected = await agentAsks(eu, token, 'POST', `/v1/approvals/${id}/token`)
    expect(collected.status).toBe(200)
    const approval = collected.body.token

    expect(codes((await decide(eu, token, { ...payment(600_001), approval })).body)).toContain('approval_invalid')
    const redeemed = await Promise.all([1, 2, 3].map(() => decide(eu, token, { ...payment(600_000), approval })))
    expect(redeemed.filter(({ body: verdict }) => verdict.enforced === 'allow')).toHaveLength(1)
    expect(redeemed.filter(({ body: verdict }) => codes(verdict).includes('approval_invalid'))).toHaveLength(2)
  })

  test('a token of another region is held elsewhere', async () => {
    const token = await agentToken(trust, 'ops-agent', 'globex-us')
    const call = { ...payment(600_000), arguments: { ...payment(600_000).arguments, currency: 'usd' } }
    const { body } = await decide(us, token, call)
    const { id } = body.approval
    expect(await agentAsks(eu, await FINANCE(), 'GET', `/v1/approvals/${id}`)).toMatchObject({
      status: 409,
      body: { error: { code: 'held_elsewhere', region: 'us-east-1' } },
    })
  })

  test('row 10: a health record leaves once, with the data protection officer’s word', async () => {
    const token = await agentToken(trust, 'care-agent', 'clinic-eu')
    const call = email('patient MRN 00123456, diagnosis E11.9')
    const { body } = await decide(eu, token, call)
    expect(body).toMatchObject({ decision: 'approval_needed' })
    expect(codes(body)).toContain('residency_export')
    const { id } = body.approval
    const approver = await operatorToken(trust, { sub: 'ana@clinic-eu', tenants: ['clinic-eu'], roles: ['approver'] })
    expect((await operate(eu, approver, 'POST', `/v1/approvals/${id}/approve`)).status).toBe(403)
    const dpo = await operatorToken(trust, { sub: 'dpo@clinic-eu', tenants: ['clinic-eu'], roles: ['dpo'] })
    expect((await operate(eu, dpo, 'POST', `/v1/approvals/${id}/approve`, {})).status).toBe(400)
    const terms = { legal_basis: 'GDPR Art. 49(1)(a)', record_limit: 5 }
    expect(await operate(eu, dpo, 'POST', `/v1/approvals/${id}/approve`, terms)).toMatchObject({ status: 200 })
    const approval = (await agentAsks(eu, token, 'POST', `/v1/approvals/${id}/token`)).body.token
    const before = eu.dialled.length
    const sent = await Promise.all([1, 2].map(() => execute(eu, token, { ...call, approval })))
    expect(sent.map(({ status }) => status).sort()).toEqual([200, 403])
    expect(eu.dialled.length - before).toBe(1)
  })

  test('an officer cannot permit fewer records than the call carries', async () => {
    const token = await agentToken(trust, 'care-agent', 'clinic-eu')
    const call = email('patients MRN 00123456 and MRN 00123457 and MRN 00123458, diagnosis E11.9')
    const { id } = (await decide(eu, token, call)).body.approval
    const dpo = await operatorToken(trust, { sub: 'dpo@clinic-eu', tenants: ['clinic-eu'], roles: ['dpo'] })
    const terms = { legal_basis: 'consent', record_limit: 1 }
    expect((await operate(eu, dpo, 'POST', `/v1/approvals/${id}/approve`, terms)).status).toBe(400)
    expect((await agentAsks(eu, token, 'POST', `/v1/approvals/${id}/token`)).status).toBe(409)
  })

  test('row 14: a kill switch stops the agent, and is in the log', async () => {
    const token = await agentToken(trust, 'rogue-agent', 'acme-eu')
    expect((await decide(eu, token, payment(100))).body.enforced).toBe('allow')
    const killer = await operatorToken(trust, { sub: 'sec', tenants: ['*'], roles: ['killer'] })
    const viewer = await operatorToken(trust, { sub: 'view', tenants: ['*'], roles: ['viewer'] })
    const order = { scope: { type: 'agent', id: 'rogue-agent' }, reason: 'drill' }
    expect((await operate(eu, viewer, 'POST', '/v1/kills', order)).status).toBe(403)
    expect((await operate(eu, killer, 'POST', '/v1/kills', order)).status).toBe(201)
    const { body } = await decide(eu, token, payment(100))
    expect(body).toMatchObject({ decision: 'deny', enforced: 'deny' })
    expect(codes(body)).toEqual(['kill_switch'])
    expect((await eu.records()).some(({ custom }) => custom.event === 'kill.thrown')).toBe(true)
  })
})

describe('chains', () => {
  test('row 18: after reading a record, nothing of the session leaves the zone', async () => {
    const token = await agentToken(trust, 'ward-agent', 'clinic-eu', undefined, { sid: randomUUID() })
    const read = await decide(eu, token, { tool: 'ehr', action: 'read_record', arguments: { patient: 'patient-3' } })
    expect(read.body.enforced).toBe('allow')
    const sent = await decide(eu, token, email('all is well'))
    expect(sent.body.enforced).toBe('deny')
    expect(codes(sent.body)).toContain('chain_tainted')
    expect(sent.body.chain).toBe(read.body.chain)
    const fresh = await agentToken(trust, 'ward-agent', 'clinic-eu', undefined, { sid: randomUUID() })
    expect((await decide(eu, fresh, email('all is well'))).body.enforced).toBe('allow')
    const inherited = await decide(eu, fresh, { ...email('all is well'), chain: read.body.chain })
    expect(codes(inherited.body)).toContain('chain_tainted')
  })

  test('a forged chain is refused, whoever calls', async () => {
    const { body } = await decide(eu, await FINANCE(), {
      ...payment(100),
      chain: 'chn.eu-west-1.aaaaaaaaaaaaaaaaaaaaaa.aaaaaaaaaaaaaaaaaaaaaa',
    })
    expect(body.enforced).toBe('deny')
    expect(codes(body)).toContain('chain_unverified')
  })
})

describe('money', () => {
  test('row 13: payments never pass the budget of this region, however many come at once', async () => {
    const token = await agentToken(trust, 'treasury-agent', 'acme-eu')
    const verdicts = await Promise.all(Array.from({ length: 40 }, () => decide(eu, token, payment(100_000))))
    const allowed = verdicts.filter(({ body }) => body.enforced === 'allow')
    expect(allowed.length).toBeGreaterThan(0)
    expect(allowed.length * 100_000).toBeLessThanOrEqual(2_000_000)
    expect(allowed[0]?.body.reservation).toMatchObject({ cost: 100_000, currency: 'eur' })
    const refused = verdicts.find(({ body }) => body.enforced === 'deny')
    expect(codes(refused?.body)).toContain('budget_exhausted')
    const id = allowed[0]?.body.decision_id
    const report = async (status: string) => {
      const response = await eu.app.inject({
        method: 'POST',
        url: `/v1/decisions/${id}/outcome`,
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        payload: JSON.stringify({ status }),
      })
      return { status: response.statusCode, body: response.json() }
    }
    expect(await report('not_executed')).toMatchObject({ status: 200, body: { spent: 0 } })
    expect(await report('executed')).toMatchObject({ status: 409 })
    expect((await decide(eu, token, payment(100_000))).body.enforced).toBe('allow')
    expect((await decide(eu, token, payment(100_000))).body.enforced).toBe('deny')
  })

  test('row 19: one key is one decision and one reservation', async () => {
    const token = await FINANCE()
    const idempotency_key = randomUUID()
    const [first, second] = [
      await decide(eu, token, { ...payment(100), idempotency_key }),
      await decide(eu, token, { ...payment(100), idempotency_key }),
    ]
    expect(first.body.enforced).toBe('allow')
    expect(second.body.decision_id).toBe(first.body.decision_id)
    expect((await decide(eu, token, { ...payment(1), idempotency_key })).body.error.code).toBe('idempotency_conflict')
  })

  test('a keyed call is forwarded once, and answered alike', async () => {
    const token = await FINANCE()
    const call = { ...payment(100), idempotency_key: randomUUID() }
    const before = eu.dialled.length
    const first = await execute(eu, token, call)
    const second = await execute(eu, token, call)
    expect([first.status, second.status]).toEqual([200, 200])
    expect(second.text).toBe(first.text)
    expect(eu.dialled.length - before).toBe(1)
    expect(eu.dialled.at(-1)?.headers['idempotency-key']).toBe(call.idempotency_key)
  })

  test('a token that is not accepted does not use up the key of a call that waits', async () => {
    const token = await FINANCE()
    const call = { ...payment(610_000), idempotency_key: randomUUID() }
    const { body: asked } = await decide(eu, token, call)
    const { body: refused } = await decide(eu, token, { ...call, approval: 'no.override.token' })
    expect([refused.decision, codes(refused)]).toEqual(['deny', ['approval_invalid']])
    expect((await decide(eu, token, call)).body.decision_id).toBe(asked.decision_id)
    const approver = await operatorToken(trust, { sub: 'ada', tenants: ['acme-eu'], roles: ['approver'] })
    await operate(eu, approver, 'POST', `/v1/approvals/${asked.approval.id}/approve`)
    const { body: collected } = await agentAsks(eu, token, 'POST', `/v1/approvals/${asked.approval.id}/token`)
    const answers = [
      await decide(eu, token, { ...call, approval: collected.token }),
      await decide(eu, token, { ...call, approval: 'no.override.token' }),
    ]
    expect(answers.map(({ body }) => body.enforced)).toEqual(['allow', 'allow'])
    expect(answers[1]?.body.decision_id).toBe(answers[0]?.body.decision_id)
  })

  test('whoever repeats a keyed call while it is under way is told to wait, and never that nobody knows', async () => {
    const token = await FINANCE()
    const call = { ...payment(100), idempotency_key: randomUUID() }
    // Decided and not forwarded: what a second attempt finds between the two.
    await decide(eu, token, call)
    const { status, text } = await execute(eu, token, call)
    expect([status, JSON.parse(text).error.code]).toEqual([409, 'in_progress'])
  })

  test('a rate is kept', async () => {
    const token = await agentToken(trust, 'ops-agent', 'globex-us')
    const answers = await Promise.all(Array.from({ length: 70 }, () => decide(us, token, email('hello'))))
    const limited = answers.filter(({ status }) => status === 429)
    expect(limited.length).toBeGreaterThan(0)
    expect(limited[0]?.body.error.code).toBe('rate_limited')
    expect(Number(limited[0]?.headers['retry-after'])).toBeGreaterThan(0)
  })
})

describe('destinations', () => {
  const fetchUrl = (url: string) => ({ tool: 'web-fetch', action: 'fetch', arguments: { url } })
  const RESEARCH = () => agentToken(trust, 'research-agent', 'umbrella')

  test.each([
    'http://169.254.169.254/latest/meta-data/',
    'https://169.254.169.254/latest/meta-data/',
    'https://10.0.0.5/',
    'https://[::ffff:169.254.169.254]/',
    'https://2130706433/',
    'https://unlisted.example/',
    'https://api.partner.example@evil.example/',
    'https://api.partner.example.evil.example/',
    'file:///etc/passwd',
  ])('row 12: %s is refused', async (url) => {
    const { body } = await decide(eu, await RESEARCH(), fetchUrl(url))
    expect(body.enforced).toBe('deny')
    expect(codes(body).some((code) => ['egress_private_address', 'egress_not_allowed'].includes(code))).toBe(true)
  })

  test('a listed host is allowed, and pinned to the addresses that were checked', async () => {
    const { body } = await decide(eu, await RESEARCH(), fetchUrl('https://api.partner.example/v1/rates?day=1'))
    expect(body).toMatchObject({
      enforced: 'allow',
      route: { endpoint: 'https://api.partner.example/v1/rates?day=1', addresses: ['44.128.1.20'] },
    })
  })
})
