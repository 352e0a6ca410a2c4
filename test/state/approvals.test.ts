import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { DynamoDBClient, PutItemCommand } from '@aws-sdk/client-dynamodb'
import type { Approval } from '../../runtime/state/approval-item.ts'
import { type Approvals, regionalApprovals } from '../../runtime/state/approvals.ts'
import { type TestTables, testTables } from '../support/dynamodb.ts'

let tables: TestTables
let approvals: Approvals
beforeAll(async () => {
  tables = await testTables('approvals')
  approvals = regionalApprovals(tables.client, 'approvals')
})
afterAll(() => tables.close())

const nowMs = Date.now()
let count = 0
function approval(change: Partial<Approval> = {}): Approval {
  return {
    id: `apr.eu-west-1.${String(++count).padStart(22, '0')}`,
    tenant: 'acme-eu',
    agent: 'finance-agent',
    requester: { agentId: 'finance-agent', tokenId: 't' },
    tool: 'stripe-payments',
    action: 'create_payment',
    risk: 'high',
    digest: 'a'.repeat(64),
    arguments: { amount: 600000 },
    destination: { zone: 'eu', region: 'eu-west-1', endpoint: null },
    chain: 'c',
    rules: ['r'],
    roles: ['approver'],
    minApprovers: 1,
    policyVersion: 'rev-1',
    reasons: [{ code: 'amount_over_limit', message: 'm', rule: 'r' }],
    exported: null,
    createdAtMs: nowMs,
    expiresAtMs: nowMs + 60_000,
    status: 'pending',
    approvers: [],
    terms: null,
    rejection: null,
    attestation: null,
    version: 1,
    ...change,
  }
}
const yes = { status: 'approved', approvers: [], terms: null, rejection: null, attestation: null } as const
const override = ({ id, tenant, agent, digest, expiresAtMs }: Approval) => ({ id, tenant, agent, digest, expiresAtMs })

test('is read back as it was written, and only in its tenant', async () => {
  const written = approval({ arguments: { 'a"b': ['\u202e', { c: null }] } })
  await approvals.create(written)
  expect(await approvals.get('acme-eu', written.id)).toEqual(written)
  expect(await approvals.get('clinic-eu', written.id)).toBeUndefined()
  await approvals.create(written)
  await expect(approvals.create({ ...written, arguments: {} })).rejects.toMatchObject({ code: 'state_unavailable' })
})

test('refuses a decision on a version that is no longer there, and one after the end', async () => {
  const one = approval()
  await approvals.create(one)
  expect(await approvals.decide(one, yes, nowMs + 60_000)).toBe(false)
  expect(await approvals.decide(one, { ...yes, status: 'pending' }, nowMs)).toBe(true)
  expect(await approvals.decide(one, yes, nowMs)).toBe(false)
  expect(await approvals.decide({ ...one, version: 2 }, yes, nowMs)).toBe(true)
  expect(await approvals.decide({ ...one, version: 3 }, yes, nowMs)).toBe(false)
})

test.each(['pending', 'rejected', 'expired', 'consumed'] as const)('refuses to consume what is %s', async (status) => {
  const one = approval({ status })
  await approvals.create(one)
  expect(await approvals.consume(override(one), 'me', nowMs)).toBe('refused')
})

test('refuses to expire what is not over, and what was consumed', async () => {
  const one = approval({ status: 'approved' })
  await approvals.create(one)
  expect(await approvals.expire(one, nowMs)).toBe(false)
  expect(await approvals.consume(override(one), 'me', nowMs)).toBe('consumed')
  expect(await approvals.expire(one, nowMs + 60_000)).toBe(false)
  const other = approval({ status: 'approved' })
  await approvals.create(other)
  expect(await approvals.expire(other, nowMs + 60_000)).toBe(true)
  expect(await approvals.consume(override(other), 'me', nowMs)).toBe('refused')
})

test('an attempt that is asked again is still its own, and nobody else’s', async () => {
  const one = approval({ status: 'approved' })
  await approvals.create(one)
  expect(await approvals.consume(override(one), 'me', nowMs)).toBe('consumed')
  expect(await approvals.consume(override(one), 'me', nowMs)).toBe('consumed')
  expect(await approvals.consume(override(one), 'you', nowMs)).toBe('refused')
})

test('a list holds one status as it is now', async () => {
  const of = (change: Partial<Approval>) => approval({ tenant: 'clinic-eu', ...change })
  const past = nowMs - 1
  const all = [
    of({}),
    of({ expiresAtMs: past }),
    of({ status: 'approved' }),
    of({ status: 'approved', expiresAtMs: past }),
    of({ status: 'expired', expiresAtMs: past }),
    of({ status: 'rejected' }),
    of({ status: 'consumed', expiresAtMs: past }),
  ]
  for (const one of all) await approvals.create(one)
  const counts = async (status: Approval['status'] | undefined, limit = 100) =>
    (await approvals.list('clinic-eu', { status, nowMs, limit })).length
  expect([
    await counts('pending'),
    await counts('approved'),
    await counts('expired'),
    await counts('rejected'),
    await counts('consumed'),
  ]).toEqual([1, 1, 3, 1, 1])
  expect(await counts(undefined)).toBe(7)
  expect(await counts(undefined, 2)).toBe(2)
})

test('refuses an item that contradicts itself', async () => {
  const one = approval()
  await approvals.create(one)
  const { approvalItem } = await import('../../runtime/state/approval-item.ts')
  const Item = { pk: { S: 'tenant#acme-eu' }, sk: { S: `approval#${one.id}` }, ...approvalItem(one), agent: { S: 'another' } }
  await tables.client.send(new PutItemCommand({ TableName: 'approvals', Item }))
  await expect(approvals.get('acme-eu', one.id)).rejects.toThrow('contradicts')
})

describe('when the answer of a write is lost', () => {
  let lossy: Server
  let lose: number
  beforeAll(async () => {
    const endpoint = await tables.client.config.endpoint?.()
    // Passes every request on, and hangs up instead of answering as often as it is told.
    lossy = createServer(async (request, response) => {
      const chunks: Buffer[] = []
      for await (const chunk of request) chunks.push(chunk as Buffer)
      const headers = Object.fromEntries(
        Object.entries(request.headers).filter(([name]) => !['host', 'connection', 'content-length'].includes(name)),
      )
      const answer = await fetch(`http://${endpoint?.hostname}:${endpoint?.port}/`, {
        method: 'POST',
        headers: headers as Record<string, string>,
        body: Buffer.concat(chunks),
      })
      const body = Buffer.from(await answer.arrayBuffer())
      if (lose-- > 0) return request.socket.destroy()
      response.writeHead(answer.status, { 'content-type': 'application/x-amz-json-1.0' })
      response.end(body)
    })
    await new Promise<void>((resolve) => lossy.listen(0, '127.0.0.1', resolve))
  })
  afterAll(() => lossy.close())
  const over = (maxAttempts: number) =>
    regionalApprovals(
      new DynamoDBClient({
        region: 'eu-west-1',
        endpoint: `http://127.0.0.1:${(lossy.address() as AddressInfo).port}`,
        credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
        maxAttempts,
      }),
      'approvals',
    )

  test('the outcome is unknown, and the approval is used all the same', async () => {
    const one = approval({ status: 'approved' })
    await approvals.create(one)
    lose = 1
    expect(await over(1).consume(override(one), 'me', nowMs)).toBe('unknown')
    expect(await approvals.consume(override(one), 'you', nowMs)).toBe('refused')
  })

  test('the SDK asks again, and learns that it was consumed by itself', async () => {
    const one = approval({ status: 'approved' })
    await approvals.create(one)
    lose = 1
    expect(await over(3).consume(override(one), 'me', nowMs)).toBe('consumed')
    expect(await approvals.consume(override(one), 'you', nowMs)).toBe('refused')
  })

  test('a put that is repeated is one approval', async () => {
    const one = approval()
    lose = 1
    await over(3).create(one)
    lose = 1
    expect(await over(3).point(one, undefined)).toBe(true)
    expect(await approvals.pointer(one)).toBe(one.id)
    expect(await approvals.point(approval(), 'another')).toBe(false)
  })
})
