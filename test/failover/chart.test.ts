import { expect, test } from '@jest/globals'
import type { JournalEvent } from '../../runtime/failover/journal.ts'
import { chartOf, markLine } from '../../runtime/failover/report/chart.ts'

const calls = (fromS: number, toS: number, perSecond: number, failEvery = Number.POSITIVE_INFINITY): JournalEvent[] =>
  Array.from({ length: (toS - fromS) * perSecond }, (_, index) => {
    const dueMs = fromS * 1000 + (index * 1000) / perSecond
    const ok = index % failEvery !== failEvery - 1
    return {
      type: 'probe',
      client: 'c',
      call: 'x',
      connection: 'kept',
      dueMs,
      sentMs: dueMs,
      doneMs: dueMs,
      ok,
      wrongVerdict: false,
      residencyViolation: false,
    }
  })

test('a second is a full block only when every call of it succeeded', () => {
  const events = [...calls(0, 2, 10), ...calls(2, 4, 10, 1), ...calls(4, 6, 10, 2), ...calls(7, 8, 1000, 1000)]
  expect(chartOf(events, ['c', 'other'], 0, 8000).lines).toEqual([
    { client: 'c', line: '██▁▁▄▄·▇' },
    { client: 'other', line: '········' },
  ])
})

test('a long drill takes more seconds a character, never more than a hundred characters', () => {
  const chart = chartOf(calls(0, 250, 1), ['c'], 0, 250_000)
  expect(chart.columnS).toBe(3)
  expect(chart.lines[0]?.line).toBe('█'.repeat(83))
})

test('marks stand under their second, and move aside for each other', () => {
  const chart = chartOf([], ['c'], 10_000, 20_000)
  const marks = [
    { atMs: 12_900, letter: 'K' },
    { atMs: 15_000, letter: 'D' },
    { atMs: 15_100, letter: 'S' },
    { atMs: 99_000, letter: 'X' },
  ]
  expect(markLine(chart, marks)).toBe('  K  DS')
})
