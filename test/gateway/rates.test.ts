import { beforeEach, expect, test } from '@jest/globals'
import { createRates } from '../../runtime/gateway/rates.ts'

let nowMs: number
beforeEach(() => {
  nowMs = 1000
})
const clock = { monotonic: () => nowMs }
const agent = (calls: number, perS: number, id = 'a') => ({ id, rates: new Map([['crm.read', { calls, perS }]]) })

test('lets the rate pass at once, then refuses and says when to come back', () => {
  const rates = createRates(clock)
  for (let i = 0; i < 6; i++) expect(rates.take(agent(6, 60), 'crm', 'read')).toEqual({ ok: true })
  expect(rates.take(agent(6, 60), 'crm', 'read')).toEqual({ ok: false, retryAfterS: 10 })
  nowMs += 9_000
  expect(rates.take(agent(6, 60), 'crm', 'read')).toEqual({ ok: false, retryAfterS: 1 })
  nowMs += 1_000
  expect(rates.take(agent(6, 60), 'crm', 'read')).toEqual({ ok: true })
  expect(rates.take(agent(6, 60), 'crm', 'read').ok).toBe(false)
})

test('counts each agent and action for itself, and nothing where no rate is named', () => {
  const rates = createRates(clock)
  expect(rates.take(agent(1, 3600), 'crm', 'read').ok).toBe(true)
  expect(rates.take(agent(1, 3600), 'crm', 'read').ok).toBe(false)
  expect(rates.take(agent(1, 3600, 'b'), 'crm', 'read').ok).toBe(true)
  for (let i = 0; i < 100; i++) expect(rates.take(agent(1, 3600), 'crm', 'update').ok).toBe(true)
})

test('never lets more pass in a period than twice the rate, however calls are spread', () => {
  const rates = createRates(clock)
  let passed = 0
  for (let i = 0; i < 6000; i++) {
    nowMs += 10
    if (rates.take(agent(100, 60), 'crm', 'read').ok) passed += 1
  }
  expect(passed).toBeGreaterThanOrEqual(199)
  expect(passed).toBeLessThanOrEqual(200)
})

test('keeps what was used when a document changes the rate', () => {
  const rates = createRates(clock)
  for (let i = 0; i < 10; i++) rates.take(agent(10, 60), 'crm', 'read')
  expect(rates.take(agent(1000, 60), 'crm', 'read').ok).toBe(false)
  nowMs += 120_000
  expect(rates.take(agent(2, 60), 'crm', 'read').ok).toBe(true)
  expect(rates.take(agent(2, 60), 'crm', 'read').ok).toBe(true)
  expect(rates.take(agent(2, 60), 'crm', 'read').ok).toBe(false)
})

test('keeps a bounded number of buckets: the one unused for longest gives way', () => {
  const rates = createRates(clock, 2)
  rates.take(agent(1, 60, 'a'), 'crm', 'read')
  rates.take(agent(1, 60, 'b'), 'crm', 'read')
  expect(rates.take(agent(1, 60, 'a'), 'crm', 'read').ok).toBe(false)
  rates.take(agent(1, 60, 'c'), 'crm', 'read')
  expect(rates.take(agent(1, 60, 'a'), 'crm', 'read').ok).toBe(false)
  expect(rates.take(agent(1, 60, 'b'), 'crm', 'read').ok).toBe(true)
})
