import { describe, expect, test } from '@jest/globals'
import { moved, type Rollout, stagesFor } from '../../../runtime/control-plane/rollout/rollout.ts'
import { nameOf, step, waitingFor } from '../../../runtime/control-plane/rollout/step.ts'
import type { View } from '../../../runtime/control-plane/rollout/view.ts'
import type { ReplayResult } from '../../../runtime/state/replays.ts'
import { CELLS, everywhere, NEW, newRollout, type Says, settings, view } from './support.ts'

const loaded: Says = { loaded: true }
const served: Says = { seq: 8 }

/** Steps until nothing happens, at one moment. */
function settle(rollout: Rollout, seen: View, nowMs: number): { rollout: Rollout; events: string[] } {
  const events: string[] = []
  for (let current = rollout; ; ) {
    const next = step(current, seen, settings, nowMs)
    if (next.event === undefined) return { rollout: next.rollout, events }
    events.push(`${next.event.kind}: ${next.event.text}`)
    current = next.rollout
  }
}

test('goes through a canary, its region, the rest of its zone, and then all others', () => {
  const stages = stagesFor({ cells: CELLS, canaryRegion: 'eu-west-1', shadowS: 5, replay: { id: 'r1', noNewDeniesAbove: 0, sinceMs: 0 } })
  expect(stages.map(nameOf)).toEqual([
    'replay of recorded decisions',
    'shadow in every region',
    'canary in eu-west-1',
    'eu-west-1',
    'eu-central-1',
    'the rest: us-east-1, ap-southeast-1',
  ])
  const one = stagesFor({ cells: CELLS.slice(0, 1), canaryRegion: 'eu-west-1', shadowS: 0, replay: undefined })
  expect(one.map(nameOf)).toEqual(['canary in eu-west-1', 'the rest: eu-west-1'])
})

test('a stage waits until every gateway has the bundle, then for its bake time', () => {
  let now = newRollout()
  expect(settle(now, view(everywhere({ loaded: false })), 0).events).toEqual([])
  ;({ rollout: now } = settle(now, view({ ...everywhere({}), 'eu-west-1': loaded }), 100))
  expect(now).toMatchObject({ at: 0, readySinceMs: 100 })
  expect(settle(now, view(everywhere(loaded)), 1099).rollout.at).toBe(0)
  ;({ rollout: now } = settle(now, view(everywhere(loaded)), 1100))
  expect([now.at, now.readySinceMs, moved(now)]).toEqual([1, null, ['eu-west-1']])
})

test('ends when every region serves it, in order, and says which has moved', () => {
  let now = newRollout()
  const seen = () => view(Object.fromEntries(CELLS.map(({ region }) => [region, moved(now).includes(region) ? served : loaded])))
  const order: string[] = []
  for (let atMs = 0; now.endedAtMs === null && atMs < 60_000; atMs += 250) {
    const before = moved(now).length
    now = settle(now, seen(), atMs).rollout
    if (moved(now).length !== before) order.push(moved(now).join(' '))
  }
  expect(order).toEqual(['eu-west-1', 'eu-west-1 eu-central-1', 'eu-west-1 eu-central-1 us-east-1 ap-southeast-1'])
  expect(now).toMatchObject({ state: 'completed', why: null })
  expect(waitingFor(now, seen(), settings)).toBeUndefined()
})

test('a region that says nothing is passed over after a while, and remembered', () => {
  const now = newRollout({ at: 2, stageSinceMs: 0 })
  const seen = view({ 'eu-west-1': served })
  expect(settle(now, seen, 5000).events).toEqual([])
  expect(waitingFor(now, seen, settings)).toBe('eu-central-1 to load it')
  const late = settle(now, seen, 5001)
  expect(late.events).toEqual(['ready: eu-central-1: every gateway has it, without eu-central-1, where nobody answers'])
  expect(late.rollout.silent).toEqual(['eu-central-1'])
})

test('a canary that nobody answers from ends it', () => {
  const { rollout } = settle(newRollout(), view({ 'us-east-1': {} }), 5001)
  expect(rollout).toMatchObject({ state: 'aborted', why: expect.stringContaining('no gateway of eu-west-1 says anything') })
})

test('a paused one takes no step, and is taken back all the same when it is bad', () => {
  const paused = newRollout({ state: 'paused', readySinceMs: 0 })
  expect(step(paused, view(everywhere(loaded)), settings, 1e9)).toEqual({ rollout: paused, event: undefined })
  const bad = view({ ...everywhere(loaded), 'eu-west-1': { loaded: true, comparison: { compared: 10, new_denies: 10 } } })
  expect(step(paused, bad, settings, 1).event?.kind).toBe('aborted')
})

describe('is taken back', () => {
  const canary = (says: Says) => settle(newRollout({ readySinceMs: 0 }), view({ ...everywhere(loaded), 'eu-west-1': says }), 10).rollout

  test('when a gateway refuses the bundle, wherever it is', () => {
    const refusing = view({ ...everywhere(loaded), 'us-east-1': { loaded: false, error: 'altered: policy.wasm is not what was signed' } })
    const { rollout } = settle(newRollout(), refusing, 10)
    expect(rollout.why).toBe('a gateway of us-east-1 refused the bundle: altered: policy.wasm is not what was signed')
    // What an earlier candidate was refused for is nothing to this one.
    const before = view({ ...everywhere(loaded), 'us-east-1': { loaded: false, error: 'altered', candidateSeq: 6 } })
    expect(settle(newRollout(), before, 10).rollout.state).toBe('running')
  })

  test('when compared calls would newly be denied, and says by which rules', () => {
    const { state, why } = canary({
      loaded: true,
      comparison: {
        ...{ compared: 40, new_denies: 12, rules: { 'tool_not_allowed allowed_tools': 12 }, tools: { 'crm.read_contact': 12 } },
        decision_ids: ['d1', 'd2'],
      },
    })
    expect(state).toBe('aborted')
    expect(why).toBe(
      'eu-west-1: 12 of 40 compared calls would newly be denied (30.0 %, at most 1 % may); ' +
        'rules tool_not_allowed allowed_tools (12); tools crm.read_contact (12); decisions d1, d2',
    )
  })

  test('not for fewer than make a surge, nor within what is allowed', () => {
    expect(canary({ loaded: true, comparison: { compared: 2, new_denies: 2 } }).state).toBe('running')
    expect(canary({ loaded: true, comparison: { compared: 1000, new_denies: 10 } }).state).toBe('running')
  })

  test('when judging by it fails', () => {
    expect(canary({ loaded: true, comparison: { compared: 9, faults: 1 } }).why).toMatch(/judging by it failed for 1 of 9/)
    expect(canary({ loaded: true, revisions: { [NEW]: { calls: 20, faults: 3 } } }).why).toMatch(/faults of policy: 3 of 20/)
  })

  test('when a region that serves it denies more than the same region did before, beyond chance', () => {
    const before = { 'eu-west-1': { ...NONE, calls: 1000, denies: 50 } }
    const later = (calls: number, deny: number) =>
      settle(newRollout({ at: 1, readySinceMs: 0, before }), view({ 'eu-west-1': { seq: 8, revisions: { [NEW]: { calls, deny } } } }), 10)
        .rollout
    expect(later(200, 60).why).toMatch(/eu-west-1: denies: 30.0 % of 200 calls, 5.0 % of 1000 before/)
    expect(later(200, 16).state).toBe('running')
    // Eight of forty is a lot, and may be chance.
    expect(later(20, 4).state).toBe('running')
  })

  test('when its slowest calls take much longer than before', () => {
    const slow = (ms: number): [number | null, number][] => [
      [1000, 900],
      [ms * 1000, 100],
    ]
    const before = { 'eu-west-1': { ...NONE, calls: 1000, durationUs: slow(4) } }
    const later = (ms: number) =>
      settle(
        newRollout({ at: 1, readySinceMs: 0, before }),
        view({ 'eu-west-1': { seq: 8, revisions: { [NEW]: { calls: 1000, duration_us: slow(ms) } } } }),
        10,
      ).rollout
    expect(later(20).why).toBe('eu-west-1: 99 % of calls took up to 20.0 ms, 4.0 ms before')
    expect(later(8).state).toBe('running')
  })

  test('counts only what came since the stage began', () => {
    const mark = { 'eu-west-1': { ...NONE, compared: 40, newDenies: 12 } }
    const seen = view({ ...everywhere(loaded), 'eu-west-1': { loaded: true, comparison: { compared: 41, new_denies: 12 } } })
    expect(settle(newRollout({ readySinceMs: 0, mark }), seen, 10).rollout.state).toBe('running')
  })
})

describe('a replay before', () => {
  const replay = { id: 'r1', noNewDeniesAbove: 5, sinceMs: 0 }
  const result = (region: string, newDenies: number, error: string | null = null): [string, ReplayResult] => [
    region,
    {
      ...{ id: 'r1', region, error, replayed: 100, unanswerable: 0, changes: {}, newDenies, newApprovals: 0, loosened: 0 },
      ...{ rules: {}, tools: {}, tenants: {}, decisionIds: {}, tookMs: 1 },
    },
  ]
  const run = (answers: [string, ReplayResult][], atMs = 10) =>
    settle(newRollout({}, { replay }), view({ 'eu-west-1': {}, 'us-east-1': {} }, new Map(answers)), atMs).rollout

  test('waits for every region that says anything, and then goes on', () => {
    expect(run([result('eu-west-1', 1)]).at).toBe(0)
    expect(run([result('eu-west-1', 2), result('us-east-1', 3)]).at).toBe(1)
  })

  test('takes it back over the number that may newly be denied, in all regions together', () => {
    expect(run([result('eu-west-1', 3), result('us-east-1', 3)]).why).toBe(
      '6 of 200 recorded decisions would newly be denied, at most 5 may (replay r1)',
    )
  })

  test('refuses to take no answer for a good one', () => {
    expect(run([result('eu-west-1', 0, 'no bundle')]).why).toBe('the replay failed in eu-west-1: no bundle')
    expect(run([result('eu-west-1', 0)], 60_001).why).toBe('us-east-1 did not answer the replay in 60 s')
  })
})

test('a shadow judges in every region and moves none', () => {
  const now = newRollout({}, { shadowS: 2 })
  expect(moved(now)).toEqual([])
  const ready = settle(now, view(everywhere(loaded)), 0).rollout
  expect(settle(ready, view(everywhere(loaded)), 1999).rollout.at).toBe(0)
  expect(settle(ready, view(everywhere(loaded)), 2000).rollout.at).toBe(1)
  const bad = view({ ...everywhere(loaded), 'ap-southeast-1': { loaded: true, comparison: { compared: 9, new_denies: 9 } } })
  expect(settle(ready, bad, 10).rollout.why).toMatch(/^ap-southeast-1: 9 of 9/)
})

const NONE = { calls: 0, denies: 0, faults: 0, durationUs: [], compared: 0, newDenies: 0, comparisonFaults: 0 }
