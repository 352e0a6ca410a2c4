import { agentToken, type TestGateway, type TestTrust, testGateway, testTrust } from '../support/gateway.ts'

let trust: TestTrust
let gateway: TestGateway
beforeAll(async () => {
  trust = await testTrust()
})
beforeEach(async () => {
  gateway = await testGateway({ trust, region: 'eu-west-1', zone: 'eu' })
})
afterEach(() => gateway.close())

const payment = { amount: 420000, currency: 'eur', recipient: 'supplier-7', memo: 'invoice 114' }

async function pay(args: unknown, headers: Record<string, string> = {}, to = gateway) {
  return to.app.inject({
    method: 'POST',
    url: '/v1/tools/stripe-payments/create_payment',
    headers: {
      'content-type': 'application/json',
      authorization: `Bearer ${await agentToken(trust, 'finance-agent', 'acme-eu')}`,
      ...headers,
    },
    payload: typeof args === 'string' ? args : JSON.stringify(args),
  })
}

test('forwards what is allowed to the pinned route, and hands back the tool’s answer', async () => {
  const response = await pay(`{ "memo":"invoice 114", "amount": 420000,"currency":"eur","recipient":"supplier-7"}`)
  expect([response.statusCode, response.json()]).toEqual([200, { ok: true }])
  expect(response.headers).toMatchObject({ 'aegis-decision': 'allow', 'aegis-decision-id': expect.any(String) })
  expect(response.headers).not.toHaveProperty('x-internal')
  const [sent] = gateway.dialled
  expect(sent?.url.href).toMatch(/\/create_payment$/)
  expect(sent?.addresses).toEqual(['44.128.1.20'])
  expect(JSON.parse(Buffer.from(sent?.body ?? []).toString())).toEqual(payment)
})

test('sends nothing of the agent’s headers upstream', async () => {
  await pay(payment, { cookie: 'session=1', 'x-forwarded-for': '10.0.0.1' })
  expect(Object.keys(gateway.dialled[0]?.headers ?? {}).sort()).toEqual(['accept', 'accept-encoding', 'aegis-decision-id', 'content-type'])
})

test('the record is on disk before the call leaves', async () => {
  let recordsAtDial = -1
  const checking = await testGateway({
    trust,
    region: 'eu-west-1',
    zone: 'eu',
    spool: { lazySyncMs: 60_000 },
    dialer: {
      dial: async () => {
        recordsAtDial = (await checking.records()).length
        return { status: 200, headers: {}, body: Buffer.from('{}') }
      },
      close: async () => {},
    },
  })
  expect((await pay(payment, {}, checking)).statusCode).toBe(200)
  expect(recordsAtDial).toBe(1)
  await checking.close()
})

test('refuses to forward when the record cannot be synced', async () => {
  const broken = await testGateway({
    trust,
    region: 'eu-west-1',
    zone: 'eu',
    spool: {
      openFile: async () =>
        ({ write: async () => Promise.reject(new Error('ENOSPC')), datasync: async () => {}, close: async () => {} }) as never,
    },
  })
  const response = await pay(payment, {}, broken)
  expect([response.statusCode, response.json().error.code]).toEqual([503, 'audit_unavailable'])
  expect(broken.dialled).toEqual([])
  await broken.close()
})

test('answers 403 with the verdict for deny and for approval_needed, and forwards neither', async () => {
  const held = await pay({ ...payment, amount: 600000 })
  expect([held.statusCode, held.json().decision, held.headers['aegis-decision']]).toEqual([403, 'approval_needed', 'approval_needed'])
  const denied = await pay({ ...payment, recipient: 'stranger' })
  expect([denied.statusCode, denied.json().decision]).toEqual([403, 'deny'])
  expect(gateway.dialled).toEqual([])
})

test('refuses malformed arguments, before anything leaves', async () => {
  expect((await pay('{"amount":1,"amount":2}')).statusCode).toBe(400)
  expect((await pay('[]')).statusCode).toBe(400)
  expect(gateway.dialled).toEqual([])
})

test('a tool that fails is 502, and says nothing of why', async () => {
  const failing = await testGateway({
    trust,
    region: 'eu-west-1',
    zone: 'eu',
    dialer: { dial: () => Promise.reject(new Error('connect ECONNREFUSED 44.128.1.20:443')), close: async () => {} },
  })
  const response = await pay(payment, {}, failing)
  expect([response.statusCode, response.json().error.code]).toEqual([502, 'upstream_failed'])
  expect(response.body).not.toContain('44.128')
  await failing.close()
})

test.each([101, 199, 600, 999])('a tool that answers with status %i has not said what it did: 502', async (status) => {
  const odd = await testGateway({
    trust,
    region: 'eu-west-1',
    zone: 'eu',
    dialer: { dial: async () => ({ status, headers: {}, body: new Uint8Array() }), close: async () => {} },
  })
  const response = await pay(payment, {}, odd)
  expect([response.statusCode, response.json().error.code]).toEqual([502, 'upstream_failed'])
  await odd.close()
})

test('a call leaves one verdict in the log, whatever its tool does', async () => {
  const failing = await testGateway({
    trust,
    region: 'eu-west-1',
    zone: 'eu',
    dialer: { dial: () => Promise.reject(new Error('reset')), close: async () => {} },
  })
  await pay(payment, {}, failing)
  const records = await failing.records()
  expect(records.map(({ custom }) => [custom.decision, custom.enforced])).toEqual([['allow', 'allow']])
  await failing.close()
})

test('a verdict whose record could not be synced is followed by its refusal when the disk is back', async () => {
  let failing = true
  const lines: Buffer[] = []
  const flaky = await testGateway({
    trust,
    region: 'eu-west-1',
    zone: 'eu',
    spool: {
      retryMs: 5,
      openFile: async () =>
        ({
          write: async (buffer: Buffer, offset: number, length: number) => {
            if (failing) throw new Error('ENOSPC')
            lines.push(Buffer.from(buffer.subarray(offset, offset + length)))
            return { bytesWritten: length }
          },
          datasync: async () => {},
          close: async () => {},
        }) as never,
    },
  })
  expect((await pay(payment, {}, flaky)).json().error.code).toBe('audit_unavailable')
  failing = false
  while (!flaky.spool.healthy) await new Promise((resolve) => setTimeout(resolve, 5))
  await flaky.close()
  const written = Buffer.concat(lines)
    .toString()
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  expect(written.map(({ custom }) => [custom.decision, custom.error])).toEqual([
    ['allow', null],
    ['error', 'audit_unavailable'],
  ])
  expect(written[0].decision_id).toBe(written[1].decision_id)
})

test('both doors give the same verdict for the same call', async () => {
  const ids = ['decision_id', 'timing_us']
  for (const args of [
    { ...payment, amount: 600000 },
    { ...payment, recipient: 'stranger' },
    { ...payment, currency: 'usd' },
  ]) {
    const proxied = (await pay(args)).json()
    const advised = (
      await gateway.app.inject({
        method: 'POST',
        url: '/v1/decisions',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${await agentToken(trust, 'finance-agent', 'acme-eu')}` },
        payload: JSON.stringify({ tool: 'stripe-payments', action: 'create_payment', arguments: args }),
      })
    ).json()
    for (const id of ids) {
      delete proxied[id]
      delete advised[id]
    }
    expect(proxied).toEqual(advised)
  }
})
