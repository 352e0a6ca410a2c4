import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import type { FastifyInstance } from 'fastify'
import { buildControlPlane } from '../../../runtime/control-plane/app.ts'
import { createReplaying } from '../../../runtime/control-plane/replaying.ts'
import type { OperatorRole } from '../../../runtime/identity/operator-token.ts'
import { settings } from '../rollout/support.ts'
import { demoSources, sourcesWithLimit, type TestPlane, testPlane } from '../test-plane.ts'

let plane: TestPlane
let app: FastifyInstance
let revision: string
beforeEach(async () => {
  plane = await testPlane()
  await plane.publish(demoSources())
  revision = await plane.register(sourcesWithLimit(800_000))
  const clock = { now: () => plane.nowMs, monotonic: () => plane.nowMs }
  const directory = async () => plane.plane.directory.current().state
  const { releases, shelf } = plane.plane
  app = buildControlPlane({
    plane: plane.plane,
    registration: plane.registration,
    replaying: createReplaying({ cells: plane.cells, releases, shelf, directory, clock }),
    bundles: { current: () => undefined, changed: () => () => {} },
    operators: { verify: async (authorization) => operatorOf(authorization) },
    settings,
    clock,
    isOpen: () => true,
  })
})
afterEach(() => app.close())

/** Tokens of these tests are `<roles>:<tenants>`, by commas. */
function operatorOf(authorization: string | undefined) {
  const [roles = '', tenants = ''] = (authorization ?? '').replace('Bearer ', '').split(':')
  return { iss: 'https://login.example', sub: 'ann', roles: roles.split(',') as OperatorRole[], tenants: tenants.split(',') }
}
async function ask(as: string, what: string, body?: object) {
  const [method, url] = what.split(' ') as ['GET', string]
  const payload = body === undefined ? {} : { payload: JSON.stringify(body) }
  const headers = { authorization: `Bearer ${as}`, ...(body !== undefined && { 'content-type': 'application/json' }) }
  return app.inject({ method, url, headers, ...payload })
}
const everything = ['author', 'publisher', 'viewer', 'killer', 'failover', 'approver', 'dpo'].join(',')

describe('an operator of one tenant', () => {
  const reason = 'mine'
  const files = Object.fromEntries(demoSources())
  test.each([
    ['publish', 'POST /v1/rollouts', { revision: 'REVISION', reason }],
    ['pause', 'POST /v1/rollouts/current/pause', { reason }],
    ['resume', 'POST /v1/rollouts/current/resume', { reason }],
    ['abort', 'POST /v1/rollouts/current/abort', { reason }],
    ['roll back', 'POST /v1/rollbacks', { reason }],
    ['renew', 'POST /v1/renewals', {}],
    ['lift', 'POST /v1/lifts', { kill_id: 'kill-1', reason }],
    ['remove a key', 'DELETE /v1/issuers/eu-west-1/keys/token-west', undefined],
    ['register', 'POST /v1/revisions', { files, reason }],
    ['compare a working tree', 'POST /v1/diff', { files }],
    ['compare revisions', 'GET /v1/diff?to=REVISION', undefined],
    ['see a revision', 'GET /v1/revisions/REVISION', undefined],
    ['see revisions', 'GET /v1/revisions', undefined],
  ])('refuses to let them %s: it concerns all tenants', async (_, what, body) => {
    const named = body === undefined ? undefined : JSON.parse(JSON.stringify(body).replace('REVISION', revision))
    const before = plane.plane.kernel.state()
    const answer = await ask(`${everything}:acme-eu`, what.replace('REVISION', revision), named)
    expect([answer.statusCode, answer.json().error.code]).toEqual([403, 'subject_mismatch'])
    expect(answer.json().error.message).toMatch(/takes an operator of all tenants$/)
    expect(plane.plane.kernel.state()).toEqual(before)
  })

  test('sees how far the regions are, and nothing of what other tenants did or wrote', async () => {
    await plane.publish(sourcesWithLimit(1))
    const comparison = {
      ...{ revision: plane.plane.kernel.state().rollout?.revision ?? '', compared: 50, skipped: 0, new_denies: 40, new_approvals: 0 },
      ...{ loosened: 0, faults: 0, rules: { 'amount_over_limit max_amount': 40 }, tools: { 'stripe.pay': 40 }, tenants: {} },
      decision_ids: ['d1'],
    }
    plane.cell('eu-west-1').says = { comparison }
    await plane.plane.settle()
    await expect(plane.register(new Map([...demoSources(), ['documents/agents/secret.yaml', 'agent: secret-agent']]))).rejects.toThrow()
    const all = await ask('viewer:*', 'GET /v1/status')
    expect(all.body).toMatch(/secret\.yaml/)
    expect(all.json().last_rollout.why).toMatch(/stripe\.pay.*d1/)
    for (const path of ['/v1/status', '/v1/history']) {
      const answer = await ask(`${everything}:clinic-eu`, `GET ${path}`)
      expect(answer.statusCode).toBe(200)
      expect(answer.body).not.toMatch(/secret\.yaml|stripe\.pay|"d1"|d1\b/)
    }
    const status = (await ask('viewer:clinic-eu', 'GET /v1/status')).json()
    expect(status.last_rollout).toMatchObject({ state: 'aborted', why: expect.stringContaining('operators of all tenants') })
    expect(status.refused).toMatch(/refused/)
    expect(status.regions).toHaveLength(3)
  })
})

test('the first publication has an id in the history of its revision, and stays completed whatever is rolled back later', async () => {
  const { active } = plane.plane.kernel.state()
  await plane.plane.publishing.atOnce({ to: active?.revision, by: 'ben', reason: 'again', kind: 'rolled_back' })
  const { revisions } = (await ask('viewer:*', 'GET /v1/revisions')).json()
  const [first] = revisions.flatMap((one: { rollouts: { id: unknown; state: string }[] }) => one.rollouts)
  expect(first).toMatchObject({ id: expect.stringMatching(/^[0-9a-f]{16}-\d+$/), state: 'completed' })
})
