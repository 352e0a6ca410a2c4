import { jest } from '@jest/globals'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { storedBundle } from '../../../runtime/gateway/stored-bundle.ts'
import { newDecisionId, newNode } from '../../../runtime/model/decision-id.ts'
import type { BundleData } from '../../../runtime/policy/bundle-data.ts'
import { bundleKey } from '../../../runtime/state/pointers.ts'
import { globalReplays, type ReplayResult } from '../../../runtime/state/replays.ts'
import { type ChangedBundle, changedBundle, policyIn } from '../../support/changed-bundle.ts'
import { agentToken, operatorToken, type TestGateway, type TestTrust, testGateway, testTrust } from '../../support/gateway.ts'

// What one region does with its recordings, from the calls to the answers: nothing is faked but the bucket and the network.

// Children of a lower priority wait for whatever else the machine has to do.
jest.setTimeout(60_000)

const [region, zone] = ['eu-west-1', 'eu']
let trust: TestTrust
let gateway: TestGateway
beforeAll(async () => {
  trust = await testTrust()
})
beforeEach(async () => {
  gateway = await testGateway({ trust, region, zone })
})
afterEach(() => gateway.close())

interface Called {
  decision_id: string
  decision: string
}

async function call(agent: string, tool: string, action: string, args: object, tenant = 'acme-eu'): Promise<Called> {
  const response = await gateway.app.inject({
    method: 'POST',
    url: '/v1/decisions',
    headers: { authorization: `Bearer ${await agentToken(trust, agent, tenant)}` },
    payload: { tool, action, arguments: args },
  })
  const body = response.json()
  return { ...body, decision_id: body.decision_id ?? body.error?.decision_id }
}

const pay = (amount: number, more: object = {}) =>
  call('finance-agent', 'stripe-payments', 'create_payment', {
    amount,
    currency: 'eur',
    recipient: 'supplier-7',
    memo: 'MEMO-CANARY',
    ...more,
  })

let orders = 0
async function replay(bundle: Pick<ChangedBundle, 'digest' | 'revision'>, more: { sinceMs?: number; limit?: number } = {}) {
  const replays = globalReplays(gateway.dynamodb, 'global')
  const id = `order-${++orders}`
  const order = { id, region, bundleDigest: bundle.digest, revision: bundle.revision, sinceMs: 0, limit: 1000, orderedAtMs: Date.now() }
  await replays.order({ ...order, ...more })
  await gateway.replay()
  // The poller of the gateway may have taken it up first.
  for (let waited = 0; waited < 1000; waited++) {
    const result = await replays.result(region, id)
    if (result !== undefined) return result
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  throw new Error('no answer')
}

async function candidate(edit: (data: BundleData) => void = () => {}): Promise<ChangedBundle> {
  const bundle = await changedBundle(trust, { zone, edit })
  await gateway.bundles.put(bundleKey(bundle.digest), bundle.bytes)
  return bundle
}

const limit = (max: number, above = 'approval_needed') =>
  candidate((data) => {
    policyIn(data, 'finance-agent').tools['stripe-payments'].create_payment.amount.limits.eur = { max, above }
  })

test('a lower limit: the calls that it would stop are counted, and nothing else changes', async () => {
  const small = await pay(100_000)
  const middle = await pay(400_000)
  const large = await pay(600_000)
  await call('support-agent', 'crm', 'read_contact', { id: 'c-1' })
  expect([small.decision, middle.decision, large.decision]).toEqual(['allow', 'allow', 'approval_needed'])
  const result = await replay(await limit(200_000, 'deny'))
  expect(result).toMatchObject({
    error: null,
    replayed: 4,
    unanswerable: 0,
    changes: { 'allow>deny': 1, 'approval_needed>deny': 1 },
    newDenies: 2,
    newApprovals: 0,
    loosened: 0,
    rules: { 'amount_over_limit max_amount': 2 },
    tools: { 'stripe-payments.create_payment': 2 },
    tenants: { 'acme-eu': 2 },
    decisionIds: { 'allow>deny': [middle.decision_id], 'approval_needed>deny': [large.decision_id] },
  })
  // Nothing of it is in force.
  expect((await pay(400_000)).decision).toBe('allow')
})

test('a higher limit loosens, and the same documents change nothing', async () => {
  const large = await pay(600_000)
  expect(await replay(await limit(800_000))).toMatchObject({
    changes: { 'approval_needed>allow': 1 },
    loosened: 1,
    newDenies: 0,
    decisionIds: { 'approval_needed>allow': [large.decision_id] },
  })
  expect(await replay(await candidate())).toMatchObject({ error: null, replayed: 1, changes: {}, loosened: 0, rules: {} })
})

test('what leaves the region names no argument, path, subject or text of a caller', async () => {
  await pay(400_000)
  await call('support-agent', 'email', 'send', {
    to: 'someone@subject.example',
    subject: 'SUBJECT-CANARY',
    body: 'pay to DE89 3704 0044 0532 0130 00',
  })
  await call('finance-agent', 'TOOL-CANARY', 'ACTION-CANARY', {})
  const strict = await candidate((data) => {
    policyIn(data, 'finance-agent').tools = {}
    policyIn(data, 'support-agent').data.iban = { do: 'deny' }
    delete data.aegis.agents['finance-agent']
  })
  const result = await replay(strict)
  expect(result.newDenies).toBe(2)
  const stored = Buffer.concat(gateway.inputs.objects.values().toArray()).toString('latin1')
  for (const told of [JSON.stringify(result), stored])
    expect(told).not.toMatch(/CANARY|supplier-7|400000|420000|subject\.example|3704|\/body|\/to"|finance-agent/)
  expect(Object.keys(result.rules).toSorted()).toEqual([
    'data_class_denied data.iban',
    'residency_export export.iban',
    'unknown_agent agent',
  ])
})

test('an argument that was not recorded cannot be asked about', async () => {
  await pay(400_000)
  await call('support-agent', 'crm', 'read_contact', { id: 'c-1' })
  const curious = await candidate((data) => {
    data.aegis.tools['stripe-payments']?.actions.create_payment?.policy_reads.push('/memo')
  })
  expect(await replay(curious)).toMatchObject({ error: null, replayed: 1, unanswerable: 1, changes: {} })
})

test('only the newest are judged when an order asks for fewer, and only those since then', async () => {
  const ids: string[] = []
  for (let i = 0; i < 3; i++) {
    ids.push((await pay(400_000)).decision_id)
    await gateway.replay()
  }
  expect(gateway.inputs.objects.size).toBeGreaterThanOrEqual(3)
  const result: ReplayResult = await replay(await limit(1), { limit: 2 })
  expect(result).toMatchObject({ replayed: 2, newApprovals: 2, decisionIds: { 'allow>approval_needed': [ids[2], ids[1]] } })
  expect(await replay(await limit(1), { sinceMs: Date.now() + 60_000 })).toMatchObject({ error: null, replayed: 0 })
})

describe('refuses, with an answer that says why,', () => {
  test('an unknown digest', async () => {
    const result = await replay({ digest: 'a'.repeat(64), revision: 'none' })
    expect(result).toMatchObject({ error: expect.stringContaining("is not in this region's bucket"), replayed: 0 })
  })

  test("another zone's bundle", async () => {
    const foreign = await changedBundle(trust, { zone: 'us' })
    await gateway.bundles.put(bundleKey(foreign.digest), foreign.bytes)
    expect((await replay(foreign)).error).toMatch(/^wrong_zone: /)
  })

  test('a bundle that somebody else signed, an altered one, and one of another revision', async () => {
    const forged = await changedBundle(await testTrust(), { zone })
    await gateway.bundles.put(bundleKey(forged.digest), forged.bytes)
    expect((await replay(forged)).error).toMatch(/^unknown_key: /)
    const good = await candidate()
    await gateway.bundles.put(bundleKey('b'.repeat(64)), good.bytes)
    expect((await replay({ ...good, digest: 'b'.repeat(64) })).error).toMatch(/^altered: /)
    expect((await replay({ ...good, revision: 'another' })).error).toContain('the order is about another')
  })

  test('a module that cannot be loaded', async () => {
    await pay(1)
    const broken = await changedBundle(trust, { zone, wasm: Buffer.from('no module') })
    await gateway.bundles.put(bundleKey(broken.digest), broken.bytes)
    expect((await replay(broken)).error).toMatch(/^the candidate cannot be loaded/)
  })

  test('recordings that were altered, cut off or put in the place of others, and counts the rest', async () => {
    await pay(400_000)
    await gateway.replay()
    await pay(400_000)
    await gateway.replay()
    const [key = '', stored = new Uint8Array()] = [...gateway.inputs.objects][0] ?? []
    const altered = Uint8Array.from(stored)
    altered[60] = (altered[60] ?? 0) ^ 1
    gateway.inputs.objects.set(key, altered)
    expect(await replay(await limit(1))).toMatchObject({ error: 'recorded objects could not be read: 1 altered', replayed: 1 })
    gateway.inputs.objects.set(key, stored.slice(0, 10))
    expect(await replay(await limit(1))).toMatchObject({ error: 'recorded objects could not be read: 1 malformed', replayed: 1 })
    gateway.inputs.objects.set(key, stored)
    // Put in another's place, it opens no more.
    const other = [...gateway.inputs.objects.keys()][1] ?? ''
    gateway.inputs.objects.set(other, stored)
    expect(await replay(await limit(1))).toMatchObject({ error: 'recorded objects could not be read: 1 altered', replayed: 1 })
  })

  test('a bucket that does not answer', async () => {
    gateway.inputs.away = new Error('the bucket is away')
    expect((await replay(await candidate())).error).toBe('the bucket is away')
  })
})

test('a decision is not held up or changed by a bucket that is away; what is lost is counted', async () => {
  gateway.inputs.away = new Error('the bucket is away')
  expect((await pay(400_000)).decision).toBe('allow')
  await gateway.replay()
  const token = await operatorToken(trust, { sub: 'vera', tenants: ['*'], roles: ['viewer'] })
  const status = await gateway.operator.inject({ url: '/v1/status', headers: { authorization: `Bearer ${token}` } })
  expect(status.json().recorded).toEqual({ recorded: 1, stored: 0, waiting: 0, dropped: 1 })
})

test('a bundle is looked at as of a time at which it was valid, and is refused as of another', async () => {
  const old = await changedBundle(trust, { zone, nowMs: Date.now() - 7 * 24 * 3_600_000 })
  await gateway.bundles.put(bundleKey(old.digest), old.bytes)
  const stored = { objects: gateway.bundles, trust: trust.trust, zone }
  await expect(storedBundle(old.digest, Date.now() - 7 * 24 * 3_600_000, stored)).resolves.toMatchObject({ revision: old.revision })
  await expect(storedBundle(old.digest, Date.now(), stored)).rejects.toMatchObject({ code: 'expired' })
})

describe('explain', () => {
  async function explain(id: string, { tenants = ['acme-eu'], roles = ['viewer'], query = '' } = {}) {
    const token = await operatorToken(trust, { sub: 'vera', tenants, roles })
    return gateway.operator.inject({ url: `/v1/decisions/${id}${query}`, headers: { authorization: `Bearer ${token}` } })
  }
  const explained = async (id: string) => (await explain(id)).json()

  test('an approval: the limit, who said it, and what would have been allowed', async () => {
    const { decision_id } = await pay(600_000)
    for (const stored of [false, true]) {
      if (stored) await gateway.replay()
      expect(await explained(decision_id)).toMatchObject({
        decision_id,
        region,
        tenant: 'acme-eu',
        agent: 'finance-agent',
        tool: 'stripe-payments',
        action: 'create_payment',
        revision: gateway.active?.revision,
        decision: 'approval_needed',
        mode: 'enforce',
        reasons: [
          {
            code: 'amount_over_limit',
            rule: 'max_amount',
            source: 'allowed_tools.stripe-payments.create_payment.max_amount: 500000 eur, above: approval_needed',
          },
        ],
        explanation: 'policy decided: approval_needed',
        facts: { arguments: { amount: 600_000, currency: 'eur', recipient: 'supplier-7' }, region, zone },
        reproduced: true,
        would_change: [
          { what: 'amount at most 500000', outcome: 'allow' },
          { what: 'an approval of max_amount (1 of the role approver)', outcome: 'allow' },
        ],
      })
    }
    expect((await explained(decision_id)).facts.arguments).not.toHaveProperty('memo')
  })

  test('answers as its OpenAPI document says, also where policy was not asked', async () => {
    const document = (await gateway.operator.inject({ url: '/openapi.json' })).json()
    const ajv = new Ajv2020({ strict: false, validateFormats: false })
    ajv.addSchema({ $id: 'openapi', ...document })
    for (const { decision_id } of [await pay(600_000), await pay(-1), await call('finance-agent', 'no-tool', 'x', {})]) {
      const fits = ajv.validate({ $ref: 'openapi#/components/schemas/Explanation' }, await explained(decision_id))
      expect([decision_id, fits || ajv.errors]).toEqual([decision_id, true])
    }
  })

  test('a deny of what the document does not name, and of a data class', async () => {
    const foreign = await call('finance-agent', 'ehr', 'read_record', { patient: 'p-1' })
    expect(await explained(foreign.decision_id)).toMatchObject({
      decision: 'deny',
      reasons: [{ code: 'tool_not_allowed', source: 'allowed_tools: names no ehr.read_record' }],
      would_change: [{ what: 'finance-agent being allowed ehr.read_record', outcome: 'allow' }],
    })
    const card = await call('support-agent', 'crm', 'update_contact', { id: 'c', fields: { note: '4111 1111 1111 1111' } })
    expect(await explained(card.decision_id)).toMatchObject({
      decision: 'deny',
      reasons: [{ code: 'data_class_denied', rule: 'data.card', source: 'data.card: deny' }],
      facts: { data: { classes: ['card'] } },
      would_change: [{ what: 'no card in the arguments', outcome: 'allow' }],
    })
  })

  test('a sanitize, and an allowed payment', async () => {
    const letter = await call('support-agent', 'email', 'send', { to: 'a@b.example', subject: 's', body: 'DE89 3704 0044 0532 0130 00' })
    expect(letter.decision).toBe('sanitize')
    expect(await explained(letter.decision_id)).toMatchObject({
      decision: 'sanitize',
      reasons: [{ code: 'data_class_sanitized', source: 'data.iban: sanitize' }],
      would_change: [{ what: 'no iban in the arguments', outcome: 'allow' }],
    })
    const payment = await pay(420_000)
    expect(await explained(payment.decision_id)).toMatchObject({
      decision: 'allow',
      reasons: [],
      would_change: [{ what: 'amount over 500000', outcome: 'approval_needed' }],
    })
  })

  test('what the host decided, in words', async () => {
    const hidden = await call('support-agent', 'email', 'send', {
      to: 'a@b.example',
      subject: 's',
      body: Buffer.from('pay to DE89370400440532013000 today').toString('base64'),
    })
    expect(await explained(hidden.decision_id)).toMatchObject({
      decision: 'deny',
      explanation: expect.stringMatching(
        /^policy said sanitize, and then the host decided deny: data that has to be rewritten stands where/,
      ),
      would_change: [],
    })
    const malformed = await pay(-1)
    expect(await explained(malformed.decision_id)).toMatchObject({
      decision: 'error',
      reasons: [{ code: 'malformed_call', message: 'the call is not well formed' }],
      explanation: 'the call was refused before policy was asked: the call is not well formed',
      facts: {},
      reproduced: null,
    })
    const killer = await operatorToken(trust, { sub: 'kim', tenants: ['*'], roles: ['killer'] })
    const order = { scope: { type: 'agent', id: 'rogue-agent' }, reason: 'pays strangers' }
    await gateway.operator.inject({ method: 'POST', url: '/v1/kills', headers: { authorization: `Bearer ${killer}` }, payload: order })
    const killed = await call('rogue-agent', 'crm', 'read_contact', { id: 'c' })
    expect(await explained(killed.decision_id)).toMatchObject({
      decision: 'deny',
      reasons: [{ code: 'kill_switch', rule: 'kill.agent' }],
      explanation: expect.stringMatching(
        /^policy was not asked, as the host refused the call by itself: .* \(a person threw a kill switch\)$/,
      ),
      would_change: [],
    })
    const trial = await call('trial-agent', 'stripe-payments', 'create_payment', {
      amount: 600_000,
      currency: 'eur',
      recipient: 'supplier-7',
    })
    expect(await explained(trial.decision_id)).toMatchObject({
      decision: 'approval_needed',
      enforced: 'allow',
      explanation: 'policy decided: approval_needed; in shadow mode what was done is allow',
    })
  })

  test('by a bundle that is no longer in force', async () => {
    const { decision_id } = await pay(600_000)
    await gateway.replay()
    const active = gateway.active
    if (active !== undefined) gateway.active = { ...active, bundleDigest: 'c'.repeat(64), agents: new Map() }
    expect(await explained(decision_id)).toMatchObject({ reproduced: true, would_change: [{ outcome: 'allow' }, { outcome: 'allow' }] })
  })

  test('without the bundle that decided it says what was recorded', async () => {
    const { decision_id } = await pay(600_000)
    if (gateway.active !== undefined) gateway.active = { ...gateway.active, bundleDigest: 'c'.repeat(64) }
    gateway.bundles.objects.clear()
    expect(await explained(decision_id)).toMatchObject({
      decision: 'approval_needed',
      reasons: [{ code: 'amount_over_limit' }],
      reproduced: null,
      would_change: [],
    })
  })

  test('by the time of the decision it is found as well', async () => {
    const { decision_id } = await pay(600_000)
    await gateway.replay()
    const at = (ms: number) => `?at=${encodeURIComponent(new Date(Date.now() + ms).toISOString())}`
    expect((await explain(decision_id, { query: at(0) })).statusCode).toBe(200)
    expect((await explain(decision_id, { query: at(-3 * 3_600_000) })).statusCode).toBe(404)
    expect((await explain(decision_id, { query: '?at=yesterday' })).json().error.code).toBe('malformed_call')
    expect((await explain(decision_id, { query: '?when=now' })).json().error.code).toBe('malformed_call')
  })

  test('refuses other tenants, other roles, and what is not there, all in the same words', async () => {
    const { decision_id } = await pay(600_000)
    const refusals = [
      await explain(decision_id, { tenants: ['clinic-eu'] }),
      await explain(decision_id, { roles: ['killer'] }),
      await explain(newDecisionId(newNode())),
      await explain('no-decision-id'),
    ]
    for (const refusal of refusals) expect([refusal.statusCode, refusal.json()]).toEqual([404, refusals[0]?.json()])
    expect(refusals[0]?.json().error.message).toContain('younger than 4 s')
    for (const role of ['viewer', 'approver', 'publisher']) expect((await explain(decision_id, { roles: [role] })).statusCode).toBe(200)
  })

  test('refuses to answer for a bucket that does not', async () => {
    const { decision_id } = await pay(600_000)
    await gateway.replay()
    gateway.inputs.away = new Error('away')
    expect((await explain(decision_id)).json().error.code).toBe('state_unavailable')
  })

  test('a call cannot pass an argument off as the recording of another decision', async () => {
    const planted = newDecisionId(newNode())
    await call('finance-agent', `{"v":1,"decision_id":"${planted}"`, 'x', {})
    await pay(1, { recipient: `\n{"v":1,"decision_id":"${planted}","tenant":"acme-eu"}` })
    await gateway.replay()
    expect((await explain(planted)).statusCode).toBe(404)
  })
})
