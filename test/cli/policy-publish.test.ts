import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import type { Rollout } from '../../runtime/cli/policy/answers.ts'
import { type PublishOptions, policyPublish } from '../../runtime/cli/policy/publish.ts'
import type { Terminal } from '../../runtime/cli/terminal.ts'
import { ACTIVE, COMPLETED, type FakeControlPlane, fakeControlPlane, NEW, ROLLOUT, statusOf } from './fake-control-plane.ts'
import { type FakeFabric, fakeFabric, refusal } from './fake-fabric.ts'

let fabric: FakeFabric
let fake: FakeControlPlane
let lines: string[]
let printed: string[]
let leave: AbortController

beforeEach(async () => {
  lines = []
  printed = []
  leave = new AbortController()
  fake = fakeControlPlane()
  fabric = await fakeFabric([{ region: 'eu-west-1', zone: 'eu' }], (seen) => fake.answer(seen))
})
afterEach(() => fabric.close())

const shown: Terminal = { columns: 100, live: false, say: (line) => void lines.push(line), now() {}, show() {}, end() {} }

/** @param patienceMs long enough for a busy machine, but where it has to end */
function publish(options: Partial<PublishOptions> = {}, patienceMs = 20_000) {
  const surroundings = {
    terminal: shown,
    out: (line: string) => void printed.push(line),
    signal: leave.signal,
    pace: { pollMs: 1, patienceMs },
  }
  return policyPublish({ stateDir: fabric.stateDir, wait: true, json: false, ...options }, surroundings)
}

/** Without the column of times. */
const said = () => lines.map((line) => line.replace(/^ *\d+(\.\d)? (s|min|h|d) {2}/, '').trim())
const asked = () => fabric.seen.map(({ method, path }) => `${method} ${path}`)
const bodyOf = (what: string) => fabric.seen.find(({ method, path }) => `${method} ${path}` === what)?.body

test('registers the working tree as the author, rolls it out as the publisher, and tells each step', async () => {
  fake.steps = [...COMPLETED]
  await expect(publish({ reason: 'raise the limit' })).resolves.toBe(0)
  expect(fabric.seen.slice(0, 4).map(({ method, path, token }) => [`${method} ${path}`, token])).toEqual([
    ['GET /v1/status', 'viewer'],
    ['POST /v1/revisions', 'author'],
    [`GET /v1/diff?from=${ACTIVE}&to=${NEW}`, 'viewer'],
    ['POST /v1/rollouts', 'publisher'],
  ])
  const registered = bodyOf('POST /v1/revisions') as { files: Record<string, string>; reason: string }
  expect(registered.reason).toBe('raise the limit')
  expect(registered.files['documents/agents/finance-agent.yaml']).toContain('finance-agent')
  expect(bodyOf('POST /v1/rollouts')).toEqual({ revision: NEW, expects: ACTIVE, reason: 'raise the limit' })
  expect(said()[0]).toMatch(new RegExp(`^revision ${NEW}.*; in force: ${ACTIVE}$`))
  expect(said()).toEqual(
    expect.arrayContaining([
      'checked   documents (15 agents), lint, modules (unchanged)',
      'changes   1 widened, 1 changed, 1 narrowed',
      'rollout r-12 begins, seq 41',
      'replay held: 12,400 replayed, 0 new denies',
      'canary held: 12,400 replayed, 0 new denies, 310 calls, 300 compared',
    ]),
  )
  expect(said().slice(-5)).toEqual([
    'eu-west-1 has it',
    'eu-central-1 has it',
    'us-east-1 has it',
    `done in 4.2 s: ${NEW} is in force`,
    'all 3 gateways have it',
  ])
})

test('refuses to say that a region has it which was passed over', async () => {
  const silent = ['eu-central-1']
  fake.steps = COMPLETED.map((step) => (typeof step === 'object' ? { ...step, silent } : step))
  await publish()
  expect(said()).toContain('eu-west-1 has it')
  expect(said()).toContain('eu-central-1 is passed over: no gateway answers there; it gets it when it is back')
  expect(said()).not.toContain('eu-central-1 has it')
})

test('what is asked of the rollout goes along', async () => {
  fake.steps = [...COMPLETED]
  await publish({ revision: NEW, replay: 3, since: 48, shadow: 30, maxNewDenies: 0.5 })
  expect(bodyOf('POST /v1/rollouts')).toEqual({
    ...{ revision: NEW, expects: ACTIVE, reason: 'by the command line' },
    ...{ replay: { no_new_denies_above: 3, since_h: 48 }, shadow_s: 30, max_new_deny_percent: 0.5 },
  })
  expect(asked()).not.toContain('POST /v1/revisions')
})

test('where nothing is in force yet, that is what is expected', async () => {
  fake.steps = [...COMPLETED]
  const nothing = { ...statusOf(ACTIVE, 1), seq: null, revision: null, converged: false }
  fake.instead['GET /v1/status'] = { status: 200, body: nothing }
  await publish({ wait: false })
  expect(bodyOf('POST /v1/rollouts')).toMatchObject({ expects: null })
})

describe('nothing to do', () => {
  test('what is in force everywhere is not rolled out again', async () => {
    fake.instead['GET /v1/status'] = { status: 200, body: statusOf(NEW, 41) }
    await expect(publish()).resolves.toBe(0)
    expect(asked()).not.toContain('POST /v1/rollouts')
    expect(said().at(-1)).toBe('it is in force everywhere already: nothing to publish')
  })

  test('refuses to call it in force everywhere while a region is behind', async () => {
    const status = statusOf(NEW, 41, { converged: false })
    Object.assign(status.regions[2] ?? {}, { seq: 40, error: 'the bucket is silent' })
    fake.instead['GET /v1/status'] = { status: 200, body: status }
    await expect(publish()).resolves.toBe(1)
    expect(said()).toContain('us-east-1 has confirmed seq 40, not 41: the bucket is silent')
    expect(asked()).not.toContain('POST /v1/rollouts')
  })

  test('a rollout of the same revision that is under way is watched', async () => {
    const running: Rollout = { ...ROLLOUT, stage: 'canary', region: 'eu-west-1' }
    fake.instead['GET /v1/status'] = { status: 200, body: statusOf(ACTIVE, 40, { rollout: running }) }
    const published = publish()
    fake.instead['POST /v1/revisions'] = { status: 201, body: { revision: NEW, known: true, checks: [] } }
    await until(() => asked().filter((what) => what === 'GET /v1/status').length > 2)
    const done = { ...running, state: 'completed' as const, ended_at: '2026-11-27T22:41:03.000Z' }
    fake.instead['GET /v1/status'] = { status: 200, body: statusOf(NEW, 41, { last_rollout: done }) }
    await expect(published).resolves.toBe(0)
    expect(asked()).not.toContain('POST /v1/rollouts')
    expect(said()).toContain('rollout r-12 of publisher@operators is under way already, seq 41')
  })
})

describe('refused', () => {
  const faults = [
    { file: 'documents/agents/finance-agent.yaml', line: 12, column: 18, path: 'allowed_tools.x', message: 'a limit needs a currency' },
    { file: 'modules/gateway/amount.rego', line: 3, column: 1, path: '', message: 'unexpected token' },
  ]
  const refused = { status: 400, body: { error: { code: 'policy_refused', message: 'two\nlines', faults } } }

  test('refuses a policy with faults, each with its place in this clone', async () => {
    fake.instead['POST /v1/revisions'] = refused
    await expect(publish()).rejects.toMatchObject({
      exitCode: 1,
      message: 'the policy of this clone was refused: policy_refused: 2 faults; what is in force stays in force',
      details: [
        'demo/agents/finance-agent.yaml:12:18: allowed_tools.x: a limit needs a currency',
        'policies/gateway/amount.rego:3:1: unexpected token',
      ],
    })
    expect(asked()).not.toContain('POST /v1/rollouts')
  })

  test('with --json the faults are JSON', async () => {
    fake.instead['POST /v1/revisions'] = refused
    await expect(publish({ json: true })).rejects.toThrow()
    expect(printed.map((line) => JSON.parse(line))).toEqual([{ error: { code: 'policy_refused', message: 'two\nlines', faults } }])
    expect(lines).toEqual([])
  })

  test.each<[string, number, RegExp]>([
    ['publish_conflict', 409, /^rolling out 3f2a91c0d4e5b678 was refused: publish_conflict: because of publish_conflict; .*policy -- diff/],
    ['rollout_in_progress', 409, /policy -- abort/],
    ['author_is_publisher', 403, /another person/],
    ['not_found', 404, /was refused: not_found/],
  ])('refuses in one line, with what to do: %s', async (code, status, message) => {
    fake.instead['POST /v1/rollouts'] = refusal(status, code)
    await expect(publish()).rejects.toMatchObject({ exitCode: 1, message: expect.stringMatching(message) })
    await expect(publish()).rejects.toMatchObject({ message: expect.not.stringContaining('\n') })
  })

  test('another rollout is in the way also when this revision is the one in force', async () => {
    fake.instead['GET /v1/status'] = { status: 200, body: statusOf(NEW, 41, { rollout: { ...ROLLOUT, revision: ACTIVE } }) }
    fake.instead['POST /v1/rollouts'] = refusal(409, 'rollout_in_progress')
    await expect(publish()).rejects.toThrow(/rollout_in_progress/)
  })

  test('refuses an answer of another shape, and says where', async () => {
    fake.instead['POST /v1/rollouts'] = { status: 202, body: { rollout: { ...ROLLOUT, state: 'thinking' } } }
    await expect(publish()).rejects.toMatchObject({ exitCode: 1, message: expect.stringMatching(/of another shape: rollout\.state: /) })
  })

  test('refuses --since without --replay, before anybody is asked', async () => {
    await expect(publish({ since: 3 })).rejects.toMatchObject({ exitCode: 2 })
    expect(asked()).toEqual([])
  })
})

describe('not a success', () => {
  test('aborted by itself: why, and what was counted', async () => {
    fake.steps = [
      ...COMPLETED.slice(0, 3),
      {
        state: 'aborted',
        why: '14.0 % would newly be denied',
        evidence: { compared: 300, new_denies: 42 },
        ended_at: '2026-11-27T22:41:03.000Z',
      },
    ]
    await expect(publish()).resolves.toBe(1)
    expect(said()).toContain('aborted after 3.0 s: 14.0 % would newly be denied')
    expect(said()).toContain('measured: 300 compared, 42 new denies')
    expect(said().join('\n')).not.toContain('canary held')
  })

  test('paused by somebody', async () => {
    fake.steps = [...COMPLETED.slice(0, 2), { state: 'paused', why: 'ann: let us look' }]
    await expect(publish()).resolves.toBe(1)
    expect(said().at(-2)).toBe('rollout r-12 is paused in stage canary at eu-west-1: ann: let us look')
  })

  test('Ctrl-C ends the watching alone', async () => {
    fake.steps = [COMPLETED[1] ?? {}]
    const published = publish()
    await until(() => said().some((line) => line.startsWith('canary:')))
    leave.abort()
    await expect(published).resolves.toBe(1)
    expect(said().at(-2)).toBe('not watched any more; rollout r-12 goes on')
    expect(asked().filter((what) => what.includes('/current/'))).toEqual([])
  })

  test('Ctrl-C before the rollout began keeps it from beginning', async () => {
    leave.abort()
    await expect(publish()).rejects.toThrow('nothing was rolled out')
    expect(asked()).not.toContain('POST /v1/rollouts')
  })

  test('refuses to take a rollout that vanished for a success', async () => {
    fake.steps = [{}, { status: statusOf(ACTIVE, 40) }]
    const rollouts = [{ id: 'r-12', seq: 41, publisher: 'p', state: 'aborted' }]
    const revision = { revision: NEW, author: 'a', at: 'then', reason: 'r', commit: null, rollouts }
    fake.instead[`GET /v1/revisions/${NEW}`] = { status: 200, body: revision }
    await expect(publish()).resolves.toBe(1)
    expect(said().join(' ')).toContain('ended unseen (aborted)')
  })

  test('a completed one whose gateways have not all said so names them', async () => {
    const status = statusOf(NEW, 41, { converged: false })
    Object.assign(status.fleet[1] ?? {}, { revision: ACTIVE, seq: 40 })
    fake.steps = [...COMPLETED, { status }]
    await expect(publish({}, 30)).resolves.toBe(0)
    expect(said()).toContain(`gateway task-1 of eu-central-1 still runs ${ACTIVE}, seq 40`)
  })
})

describe('the connection is lost', () => {
  test('in the middle: it is told once, asked on, and the rollout watched to its end', async () => {
    fake.steps = [...COMPLETED.slice(0, 3), 'silent', 'silent', { refused: 500 }, ...COMPLETED.slice(3)]
    await expect(publish()).resolves.toBe(0)
    expect(said().filter((line) => line.startsWith('the control plane does not answer'))).toHaveLength(1)
    expect(said()).toContain('the control plane answers again')
    expect(said()).toContain('canary held: 12,400 replayed, 0 new denies, 310 calls, 300 compared')
  })

  test('for good: after a while it says so, and that nothing stops deciding', async () => {
    fake.steps = [{}, 'silent']
    await expect(publish({}, 30)).resolves.toBe(1)
    expect(said().join(' ')).toContain('how rollout r-12 ends is not known')
  })

  test('while the rollout is asked for: whether it began is not known, and is not said', async () => {
    const answer = fake.answer
    fake.answer = (seen) => (seen.path === '/v1/rollouts' ? undefined : answer(seen))
    await expect(publish()).rejects.toMatchObject({ exitCode: 1, message: expect.stringContaining('is not known') })
  })

  test('a fabric that ended meanwhile is as silent as one that does not answer', async () => {
    fake.steps = [COMPLETED[1] ?? {}]
    const published = publish({}, 30)
    await until(() => said().some((line) => line.startsWith('canary:')))
    rmSync(join(fabric.stateDir, 'fabric.json'))
    await expect(published).resolves.toBe(1)
    expect(said().join('\n')).toContain('no fabric runs here')
  })

  test('a refusal in the middle is an answer', async () => {
    fake.steps = [{}, { refused: 401 }]
    await expect(publish()).rejects.toThrow(/asking for the status was refused/)
  })
})

test('changes that cannot be shown in words keep nobody from publishing', async () => {
  fake.steps = [...COMPLETED]
  fake.instead['GET /v1/diff'] = refusal(500, 'internal_error')
  await expect(publish()).resolves.toBe(0)
  expect(said()).toContain('the changes could not be shown in words')
})

test('with --no-wait it is only begun', async () => {
  await expect(publish({ wait: false })).resolves.toBe(0)
  expect(asked().at(-1)).toBe('POST /v1/rollouts')
})

test.each<[string, Rollout['state'], number]>([
  ['completed', 'completed', 0],
  ['aborted', 'aborted', 1],
])('with --json one object tells how it ended: %s', async (outcome, state, code) => {
  fake.steps = [{ state, ended_at: '2026-11-27T22:41:03.000Z' }]
  await expect(publish({ json: true })).resolves.toBe(code)
  expect(printed).toHaveLength(1)
  expect(JSON.parse(printed[0] ?? '')).toMatchObject({ outcome, revision: NEW, rollout: { id: 'r-12', state } })
  expect(lines).toEqual([])
})

async function until(is: () => boolean): Promise<void> {
  while (!is()) await new Promise((resolve) => setTimeout(resolve, 1))
}
