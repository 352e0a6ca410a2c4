import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import {
  type BeginKeyed,
  callKey,
  createIdempotency,
  DEAD_AFTER_MS,
  KEY_KEPT_MS,
  type NewKeyed,
  RESPONSE_BYTES_MAX,
} from '../../runtime/gateway/idempotency.ts'
import { AegisError, type ErrorCode } from '../../runtime/model/codes.ts'
import type { Verdict } from '../../runtime/model/verdict.ts'
import { type KeyStore, regionalIdempotency } from '../../runtime/state/idempotency.ts'
import { type TestTables, testTables } from '../support/dynamodb.ts'

let tables: TestTables
let repo: KeyStore
beforeAll(async () => {
  tables = await testTables('keys')
  repo = regionalIdempotency(tables.client, 'keys')
})
afterAll(() => tables.close())

let serial = 0
let nowMs = 0
const clock = { now: () => nowMs }
beforeEach(() => {
  serial++
  nowMs = Date.now()
})

const idempotency = () => createIdempotency({ repo, clock, region: 'eu-west-1' })

function keyed(change: Partial<BeginKeyed> = {}): BeginKeyed {
  return {
    tenant: 'acme',
    agent: 'finance',
    tool: 'pay',
    action: 'send',
    key: `key-${serial}`,
    digest: 'digest-1',
    decisionId: 'decision-1',
    hasApproval: false,
    holds: true,
    toolIdempotent: false,
    ...change,
  }
}

const verdict = (decision: Verdict['decision'] = 'allow', id = 'decision-1'): Verdict => ({
  decision_id: id,
  decision,
  enforced: decision,
  mode: 'enforce',
  reasons: [],
  policy_version: 'r1',
  region: 'eu-west-1',
  zone: 'eu',
  tenant_zone: 'eu',
  arguments: { memo: 'ü' },
  timing_us: { total: 1 },
})
const response = { status: 201, contentType: 'application/json', body: Buffer.from('{"id":1}') }

async function begun(change: Partial<BeginKeyed> = {}): Promise<NewKeyed> {
  const found = await idempotency().begin(keyed(change))
  if (found.state !== 'new') throw new Error('the key is known')
  return found
}

const refuses = (change: Partial<BeginKeyed>, code: ErrorCode) => expect(idempotency().begin(keyed(change))).rejects.toMatchObject({ code })

test('the same call gets the same verdict, and one that was forwarded the same answer', async () => {
  const first = await begun()
  await first.finish(verdict())
  expect(await idempotency().begin(keyed({ decisionId: 'decision-2' }))).toEqual({
    state: 'replay',
    verdict: verdict(),
    underWay: true,
  })
  await first.forwarding()
  await first.response({ ...response, location: 'https://elsewhere.example/' })
  const replayed = await idempotency().begin(keyed())
  expect(replayed).toMatchObject({ state: 'replay', verdict: verdict(), response: { status: 201, location: 'https://elsewhere.example/' } })
  expect(replayed.state === 'replay' && Buffer.from(replayed.response?.body ?? []).toString()).toBe('{"id":1}')
})

test('a call that was decided a minute ago and not forwarded is under way no more', async () => {
  await (await begun()).finish(verdict())
  nowMs += DEAD_AFTER_MS
  expect(await idempotency().begin(keyed())).toMatchObject({ state: 'replay', underWay: false })
})

test('of concurrent calls with one key exactly one is new', async () => {
  const settled = await Promise.allSettled(Array.from({ length: 20 }, () => idempotency().begin(keyed())))
  expect(settled.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
  for (const result of settled) if (result.status === 'rejected') expect(result.reason).toMatchObject({ code: 'in_progress' })
})

test('refuses another call under the same key, whatever became of the first', async () => {
  const first = await begun()
  await refuses({ digest: 'digest-2' }, 'idempotency_conflict')
  await first.finish(verdict())
  await refuses({ digest: 'digest-2' }, 'idempotency_conflict')
  await first.forwarding()
  await refuses({ digest: 'digest-2' }, 'idempotency_conflict')
})

test('a key belongs to a tenant, an agent, a tool and an action', async () => {
  await begun()
  for (const other of [{ tenant: 'b' }, { agent: 'b' }, { tool: 'b' }, { action: 'b' }, { tool: 'pa', action: 'ysend' }]) await begun(other)
})

test.each(['', ' ', 'a b', 'ü', 'a\n', 'x'.repeat(256), '\u0000'])('refuses the key %j', async (key) => {
  await refuses({ key }, 'malformed_call')
})

test('is forgotten after a day, to the millisecond', async () => {
  await (await begun()).finish(verdict())
  nowMs += KEY_KEPT_MS - 1
  expect(await idempotency().begin(keyed({ digest: 'digest-1' }))).toMatchObject({ state: 'replay' })
  nowMs += 1
  await begun({ digest: 'digest-2' })
})

describe('what may have left', () => {
  test('is never forwarded twice: in progress, then unknown', async () => {
    const first = await begun()
    await first.finish(verdict())
    await first.forwarding()
    await refuses({}, 'in_progress')
    nowMs += DEAD_AFTER_MS
    await refuses({}, 'outcome_unknown')
    await refuses({ hasApproval: true, toolIdempotent: true }, 'outcome_unknown')
  })

  test('is forwarded by one attempt, once', async () => {
    const first = await begun()
    await first.forwarding()
    await expect(first.forwarding()).rejects.toMatchObject({ code: 'in_progress' })
    await first.abandon()
    nowMs += DEAD_AFTER_MS
    await refuses({}, 'outcome_unknown')
  })

  test('is unknown when the answer was too large to keep', async () => {
    const first = await begun()
    await first.finish(verdict())
    await first.forwarding()
    await first.response({ ...response, body: new Uint8Array(RESPONSE_BYTES_MAX + 1) })
    await refuses({}, 'outcome_unknown')
  })

  test('is replayed with an answer of exactly the limit, and with an empty one', async () => {
    for (const [key, size] of [
      ['large', RESPONSE_BYTES_MAX],
      ['empty', 0],
    ] as const) {
      const first = await begun({ key })
      await first.finish(verdict())
      await first.forwarding()
      await first.response({ status: 204, contentType: undefined, body: new Uint8Array(size) })
      const replayed = await idempotency().begin(keyed({ key }))
      expect(replayed.state === 'replay' && replayed.response?.body.byteLength).toBe(size)
    }
  })

  test('a verdict too large to keep is not decided again', async () => {
    await (await begun()).finish({ ...verdict(), arguments: { text: 'x'.repeat(300_000) } })
    await refuses({}, 'outcome_unknown')
  })
})

describe('a process that died', () => {
  test('before it decided: after a minute one other goes on, and the dead one cannot', async () => {
    const dead = await begun()
    nowMs += DEAD_AFTER_MS - 1
    await refuses({}, 'in_progress')
    nowMs += 1
    const settled = await Promise.allSettled(Array.from({ length: 10 }, () => idempotency().begin(keyed())))
    const next = settled.flatMap((result) => (result.status === 'fulfilled' && result.value.state === 'new' ? [result.value] : []))
    expect(next).toHaveLength(1)
    await expect(dead.forwarding()).rejects.toMatchObject({ code: 'in_progress' })
    await expect(dead.finish(verdict('allow', 'dead'))).rejects.toMatchObject({ code: 'in_progress' })
    await dead.abandon()
    await next[0]?.finish(verdict('allow', 'next'))
    expect(await idempotency().begin(keyed())).toMatchObject({ verdict: { decision_id: 'next' } })
  })

  test('an abandoned call is forgotten, even after its verdict was kept', async () => {
    const first = await begun()
    await first.finish(verdict())
    await first.abandon()
    await begun({ digest: 'digest-2' })
  })
})

describe('a call that waits for an approval', () => {
  const waiting = async () => (await begun()).finish(verdict('approval_needed'), { open: true })

  test('gets its verdict again, and goes on once with an override token', async () => {
    await waiting()
    expect(await idempotency().begin(keyed())).toMatchObject({ verdict: { decision: 'approval_needed' } })
    const goesOn = await begun({ hasApproval: true })
    await refuses({ hasApproval: true }, 'in_progress')
    await goesOn.finish(verdict('allow', 'decision-2'))
    await goesOn.forwarding()
    await goesOn.response(response)
    expect(await idempotency().begin(keyed({ hasApproval: true }))).toMatchObject({
      verdict: { decision_id: 'decision-2' },
      response: { status: 201 },
    })
  })

  test('waits again when the attempt is given up', async () => {
    await waiting()
    await (await begun({ hasApproval: true })).abandon()
    expect(await idempotency().begin(keyed())).toMatchObject({ verdict: { decision: 'approval_needed' } })
    await begun({ hasApproval: true })
  })

  test('refuses an override token for another call', async () => {
    await waiting()
    await refuses({ hasApproval: true, digest: 'digest-2' }, 'idempotency_conflict')
  })
})

describe('where keys may be known elsewhere', () => {
  test.each([
    ['outside the region that holds them', { holds: false }],
    ['within a day of a promotion', { promotedAtMs: Date.now() - KEY_KEPT_MS + 60_000 }],
  ])('%s a tool that would act twice is not called, and one that would not is', async (_where, change) => {
    await refuses(change, 'outcome_unknown')
    const first = await begun({ ...change, toolIdempotent: true })
    await refuses({ ...change, toolIdempotent: true }, 'in_progress')
    await first.finish(verdict())
    expect(await idempotency().begin(keyed({ ...change, toolIdempotent: true }))).toMatchObject({ state: 'replay' })
  })

  test('a key that is known here is answered from here', async () => {
    await (await begun()).finish(verdict())
    expect(await idempotency().begin(keyed({ holds: false }))).toMatchObject({ state: 'replay' })
  })

  test('what died undecided here is not gone on with here', async () => {
    await begun()
    nowMs += DEAD_AFTER_MS
    await refuses({ holds: false }, 'outcome_unknown')
  })

  test('a day after a promotion an unknown key was never used', async () => {
    await begun({ promotedAtMs: nowMs - KEY_KEPT_MS - 60_001 })
  })
})

test('refuses when the table is away, and a verdict that is not kept is not given', async () => {
  const away = createIdempotency({ repo: regionalIdempotency(tables.client, 'no-such-table'), clock, region: 'eu-west-1' })
  await expect(away.begin(keyed())).rejects.toMatchObject({ code: 'state_unavailable' })
  const broken = createIdempotency({ repo: { ...repo, decide: () => Promise.reject(new Error('away')) }, clock, region: 'eu-west-1' })
  const first = await broken.begin(keyed())
  await expect(first.state === 'new' && first.finish(verdict())).rejects.toMatchObject({ code: 'state_unavailable' })
})

test('the digest is of tool, action and arguments in any order, and not of approval or chain', () => {
  const call = { tool: 'pay', action: 'send', arguments: { a: 1, b: [2] } }
  expect(callKey({ ...call, arguments: { b: [2], a: 1 } })).toBe(callKey(call))
  expect(callKey({ ...call, ...{ approval: 'x', chain: 'y' } })).toBe(callKey(call))
  for (const other of [{ tool: 'p' }, { action: 's' }, { arguments: { a: 1, b: [3] } }])
    expect(callKey({ ...call, ...other })).not.toBe(callKey(call))
})

type Step = { attempt: 'begin' | 'finish' | 'forward' | 'respond' | 'abandon' | 'die'; of: number } | { attempt: 'wait'; ms: number }

test('whatever is interleaved and wherever processes die, a call is forwarded at most once', async () => {
  const step: fc.Arbitrary<Step> = fc.oneof(
    { weight: 5, arbitrary: fc.record({ attempt: fc.constant('begin' as const), of: fc.nat({ max: 2 }) }) },
    {
      weight: 8,
      arbitrary: fc.record({
        attempt: fc.constantFrom('finish' as const, 'forward' as const, 'respond' as const, 'abandon' as const, 'die' as const),
        of: fc.nat({ max: 2 }),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({ attempt: fc.constant('wait' as const), ms: fc.constantFrom(1000, DEAD_AFTER_MS, 3 * DEAD_AFTER_MS) }),
    },
  )
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 4, maxLength: 25 }), async (steps) => {
      serial++
      nowMs = Date.now()
      const attempts: (NewKeyed | undefined)[] = []
      let forwarded = 0
      for (const each of steps) {
        if (each.attempt === 'wait') nowMs += each.ms
        else if (each.attempt === 'begin') {
          const found = await idempotency().begin(keyed()).catch(known)
          if (found?.state === 'new') {
            // Nobody is told to decide a call that may have left.
            expect(forwarded).toBe(0)
            attempts[each.of] = found
          }
        } else if (each.attempt === 'die') attempts[each.of] = undefined
        else if (each.attempt === 'finish') await attempts[each.of]?.finish(verdict()).catch(known)
        else if (each.attempt === 'respond') await attempts[each.of]?.response(response)
        else if (each.attempt === 'abandon') await attempts[each.of]?.abandon()
        else if (attempts[each.of] !== undefined) {
          const left = await attempts[each.of]?.forwarding().then(() => true, known)
          if (left === true) forwarded++
        }
      }
      expect(forwarded).toBeLessThanOrEqual(1)
    }),
    { numRuns: 60 },
  )
}, 60_000)

function known(error: unknown): undefined {
  if (!(error instanceof AegisError)) throw error
}
