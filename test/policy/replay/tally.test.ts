import fc from 'fast-check'
import { OUTCOMES } from '../../../runtime/model/verdict.ts'
import type { RecordedDecision } from '../../../runtime/policy/replay/recorded.ts'
import type { Rejudged } from '../../../runtime/policy/replay/rejudge.ts'
import { addDecision, emptyTally, mergeTally, type Tally } from '../../../runtime/policy/replay/tally.ts'
import { replayResult } from '../../../runtime/state/replays.ts'

const recorded = (id: string, more: Partial<RecordedDecision> = {}) =>
  ({ decision_id: id, tenant: 'acme-eu', tool: 'pay', action: 'send', policy: { reasons: [] }, ...more }) as unknown as RecordedDecision
const rejudged = (from: Rejudged['from'], to: Rejudged['to'], more: Partial<Rejudged> = {}): Rejudged => ({
  from,
  to,
  reasons: [],
  registered: true,
  ...more,
})

test.each([
  ['allow', 'deny', { newDenies: 1, newApprovals: 0, loosened: 0 }],
  ['sanitize', 'deny', { newDenies: 1 }],
  ['approval_needed', 'deny', { newDenies: 1 }],
  ['allow', 'approval_needed', { newDenies: 0, newApprovals: 1, loosened: 0 }],
  ['deny', 'approval_needed', { newApprovals: 0, loosened: 1 }],
  ['approval_needed', 'allow', { newApprovals: 0, loosened: 1 }],
  ['sanitize', 'allow', { loosened: 1 }],
  ['allow', 'sanitize', { newDenies: 0, newApprovals: 0, loosened: 0 }],
] as const)('%s to %s', (from, to, counts) => {
  const tally = emptyTally()
  addDecision(tally, recorded('d'), rejudged(from, to))
  expect(tally).toMatchObject({ replayed: 1, changes: { [`${from}>${to}`]: 1 }, decisionIds: { [`${from}>${to}`]: ['d'] }, ...counts })
})

test('the rules that made the difference are counted: new ones, or those that are gone', () => {
  const tally = emptyTally()
  const said = (rule: string) => ({ code: 'parameter_not_allowed', rule })
  const before = { policy: { reasons: [said('params.a')] } as never }
  addDecision(tally, recorded('d', before), rejudged('approval_needed', 'deny', { reasons: [said('params.a'), said('params.b')] }))
  addDecision(tally, recorded('e', before), rejudged('deny', 'allow'))
  addDecision(tally, recorded('f', before), rejudged('approval_needed', 'deny', { reasons: [said('params.a')] }))
  expect(tally.rules).toEqual({ 'parameter_not_allowed params.b': 1, 'parameter_not_allowed params.a': 2 })
})

test('a name that only a caller gave does not leave', () => {
  const tally = emptyTally()
  addDecision(tally, recorded('d', { tool: 'a subject of data' }), rejudged('allow', 'deny', { registered: false }))
  expect(tally.tools).toEqual({ unregistered: 1 })
})

test('names and ids are bounded, and nothing is lost from the counts', () => {
  const tally = emptyTally()
  for (let i = 0; i < 1000; i++) addDecision(tally, recorded(`d-${i}`, { tenant: `t-${i}` }), rejudged('allow', 'deny'))
  expect(Object.keys(tally.tenants)).toHaveLength(201)
  expect(tally.tenants.others).toBe(800)
  expect(tally.decisionIds['allow>deny']).toHaveLength(20)
  expect(tally.newDenies).toBe(1000)
})

test('a decision that cannot be answered is counted as that alone', () => {
  const tally = emptyTally()
  addDecision(tally, recorded('d'), undefined)
  expect(tally).toEqual({ ...emptyTally(), unanswerable: 1 })
})

test('parts add up to the whole, wherever it is cut, and fit the answer', () => {
  const decision = fc.record({
    from: fc.constantFrom(...OUTCOMES),
    to: fc.constantFrom(...OUTCOMES),
    tenant: fc.constantFrom('a', 'b'),
  })
  fc.assert(
    fc.property(fc.array(decision, { maxLength: 60 }), fc.nat({ max: 60 }), (decisions, cut) => {
      const tallyOf = (from: number, to: number): Tally => {
        const tally = emptyTally()
        for (const [at, { from: before, to: after, tenant }] of decisions.entries())
          if (at >= from && at < to) addDecision(tally, recorded(`d-${at}`, { tenant }), rejudged(before, after))
        return tally
      }
      const sum = tallyOf(0, cut)
      mergeTally(sum, tallyOf(cut, decisions.length))
      expect(sum).toEqual(tallyOf(0, decisions.length))
      expect(
        replayResult.safeParse({ id: 'r', region: 'eu-west-1', error: null, tookMs: 1, ...JSON.parse(JSON.stringify(sum)) }).success,
      ).toBe(true)
    }),
  )
})
