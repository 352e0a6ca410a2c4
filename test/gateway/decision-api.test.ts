import type { loadEvaluator } from '../../runtime/policy/evaluate.ts'
import { agentToken, type TestGateway, type TestTrust, testGateway, testTrust } from '../support/gateway.ts'

let trust: TestTrust
let eu: TestGateway
let standby: TestGateway
let us: TestGateway
const payment = {
  tool: 'stripe-payments',
  action: 'create_payment',
  arguments: { amount: 420000, currency: 'eur', recipient: 'supplier-7', memo: 'invoice 114' },
}

beforeAll(async () => {
  trust = await testTrust()
  eu = await testGateway({ trust, region: 'eu-west-1', zone: 'eu' })
  standby = await testGateway({ trust, region: 'eu-central-1', zone: 'eu' })
  us = await testGateway({ trust, region: 'us-east-1', zone: 'us' })
})
afterAll(() => Promise.all([eu, standby, us].map((gateway) => gateway.close())))

async function decide(gateway: TestGateway, token: string | undefined, call: unknown, headers: Record<string, string | string[]> = {}) {
  const response = await gateway.app.inject({
    method: 'POST',
    url: '/v1/decisions',
    headers: { 'content-type': 'application/json', ...(token !== undefined && { authorization: `Bearer ${token}` }), ...headers },
    payload: typeof call === 'string' || Buffer.isBuffer(call) ? call : JSON.stringify(call),
  })
  return { status: response.statusCode, body: response.json(), headers: response.headers }
}

const financeToken = () => agentToken(trust, 'finance-agent', 'acme-eu')
const codes = (body: { reasons: { code: string }[] }) => body.reasons.map(({ code }) => code)

describe('the demo table', () => {
  test('row 1: a payment under the limit is allowed in both regions of the zone', async () => {
    for (const [gateway, region] of [
      [eu, 'eu-west-1'],
      [standby, 'eu-central-1'],
    ] as const) {
      const { status, body } = await decide(gateway, await financeToken(), payment)
      expect(status).toBe(200)
      expect(body).toMatchObject({
        decision: 'allow',
        enforced: 'allow',
        mode: 'enforce',
        region,
        zone: 'eu',
        tenant_zone: 'eu',
        route: { region, addresses: ['44.128.1.20'] },
      })
      expect(body).not.toHaveProperty('arguments')
      expect(body.timing_us.total).toBeGreaterThan(0)
    }
  })

  test('row 2: a payment over the limit needs an approval, and has no route', async () => {
    const { body } = await decide(eu, await financeToken(), { ...payment, arguments: { ...payment.arguments, amount: 600000 } })
    expect(body).toMatchObject({ decision: 'approval_needed', enforced: 'approval_needed' })
    expect(codes(body)).toContain('amount_over_limit')
    expect(body).not.toHaveProperty('route')
  })

  test.each([
    ['1e400', '{"amount":1e400,"currency":"eur","recipient":"supplier-7","memo":"x"}'],
    ['null', '{"amount":null,"currency":"eur","recipient":"supplier-7","memo":"x"}'],
    ['text', '{"amount":"420000","currency":"eur","recipient":"supplier-7","memo":"x"}'],
    ['-1', '{"amount":-1,"currency":"eur","recipient":"supplier-7","memo":"x"}'],
    ['a fraction', '{"amount":1.5,"currency":"eur","recipient":"supplier-7","memo":"x"}'],
    ['twice', '{"amount":420000,"amount":1,"currency":"eur","recipient":"supplier-7","memo":"x"}'],
    ['missing', '{"currency":"eur","recipient":"supplier-7","memo":"x"}'],
    ['beside an unknown argument', '{"amount":1,"currency":"eur","recipient":"supplier-7","memo":"x","limit":9}'],
  ])('row 3: refuses an amount that is %s', async (_name, args) => {
    const { status, body } = await decide(
      eu,
      await financeToken(),
      `{"tool":"stripe-payments","action":"create_payment","arguments":${args}}`,
    )
    expect(status).toBe(400)
    expect(body.error.code).toBe('malformed_call')
  })

  test('row 4: a tool that the document does not name is denied', async () => {
    const { body } = await decide(eu, await financeToken(), { tool: 'ehr', action: 'read_record', arguments: { patient: 'p-1' } })
    expect(body.decision).toBe('deny')
    expect(codes(body)).toContain('tool_not_allowed')
  })

  test('row 8: a zone token at another zone is refused before its body is read', async () => {
    const { status, body } = await decide(us, await financeToken(), 'this is no JSON, and nobody looks')
    expect([status, body.error.code]).toEqual([401, 'wrong_zone'])
    const record = (await us.records()).at(-1)
    expect(record?.custom).toMatchObject({ error: 'wrong_zone', tool: null, agent_id: null })
  })

  test('row 9: shadow mode allows what it would have held', async () => {
    const { body } = await decide(eu, await agentToken(trust, 'trial-agent', 'acme-eu'), {
      ...payment,
      arguments: { ...payment.arguments, amount: 600000 },
    })
    expect(body).toMatchObject({ decision: 'approval_needed', enforced: 'allow', mode: 'shadow', route: { region: 'eu-west-1' } })
    expect(codes(body)).toContain('amount_over_limit')
  })

  test('row 11: a read in the zone goes to the region’s own endpoint', async () => {
    const { body } = await decide(eu, await agentToken(trust, 'support-agent', 'acme-eu'), {
      tool: 'crm',
      action: 'read_contact',
      arguments: { id: 'c-1' },
    })
    expect(body).toMatchObject({ decision: 'allow', route: { region: 'eu-west-1' } })
  })

  test('row 15: another zone decides by itself', async () => {
    const { body } = await decide(us, await agentToken(trust, 'ops-agent', 'globex-us'), {
      ...payment,
      arguments: { ...payment.arguments, currency: 'usd' },
    })
    expect(body).toMatchObject({ decision: 'allow', region: 'us-east-1', tenant_zone: 'us' })
  })

  test('row 17: a region-bound tenant is served by its home region alone', async () => {
    const call = { tool: 'ehr', action: 'read_record', arguments: { patient: 'p-1' } }
    const token = await agentToken(trust, 'ward-agent', 'clinic-eu')
    const { status, body } = await decide(standby, token, call)
    expect([status, body.error.code, body.error.region]).toEqual([503, 'home_region_unavailable', 'eu-west-1'])
  })

  test('row 20: an unbound tenant is served everywhere, whichever region issued its token', async () => {
    for (const issuer of ['eu-west-1', 'us-east-1', 'ap-southeast-1']) {
      for (const gateway of [eu, standby, us]) {
        const { body } = await decide(gateway, await agentToken(trust, 'research-agent', 'umbrella', issuer), {
          tool: 'crm',
          action: 'read_contact',
          arguments: { id: 'c-1' },
        })
        expect(body).toMatchObject({ decision: 'allow', tenant_zone: 'global' })
      }
    }
  })
})

describe('the guard', () => {
  const tokenOf = () => agentToken(trust, 'support-agent', 'acme-eu')
  const call = { tool: 'crm', action: 'read_contact', arguments: { id: 'c-1' } }

  test('refuses a tool or action that the signed registry lacks, whatever policy says', async () => {
    for (const unregistered of [
      { ...call, tool: 'shell' },
      { ...call, action: 'drop_all' },
    ]) {
      const { body } = await decide(eu, await tokenOf(), unregistered)
      expect(body.decision).toBe('deny')
      expect(codes(body)).toContain('unregistered_tool')
    }
  })

  test.each([
    ['egress_private_address', ['10.0.0.7']],
    ['egress_private_address', ['44.128.1.20', '127.0.0.1']],
    ['egress_private_address', ['::ffff:169.254.169.254']],
    ['egress_private_address', ['fd00::1']],
    ['egress_private_address', ['::7f00:1']],
    ['egress_private_address', ['4000::1']],
    ['unresolved_endpoint', []],
  ])('refuses with %s an endpoint at %j', async (code, addresses) => {
    const gateway = await testGateway({ trust, region: 'eu-west-1', zone: 'eu', resolver: { resolve: async () => addresses } })
    const { body } = await decide(gateway, await tokenOf(), call)
    expect(body).toMatchObject({ decision: 'deny', enforced: 'deny' })
    expect(codes(body)).toContain(code)
    expect(body).not.toHaveProperty('route')
    await gateway.close()
  })

  test('refuses when the resolver fails', async () => {
    const gateway = await testGateway({
      trust,
      region: 'eu-west-1',
      zone: 'eu',
      resolver: { resolve: () => Promise.reject(new Error('timeout')) },
    })
    const { body } = await decide(gateway, await tokenOf(), call)
    expect(codes(body)).toContain('unresolved_endpoint')
    await gateway.close()
  })
})

describe('parse guards', () => {
  test.each([
    ['no JSON', 'hello'],
    ['an array', '[]'],
    ['null', 'null'],
    ['arguments that are no object', '{"tool":"crm","action":"read_contact","arguments":[]}'],
    ['no tool', '{"action":"read_contact","arguments":{}}'],
    ['a tool that is no name', '{"tool":"../crm","action":"read_contact","arguments":{}}'],
    ['an unknown field', '{"tool":"crm","action":"read_contact","arguments":{},"tenant":"globex-us"}'],
    ['a duplicate field', '{"tool":"ehr","tool":"crm","action":"read_contact","arguments":{"id":"1"}}'],
    ['deep nesting', `{"tool":"crm","action":"read_contact","arguments":${'{"a":'.repeat(40)}1${'}'.repeat(40)}}`],
    [
      'bad UTF-8',
      Buffer.concat([Buffer.from('{"tool":"crm","action":"read_contact","arguments":{"id":"'), Buffer.from([0xff]), Buffer.from('"}}')]),
    ],
  ])('refuses %s', async (_name, body) => {
    const { status, body: answer } = await decide(eu, await financeToken(), body)
    expect([status, answer.error.code]).toEqual([400, 'malformed_call'])
    expect(answer.error.decision_id).toMatch(/^[0-9a-f-]{36}$/)
  })

  test('refuses a body over the limit', async () => {
    const { status, body } = await decide(eu, await financeToken(), {
      ...payment,
      arguments: { ...payment.arguments, memo: 'x'.repeat(300_000) },
    })
    expect([status, body.error.code]).toEqual([413, 'call_too_large'])
  })

  test('refuses another content type and another encoding', async () => {
    for (const headers of [{ 'content-type': 'text/plain' }, { 'content-encoding': 'gzip' }] as Record<string, string>[]) {
      const { status, body } = await decide(eu, await financeToken(), payment, headers)
      expect([status, body.error.code]).toEqual([400, 'malformed_call'])
    }
  })

  test('refuses an identity header that comes twice', async () => {
    const token = await financeToken()
    const { status, body } = await decide(eu, undefined, payment, { authorization: [`Bearer ${token}`, `Bearer ${token}`] })
    expect([status, body.error.code]).toEqual([400, 'malformed_call'])
  })

  test.each([undefined, 'garbage', 'a.b.c'])('refuses the token %s', async (token) => {
    const { status, body, headers } = await decide(eu, token, payment)
    expect([status, body.error.code]).toEqual([401, 'invalid_token'])
    expect(headers['www-authenticate']).toContain('Bearer')
  })

  test('a refusal repeats nothing of the call', async () => {
    const iban = 'DE89370400440532013000'
    const { body } = await decide(eu, await financeToken(), { ...payment, arguments: { ...payment.arguments, [iban]: iban } })
    expect(JSON.stringify(body)).not.toContain(iban)
  })
})

describe('fails closed', () => {
  test('without a policy, and with an expired one', async () => {
    const gateway = await testGateway({ trust, region: 'eu-west-1', zone: 'eu' })
    const { active } = gateway
    gateway.active = undefined
    expect((await decide(gateway, await financeToken(), payment)).body.error.code).toBe('not_ready')
    expect((await gateway.app.inject('/health/ready')).statusCode).toBe(503)
    gateway.active = active && { ...active, notAfterMs: Date.now() - 1 }
    expect((await decide(gateway, await financeToken(), payment)).body.error.code).toBe('bundle_expired')
    expect((await gateway.app.inject('/health/region')).statusCode).toBe(503)
    expect((await gateway.app.inject('/health/live')).statusCode).toBe(200)
    await gateway.close()
  })

  test('when policy throws, or answers with an outcome that is none', async () => {
    const gateway = await testGateway({ trust, region: 'eu-west-1', zone: 'eu' })
    const { active } = gateway
    const throwing = (thrown: unknown) => ({
      ...(active?.evaluator as Awaited<ReturnType<typeof loadEvaluator>>),
      evaluate: () => {
        throw thrown
      },
    })
    for (const thrown of [new Error('boom'), 'a string', { message: 'not implemented' }]) {
      gateway.active = active && { ...active, evaluator: throwing(thrown) }
      const { body } = await decide(gateway, await financeToken(), payment)
      expect(body).toMatchObject({ decision: 'deny', enforced: 'deny' })
      expect(codes(body)).toEqual(['policy_error'])
    }
    await gateway.close()
  })

  test('when a stage throws what nobody foresaw', async () => {
    const gateway = await testGateway({ trust, region: 'eu-west-1', zone: 'eu' })
    gateway.active = gateway.active && { ...gateway.active, zoneOfRegion: undefined as never }
    const { body } = await decide(gateway, await financeToken(), payment)
    expect(body).toMatchObject({ decision: 'deny', enforced: 'deny' })
    expect(codes(body)).toContain('stage_error')
    await gateway.close()
  })

  test('when the record cannot be taken', async () => {
    const gateway = await testGateway({ trust, region: 'eu-west-1', zone: 'eu', spool: { maxFileBytes: 10 } })
    const { status, body } = await decide(gateway, await financeToken(), payment)
    expect([status, body.error.code]).toEqual([503, 'audit_unavailable'])
    expect((await gateway.app.inject('/health/region')).statusCode).toBe(503)
    await gateway.close()
  })

  test('when more calls are in flight than the limit', async () => {
    const gateway = await testGateway({
      trust,
      region: 'eu-west-1',
      zone: 'eu',
      maxInFlight: 1,
      resolver: { resolve: () => new Promise((resolve) => setTimeout(() => resolve(['44.128.1.20']), 100)) },
    })
    const token = await financeToken()
    const answers = await Promise.all([1, 2, 3].map(() => decide(gateway, token, payment)))
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 503, 503])
    expect((await decide(gateway, token, payment)).status).toBe(200)
    await gateway.close()
  })
})

test('strangers cannot fill the log: what they leave no record of is counted in the next one', async () => {
  const gateway = await testGateway({ trust, region: 'eu-west-1', zone: 'eu' })
  for (let i = 0; i < 700; i++) await decide(gateway, undefined, payment)
  await decide(gateway, await financeToken(), payment)
  const records = await gateway.records()
  expect(records.length).toBeLessThan(700)
  const counted = records.reduce((sum, { custom }) => sum + custom.unrecorded, 0)
  expect(records.length + counted).toBe(701)
  expect(records.at(-1)?.custom).toMatchObject({ agent_id: 'finance-agent', decision: 'allow' })
  await gateway.close()
})

test('every verdict and refusal leaves one record, in sequence, without its arguments', async () => {
  const gateway = await testGateway({ trust, region: 'eu-west-1', zone: 'eu' })
  const token = await financeToken()
  const allowed = await decide(gateway, token, payment)
  const refused = await decide(gateway, token, 'nonsense')
  const anonymous = await decide(gateway, undefined, payment)
  const records = await gateway.records()
  expect(records.map(({ custom }) => custom.seq)).toEqual([0, 1, 2])
  expect(records.map(({ decision_id }) => decision_id)).toEqual([
    allowed.body.decision_id,
    refused.body.error.decision_id,
    anonymous.body.error.decision_id,
  ])
  expect(records[0]?.custom).toMatchObject({
    agent_id: 'finance-agent',
    tenant: 'acme-eu',
    decision: 'allow',
    enforced: 'allow',
    route_region: 'eu-west-1',
  })
  expect(JSON.stringify(records)).not.toContain('supplier-7')
  await gateway.close()
})
