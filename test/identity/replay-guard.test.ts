import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { replayGuard } from '../../runtime/identity/replay-guard.ts'

const guardAt = (limits: { entriesMax?: number; perOwnerMax?: number } = {}) => {
  const time = { ms: 0 }
  const clock = { now: () => time.ms, monotonic: () => time.ms }
  return { time, guard: replayGuard({ clock, retentionMs: 100, entriesMax: 1000, perOwnerMax: 1000, ...limits }) }
}

test('lets an id through once, however uses and time are mixed', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.integer({ min: 0, max: 40 }), fc.constantFrom('a', 'b', 'c')), { maxLength: 60 }), (uses) => {
      const { time, guard } = guardAt()
      const lastFirst = new Map<string, number>()
      for (const [waitMs, id] of uses) {
        time.ms += waitMs
        const used = guard.use('owner', id)
        const before = lastFirst.get(id)
        expect(used).toBe(before !== undefined && time.ms - before <= 100 ? 'again' : 'first')
        if (used === 'first') lastFirst.set(id, time.ms)
      }
    }),
  )
})

test('refuses what it cannot remember, rather than to forget what it should', () => {
  const { time, guard } = guardAt({ entriesMax: 2 })
  expect([guard.use('a', '1'), guard.use('b', '1'), guard.use('c', '1')]).toEqual(['first', 'first', 'full'])
  expect(guard.use('a', '1')).toBe('again')
  time.ms = 101
  expect(guard.use('c', '1')).toBe('first')
})

test('gives no owner more room than its share, and gives it back with time', () => {
  const { time, guard } = guardAt({ perOwnerMax: 1 })
  expect([guard.use('a', '1'), guard.use('a', '2'), guard.use('b', '2')]).toEqual(['first', 'full', 'first'])
  time.ms = 101
  expect(guard.use('a', '2')).toBe('first')
})

test('tells apart owners and ids that would look alike when joined', () => {
  const { guard } = guardAt()
  expect([guard.use('a', 'b","c'), guard.use('a","b', 'c')]).toEqual(['first', 'first'])
})
