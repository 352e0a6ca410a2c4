import { expect, test } from '@jest/globals'
import { eventLog } from '../../../runtime/fabric/supervisor/events.ts'

const event = (at_ms: number) => ({ type: 'health', at_ms, region: 'eu-west-1', state: 'healthy' }) as const

test('numbers events from 1 and gives those after a number', () => {
  const log = eventLog()
  expect([log.last(), log.after(0)]).toEqual([0, []])
  for (const at of [10, 20, 30]) log.append(event(at))
  expect(log.after(1).map(({ seq, at_ms }) => [seq, at_ms])).toEqual([
    [2, 20],
    [3, 30],
  ])
  expect(log.after(3)).toEqual([])
  expect(log.after(99)).toEqual([])
})

test('forgets the oldest, never the newest', () => {
  const log = eventLog(10)
  for (let at = 1; at <= 95; at++) log.append(event(at))
  const kept = log.after(0)
  expect(kept.length).toBeGreaterThanOrEqual(10)
  expect(kept.at(-1)).toMatchObject({ seq: 95, at_ms: 95 })
  expect(log.after(90).map(({ seq }) => seq)).toEqual([91, 92, 93, 94, 95])
})
