import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { findFabric } from '../../runtime/cli/fabric-client.ts'
import { policyDiff } from '../../runtime/cli/policy/diff.ts'
import { policyHistory } from '../../runtime/cli/policy/history.ts'
import { policyOrder } from '../../runtime/cli/policy/order.ts'
import { policyRenew, policyRollback } from '../../runtime/cli/policy/release.ts'
import { policyReplay } from '../../runtime/cli/policy/replay.ts'
import { policyStatus } from '../../runtime/cli/policy/status.ts'
import { publishedStatus } from '../../runtime/cli/status.ts'
import type { Terminal } from '../../runtime/cli/terminal.ts'
import { ACTIVE, DIFF, type FakeControlPlane, fakeControlPlane, NEW, ROLLOUT, statusOf } from './fake-control-plane.ts'
import { type FakeFabric, fakeFabric, refusal } from './fake-fabric.ts'

let fabric: FakeFabric
let fake: FakeControlPlane
let lines: string[]
let printed: string[]
let leave: AbortController
const out = (line: string) => void printed.push(line)
const OLD = 'aaaaaaaaaaaaaaaa'

beforeEach(async () => {
  lines = []
  printed = []
  leave = new AbortController()
  fake = fakeControlPlane()
  fabric = await fakeFabric([{ region: 'eu-west-1', zone: 'eu' }], (seen) => fake.answer(seen))
})
afterEach(() => fabric.close())

const add = (line: string) => void lines.push(line)
const shown: Terminal = { columns: 100, live: false, say: add, now() {}, show: (page) => page.forEach(add), end() {} }
/** Whose patience is long enough for a busy machine, but where it has to end. */
const around = (patienceMs = 20_000) => ({ terminal: shown, out, signal: leave.signal, pace: { pollMs: 1, patienceMs } })
const asked = () => fabric.seen.map(({ method, path, token }) => `${method} ${path} as ${token}`)
const bodyOf = (path: string) => fabric.seen.find((one) => one.path === path)?.body

describe('status', () => {
  const status = (more: { watch?: boolean; json?: boolean } = {}) =>
    policyStatus({ stateDir: fabric.stateDir, watch: false, json: false, ...more }, { ...around(), pollMs: 1 })

  test('held when everybody has it, failed when not', async () => {
    await expect(status()).resolves.toBe(0)
    expect(asked()).toEqual(['GET /v1/status as viewer'])
    expect(printed[0]).toContain(`revision ${ACTIVE}, seq 40`)
    fake.instead['GET /v1/status'] = { status: 200, body: statusOf(ACTIVE, 40, { converged: false }) }
    await expect(status()).resolves.toBe(1)
    expect(printed).toContain('converged NO')
    expect(printed).toContain('          not every gateway has reported yet')
  })

  test('as JSON it is what the control plane said, with what is not known here', async () => {
    fake.instead['GET /v1/status'] = { status: 200, body: { ...statusOf(ACTIVE, 40), newer: { field: 1 } } }
    await status({ json: true })
    expect(printed.map((line) => JSON.parse(line))).toEqual([{ ...statusOf(ACTIVE, 40), newer: { field: 1 } }])
  })

  test('watched, a log gets what has changed; silence ends nothing', async () => {
    const watched = status({ watch: true })
    await until(() => asked().length > 5)
    const pages = () => lines.filter((line) => line.startsWith('in force')).length
    expect(pages()).toBe(1)
    const answer = fake.answer
    fake.answer = () => undefined
    await until(() => asked().length > 10)
    fake.answer = answer
    fake.instead['GET /v1/status'] = { status: 200, body: statusOf(NEW, 41, { converged: false }) }
    await until(() => pages() === 2)
    leave.abort()
    await expect(watched).resolves.toBe(1)
  })

  test('refuses when nobody answers', async () => {
    fake.answer = () => undefined
    await expect(status()).rejects.toMatchObject({ exitCode: 1, message: 'the control plane does not answer' })
  })

  test('what aegis status says of it is asked with a token too', async () => {
    await expect(publishedStatus(findFabric(fabric.stateDir))).resolves.toMatchObject({ revision: ACTIVE, seq: 40 })
    expect(asked()).toEqual(['GET /v1/status as viewer'])
    fake.instead['GET /v1/status'] = refusal(401, 'invalid_token')
    await expect(publishedStatus(findFabric(fabric.stateDir))).rejects.toThrow(/invalid_token/)
  })
})

describe('pause, resume, abort', () => {
  const order = (what: 'pause' | 'resume' | 'abort', json = false) =>
    policyOrder(what, { stateDir: fabric.stateDir, reason: 'let us look', json }, { out, columns: 100 })

  test.each(['pause', 'resume', 'abort'] as const)('to %s is ordered by the publisher, with a reason', async (what) => {
    fake.instead[`POST /v1/rollouts/current/${what}`] = { status: 200, body: { rollout: ROLLOUT } }
    await expect(order(what)).resolves.toBe(0)
    expect(asked()).toEqual([`POST /v1/rollouts/current/${what} as publisher`])
    expect(fabric.seen[0]?.body).toEqual({ reason: 'let us look' })
  })

  test('what comes of it', async () => {
    fake.instead['POST /v1/rollouts/current/pause'] = {
      status: 200,
      body: { rollout: { ...ROLLOUT, state: 'paused', why: 'ann: let us look' } },
    }
    await order('pause')
    expect(printed.join('\n')).toContain('PAUSED (ann: let us look)')
    expect(printed.at(-1)).toContain('npm run policy -- resume')
    fake.instead['POST /v1/rollouts/current/abort'] = { status: 200, body: { rollout: { ...ROLLOUT, state: 'aborted' } } }
    await order('abort')
    expect(printed.at(-1)).toMatch(new RegExp(`^aborted: ${ACTIVE} is in force, not ${NEW}`))
    await order('abort', true)
    expect(JSON.parse(printed.at(-1) ?? '')).toEqual({ rollout: { ...ROLLOUT, state: 'aborted' } })
  })

  test('refuses where there is nothing to pause', async () => {
    fake.instead['POST /v1/rollouts/current/pause'] = refusal(409, 'wrong_state')
    await expect(order('pause')).rejects.toMatchObject({
      exitCode: 1,
      message: 'pausing the rollout was refused: wrong_state: because of wrong_state',
    })
  })
})

describe('rollback and renew', () => {
  const rollback = (more: { revision?: string; json?: boolean } = {}) =>
    policyRollback({ stateDir: fabric.stateDir, reason: 'wrong limit', json: false, ...more }, around())

  test('a rollback is over when every gateway has it', async () => {
    fake.instead['POST /v1/rollbacks'] = { status: 202, body: { seq: 42, revision: OLD } }
    fake.instead['GET /v1/status'] = { status: 200, body: statusOf(ACTIVE, 41) }
    const rolled = rollback()
    await until(() => asked().length > 4)
    fake.instead['GET /v1/status'] = { status: 200, body: statusOf(OLD, 42) }
    await expect(rolled).resolves.toBe(0)
    expect(asked()[0]).toBe('POST /v1/rollbacks as publisher')
    expect(fabric.seen[0]?.body).toEqual({ reason: 'wrong limit' })
    expect(lines[0]).toContain(`rolled back to ${OLD}, seq 42`)
    expect(lines.at(-1)).toContain('all 3 gateways have it')
  })

  test('to a revision that is named, and as JSON', async () => {
    fake.instead['POST /v1/rollbacks'] = { status: 202, body: { seq: 40, revision: OLD } }
    await expect(rollback({ revision: OLD, json: true })).resolves.toBe(0)
    expect(fabric.seen[0]?.body).toEqual({ reason: 'wrong limit', revision: OLD })
    expect(printed.map((line) => JSON.parse(line))).toEqual([{ seq: 40, revision: OLD, converged: true }])
    expect(lines).toEqual([])
  })

  test('refuses to call it done while a gateway is behind, and names it', async () => {
    fake.instead['POST /v1/renewals'] = { status: 200, body: { seq: 41, revision: ACTIVE } }
    const status = statusOf(ACTIVE, 41, { converged: false })
    Object.assign(status.fleet[0] ?? {}, { seq: 40 })
    fake.instead['GET /v1/status'] = { status: 200, body: status }
    await expect(policyRenew({ stateDir: fabric.stateDir, json: false }, around(30))).resolves.toBe(1)
    expect(lines.join('\n')).toContain('gateway task-0 of eu-west-1 still runs seq 40')
  })
})

describe('diff', () => {
  const diff = (from: string, to: string, more: { patch?: boolean; json?: boolean } = {}) =>
    policyDiff({ stateDir: fabric.stateDir, from, to, patch: false, json: false, ...more }, { out, columns: 100 })

  test('the working tree against what is in force is compared without being kept', async () => {
    await expect(diff('active', '.')).resolves.toBe(0)
    expect(asked()).toEqual(['POST /v1/diff as author'])
    expect(Object.keys((bodyOf('/v1/diff') as { files: object }).files)).toContain('documents/tools.yaml')
    expect(printed[0]).toContain(`${ACTIVE} (in force) -> ${NEW} (the working tree)`)
  })

  test.each<[string, string, string[]]>([
    [OLD, NEW, [`GET /v1/diff?from=${OLD}&to=${NEW} as viewer`]],
    [OLD, 'active', [`GET /v1/diff?from=${OLD} as viewer`]],
    ['active', OLD, ['GET /v1/status as viewer', `GET /v1/diff?from=${ACTIVE}&to=${OLD} as viewer`]],
    [OLD, '.', ['POST /v1/revisions as author', `GET /v1/diff?from=${OLD}&to=${NEW} as viewer`]],
    ['.', 'active', ['POST /v1/revisions as author', `GET /v1/diff?from=${NEW} as viewer`]],
  ])('%s against %s', async (from, to, questions) => {
    await expect(diff(from, to)).resolves.toBe(0)
    expect(asked()).toEqual(questions)
  })

  test('as JSON it is what the control plane said', async () => {
    await diff('active', '.', { json: true })
    expect(JSON.parse(printed[0] ?? '')).toEqual({ from: ACTIVE, to: NEW, ...DIFF })
  })

  test('refuses to compare something with itself, and a working tree with faults', async () => {
    await expect(diff('.', '.')).rejects.toMatchObject({ exitCode: 2 })
    const faults = [{ file: 'documents/tools.yaml', line: 1, column: 2, path: 'crm', message: 'is wrong' }]
    fake.instead['POST /v1/diff'] = { status: 400, body: { error: { code: 'policy_refused', message: 'm', faults } } }
    await expect(diff('active', '.')).rejects.toMatchObject({ exitCode: 1, details: ['demo/tools.yaml:1:2: crm: is wrong'] })
  })
})

describe('replay', () => {
  const result = { error: null, replayed: 10, changes: { 'allow>deny': 1 }, new_denies: 1, decision_ids: { 'allow>deny': ['d-1'] } }
  const replay = (more: object = {}, patienceMs?: number) =>
    policyReplay({ stateDir: fabric.stateDir, revision: '.', json: false, ...more }, around(patienceMs))
  const answer = (done: boolean, first: object | null) => {
    const regions = [
      { region: 'eu-west-1', result: first },
      { region: 'us-east-1', result },
    ]
    fake.instead['GET /v1/replays/p-1'] = { status: 200, body: { id: 'p-1', revision: NEW, done, regions, total: null } }
  }
  beforeEach(() => {
    fake.instead['POST /v1/replays'] = { status: 202, body: { id: 'p-1' } }
  })

  test('the working tree becomes a revision, and its replay is waited for', async () => {
    answer(false, null)
    const replayed = replay({ since: 2, limit: 100, region: 'eu-west-1' })
    await until(() => asked().length > 4)
    answer(true, result)
    await expect(replayed).resolves.toBe(0)
    expect(asked().slice(0, 3)).toEqual([
      'POST /v1/revisions as author',
      'POST /v1/replays as publisher',
      'GET /v1/replays/p-1 as publisher',
    ])
    expect(bodyOf('/v1/replays')).toEqual({ revision: NEW, since_h: 2, limit: 100, regions: ['eu-west-1'] })
    expect(printed.join('\n')).toContain('allow > deny  d-1 d-1')
  })

  test('one that is registered is replayed as it is', async () => {
    answer(true, result)
    await replay({ revision: OLD })
    expect(asked()[0]).toBe('POST /v1/replays as publisher')
    expect(bodyOf('/v1/replays')).toEqual({ revision: OLD })
  })

  test('refuses to be done while a region has not answered, could not, or nobody waits', async () => {
    answer(false, null)
    await expect(replay({}, 30)).resolves.toBe(1)
    expect(printed).toContain('eu-west-1 has not answered')
    answer(true, { ...result, error: 'no recordings' })
    await expect(replay()).resolves.toBe(1)
    expect(printed).toContain('eu-west-1 could not: no recordings')
    leave.abort()
    answer(false, result)
    await expect(replay()).resolves.toBe(1)
  })
})

test('history: newest first, and which one is in force', async () => {
  const one = { revision: ACTIVE, author: 'ann', at: '2026-11-27T22:41:00.000Z', reason: 'r', commit: null, rollouts: [] }
  fake.instead['GET /v1/revisions'] = { status: 200, body: { revisions: [{ ...one, revision: NEW }, one] } }
  await expect(policyHistory({ stateDir: fabric.stateDir, limit: 5, json: false }, { out, columns: 100 })).resolves.toBe(0)
  expect(asked()[0]).toBe('GET /v1/revisions?limit=5 as viewer')
  expect(printed.filter((line) => /^[0-9a-f]{16}/.test(line))).toEqual([
    `${NEW}  2026-11-27 22:41:00Z by ann`,
    `${ACTIVE}  2026-11-27 22:41:00Z by ann, IN FORCE`,
  ])
})

test('a fabric without an author lets the publisher register', async () => {
  const file = join(fabric.stateDir, 'fabric.json')
  const { author: _, ...operator_tokens } = JSON.parse(readFileSync(file, 'utf8')).operator_tokens
  writeFileSync(file, JSON.stringify({ ...JSON.parse(readFileSync(file, 'utf8')), operator_tokens }))
  await policyDiff({ stateDir: fabric.stateDir, from: 'active', to: '.', patch: false, json: false }, { out, columns: 100 })
  expect(asked()).toEqual(['POST /v1/diff as publisher'])
})

async function until(is: () => boolean): Promise<void> {
  while (!is()) await new Promise((resolve) => setTimeout(resolve, 1))
}
