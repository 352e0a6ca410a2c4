import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { placeIn } from '../../../runtime/gateway/revisions/picking.ts'
import { type FleetReport, globalFleet } from '../../../runtime/state/fleet.ts'
import { eventually } from '../../fabric/stores/support.ts'
import { agentToken, operatorToken, type TestGateway, type TestTrust, testGateway, testTrust } from '../../support/gateway.ts'
import { TASK_ENVIRONMENT } from '../../support/task-environment.ts'
import { limited, withAgent } from './documents.ts'
import { type TestRegion, testRegion } from './region.ts'

// A gateway with its real stages over activation as it is, which a test publishes to.

let trust: TestTrust
let region: TestRegion
let gateway: TestGateway
let finance: string
let support: string
let seq = 1

/** A rollout in which the finance agent is among the first ten of a hundred, and the support agent is not. */
const ROLLOUT =
  Array.from({ length: 10_000 }, (_, i) => `rollout-${i}`).find(
    (rollout) => placeIn(rollout, 'finance-agent') < 10 && placeIn(rollout, 'support-agent') >= 10,
  ) ?? ''

beforeAll(async () => {
  trust = await testTrust()
  region = testRegion(trust)
  await region.publish({ seq })
  await region.policies.poll()
  gateway = await testGateway({ trust, region: 'eu-west-1', zone: 'eu', revisions: region.policies })
  finance = await agentToken(trust, 'finance-agent', 'acme-eu')
  support = await agentToken(trust, 'support-agent', 'acme-eu')
}, 60_000)
afterAll(() => gateway?.close())

async function decide(token: string, tool: string, action: string, args: object, carried: object = {}) {
  const response = await gateway.app.inject({
    method: 'POST',
    url: '/v1/decisions',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
    payload: JSON.stringify({ tool, action, arguments: args, ...carried }),
  })
  return { status: response.statusCode, body: response.json() }
}
const pay = (amount: number, carried: object = {}) =>
  decide(finance, 'stripe-payments', 'create_payment', { amount, currency: 'eur', recipient: 'supplier-7', memo: 'invoice 114' }, carried)
const read = () => decide(support, 'crm', 'read_contact', { id: 'c-1' })
const stable = () => region.policies.current()?.revision
const beside = () => region.policies.candidate()?.policy.revision

async function offer(documents: ReturnType<typeof limited>, changes: object) {
  await region.offer({ seq: ++seq, documents }, { rollout: ROLLOUT, ...changes })
  await region.policies.poll()
}
async function withdraw() {
  if (region.state.candidate !== undefined) region.state.candidate = { ...region.state.candidate, withdrawn: true }
  await region.policies.poll()
}

async function reports(): Promise<FleetReport[]> {
  const aws = { region: 'eu-west-1', endpoint: gateway.stores.url, credentials: { accessKeyId: 'test', secretAccessKey: 'test' } }
  const client = new DynamoDBClient(aws)
  try {
    return await globalFleet(client, TASK_ENVIRONMENT.AEGIS_GLOBAL_TABLE).read('eu-west-1', { nowMs: Date.now(), maxAgeMs: 60_000 })
  } finally {
    client.destroy()
  }
}

test('a candidate with a share of nothing decides nothing', async () => {
  await offer(limited(1000), { sharePercent: 0 })
  expect(await pay(2000)).toMatchObject({ status: 200, body: { decision: 'allow', policy_version: stable() } })
  await withdraw()
})

test('a candidate decides for the agents of its share, and the rest keep what is in force', async () => {
  await offer(limited(1000), { sharePercent: 10 })
  expect(await pay(2000)).toMatchObject({ body: { decision: 'deny', policy_version: beside() } })
  expect(await read()).toMatchObject({ body: { decision: 'allow', policy_version: stable() } })
  expect(beside()).not.toBe(stable())
  await withdraw()
  expect(await pay(2000)).toMatchObject({ body: { decision: 'allow', policy_version: stable() } })
})

test('records say which revision decided', async () => {
  await offer(limited(1000), { sharePercent: 10 })
  const { body } = await pay(2000)
  const records = await gateway.records()
  expect(records.findLast(({ decision_id }) => decision_id === body.decision_id)?.custom.policy_version).toBe(beside())
  await withdraw()
})

test('an approval that the candidate asked for is redeemed under it, and after it has become stable', async () => {
  await offer(limited(1000, 'approval_needed'), { sharePercent: 10 })
  const [first, second] = [await pay(2000), await pay(3000)]
  expect(first.body).toMatchObject({ decision: 'approval_needed', policy_version: beside() })
  const approver = await operatorToken(trust, { sub: 'ana@acme-eu', tenants: ['acme-eu'], roles: ['approver'] })
  const tokenFor = async (id: string) => {
    await gateway.operator.inject({ method: 'POST', url: `/v1/approvals/${id}/approve`, headers: { authorization: `Bearer ${approver}` } })
    const collected = await gateway.app.inject({
      method: 'POST',
      url: `/v1/approvals/${id}/token`,
      headers: { authorization: `Bearer ${finance}` },
    })
    return collected.json().token as string
  }
  expect(await pay(2000, { approval: await tokenFor(first.body.approval.id) })).toMatchObject({ body: { decision: 'allow' } })
  const token = await tokenFor(second.body.approval.id)
  region.promote()
  await region.policies.poll()
  expect(beside()).toBeUndefined()
  expect(await pay(3000, { approval: token })).toMatchObject({ body: { decision: 'allow', policy_version: stable() } })
  await region.publish({ seq: ++seq })
  await withdraw()
})

describe('refuses as before', () => {
  test('every call when what is in force has expired, whoever a candidate would decide for', async () => {
    await offer(limited(1000), { sharePercent: 100 })
    const policies = region.policies
    const expired = { ...policies.current(), notAfterMs: 0 }
    const late = await testGateway({
      trust,
      region: 'eu-west-1',
      zone: 'eu',
      revisions: { ...policies, current: () => expired as ReturnType<typeof policies.current> },
    })
    const response = await late.app.inject({
      method: 'POST',
      url: '/v1/decisions',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${finance}` },
      payload: '{}',
    })
    expect([response.statusCode, response.json().error.code]).toEqual([503, 'bundle_expired'])
    await late.close()
    await withdraw()
  })
})

test('every verdict of a swap under load is one of a whole revision, and no call is lost', async () => {
  const allowed = new Map<string, boolean>()
  const note = (allows: boolean) => allowed.set(region.policies.current()?.revision ?? '', allows)
  note(true)
  let swapping = true
  const answers: Awaited<ReturnType<typeof pay>>[] = []
  const caller = async () => {
    while (swapping) answers.push(await pay(2000))
  }
  const callers = [caller(), caller(), caller(), caller()]
  for (let round = 0; round < 3; round++) {
    for (const limit of [1000 + round, 500_000 - round]) {
      await offer(limited(limit), { sharePercent: 50 * (round % 2) })
      allowed.set(beside() ?? '', limit > 2000)
      const before = answers.length
      await eventually('calls go on beside a candidate', () => answers.length > before + 8)
      region.promote()
      await region.publish({ seq: 1, documents: limited(limit) }, { seq: ++seq }).then(() => region.promote())
      await region.policies.poll()
      note(limit > 2000)
      const after = answers.length
      await eventually('calls go on after the swap', () => answers.length > after + 8)
    }
  }
  swapping = false
  await Promise.all(callers)
  expect(answers.filter(({ status }) => status !== 200)).toEqual([])
  for (const { body } of answers) {
    expect([body.policy_version, body.decision]).toEqual([body.policy_version, allowed.get(body.policy_version) ? 'allow' : 'deny'])
  }
  expect(new Set(answers.map(({ body }) => body.policy_version)).size).toBe(7)
  await region.publish({ seq: ++seq })
  await withdraw()
}, 60_000)

test('what differs, and what each revision decided, stands in the report of this process', async () => {
  const changed = withAgent('support-agent', (document) => ({ ...document, allowed_tools: {} }))
  const documents = {
    ...changed,
    agents: changed.agents.map((one) => limited(1000).agents.find(({ agent }) => agent === 'finance-agent' && one.agent === agent) ?? one),
  }
  await offer(documents, { sharePercent: 10, compare: true })
  const rows = (await gateway.records()).length
  const byCandidate = await pay(2000)
  const byStable = await read()
  expect([byCandidate.body.policy_version, byStable.body.policy_version]).toEqual([beside(), stable()])
  let report: FleetReport | undefined
  await eventually('both calls were compared', async () => {
    report = (await reports()).find(({ aegis }) => aegis.comparison?.compared === 2)
    return report !== undefined
  })
  expect(report?.labels).toMatchObject({ region: 'eu-west-1', zone: 'eu', id: expect.stringMatching(/^[0-9a-f]{12}$/) })
  expect(byCandidate.body.decision_id.endsWith(report?.labels.id ?? '-')).toBe(true)
  expect(report?.aegis.candidate).toMatchObject({ rollout: ROLLOUT, revision: beside(), loaded: true, share_percent: 10, error: null })
  expect(report?.aegis.comparison).toMatchObject({
    revision: beside(),
    new_denies: 2,
    faults: 0,
    tools: { 'stripe-payments.create_payment': 1, 'crm.read_contact': 1 },
    tenants: { 'acme-eu': 2 },
  })
  expect(new Set(report?.aegis.comparison?.decision_ids)).toEqual(new Set([byCandidate.body.decision_id, byStable.body.decision_id]))
  expect(report?.aegis.revisions[beside() ?? '']).toMatchObject({ calls: 1, deny: 1, allow: 0, faults: 0 })
  expect(report?.aegis.revisions[stable() ?? '']?.allow).toBeGreaterThanOrEqual(1)
  // Comparing leaves no record, so nothing of it looks like a decision.
  expect((await gateway.records()).length).toBe(rows + 2)
  await withdraw()
  await eventually('the report has no candidate', async () => (await reports()).every(({ aegis }) => aegis.candidate === null))
})

test('operators see what is loaded, and why a candidate is not', async () => {
  const viewer = await operatorToken(trust, { sub: 'vera@acme-eu', tenants: ['acme-eu'], roles: ['viewer'] })
  await region.offer({ seq: ++seq, zone: 'us' }, { rollout: ROLLOUT, sharePercent: 10 })
  await region.policies.poll()
  const response = await gateway.operator.inject({ method: 'GET', url: '/v1/status', headers: { authorization: `Bearer ${viewer}` } })
  expect(response.json().revisions).toMatchObject({
    active: { revision: stable(), seq: region.policies.current()?.bundleSeq },
    error: null,
    candidate: { rollout: ROLLOUT, share_percent: 10, loaded: false, error: expect.stringMatching(/^wrong_zone: /) },
  })
  await withdraw()
})

test('calls are decided while the table that reports go to is away', async () => {
  const alone = await testGateway({ trust, region: 'eu-west-1', zone: 'eu', revisions: region.policies })
  const response = () =>
    alone.app.inject({
      method: 'POST',
      url: '/v1/decisions',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${support}` },
      payload: JSON.stringify({ tool: 'crm', action: 'read_contact', arguments: { id: 'c-1' } }),
    })
  // The first one writes the taint that the second need not write again.
  expect((await response()).json()).toMatchObject({ decision: 'allow' })
  await alone.stores.close()
  await offer(limited(1000), { sharePercent: 0, compare: true })
  expect((await response()).json()).toMatchObject({ decision: 'allow' })
  await withdraw()
  await alone.close()
})
