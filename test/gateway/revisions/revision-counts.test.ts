import { revisionCounter } from '../../../runtime/gateway/revisions/revision-counts.ts'
import type { Reason } from '../../../runtime/model/verdict.ts'

const reason = (code: Reason['code']): Reason => ({ code, message: '', rule: '' })

test('counts verdicts and faults by revision, and each call once by its time', () => {
  const counter = revisionCounter()
  counter.verdict('a', { decision: 'allow', reasons: [] }, 0.05)
  counter.verdict('a', { decision: 'deny', reasons: [reason('tool_not_allowed')] }, 0.0501)
  counter.verdict('a', { decision: 'deny', reasons: [reason('policy_error')] }, 3)
  counter.verdict('a', { decision: 'deny', reasons: [reason('stage_error')] }, 900)
  counter.failed('a', 1)
  counter.verdict('b', { decision: 'sanitize', reasons: [reason('data_class_sanitized')] }, 1)
  counter.verdict('b', { decision: 'approval_needed', reasons: [reason('amount_over_limit')] }, 1)
  const { a, b } = counter.counts()
  expect(a).toMatchObject({ calls: 5, allow: 1, deny: 3, sanitize: 0, approval_needed: 0, faults: 3 })
  expect(b).toMatchObject({ calls: 2, sanitize: 1, approval_needed: 1, faults: 0 })
  const taken = a?.duration_us.filter(([, calls]) => calls > 0)
  expect(taken).toEqual([
    [50, 1],
    [75, 1],
    [1000, 1],
    [3000, 1],
    [null, 1],
  ])
})

test('bounds rise, and only the last has none', () => {
  const counter = revisionCounter()
  counter.failed('a', 0)
  const bounds = counter.counts().a?.duration_us.map(([bound]) => bound) ?? []
  expect(bounds.at(-1)).toBeNull()
  const finite = bounds.slice(0, -1) as number[]
  expect(finite).toEqual([...new Set(finite)].sort((one, other) => one - other))
})

test('forgets revisions that are no longer loaded', () => {
  const counter = revisionCounter()
  for (const revision of ['a', 'b', 'c']) counter.failed(revision, 1)
  counter.keep(['b', 'z'])
  expect(Object.keys(counter.counts())).toEqual(['b'])
})
