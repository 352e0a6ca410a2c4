import { expect, test } from '@jest/globals'
import { leaseSize } from '../../runtime/budget/lease-size.ts'
import { Ledger } from '../../runtime/budget/ledger.ts'
import type { Lease, Slice } from '../../runtime/state/slice.ts'

const key = { agent: 'a', period: '2026-11-22', unit: 'eur' }

function sliceWith(lease: Lease): Slice {
  const maps = { leases: new Map([['p.1', lease]]), redeemed: new Map(), vouchers: new Map() }
  return { granted: 100, directorySeq: 1, free: 100 - lease.held, shortfall: 0, received: 0, given: 0, ...maps }
}

test('holds what its lease covers, and refuses more', () => {
  const ledger = new Ledger(key, 'p.1', 0)
  expect(ledger.hold(1)).toBe(false)
  ledger.see(sliceWith(ledger.growing(10, 0)), 0)
  expect([ledger.hold(7), ledger.hold(4), ledger.hold(3), ledger.hold(1), ledger.hold(0)]).toEqual([true, false, true, false, true])
  ledger.close(7, 2)
  expect([ledger.available, ledger.spent, ledger.reserved]).toEqual([5, 2, 3])
})

test('believes an older state of its lease nothing, once it has sent a newer one', () => {
  const ledger = new Ledger(key, 'p.1', 0)
  const first = ledger.growing(10, 0)
  ledger.see(sliceWith(first), 0)
  const { lease, back } = ledger.shrinking(0)
  expect([back, ledger.available, ledger.unsettled]).toEqual([10, 0, true])
  ledger.see(sliceWith(first), 1)
  expect([ledger.available, ledger.unsettled]).toEqual([0, true])
  expect(ledger.growing(0, 0)).toMatchObject({ seq: lease.seq, held: 10 })
  ledger.see(sliceWith(lease), 2)
  expect([ledger.available, ledger.unsettled]).toEqual([0, false])
})

test.each([
  ['a part of what is free', 800, 1, 1, 100],
  ['what the call lacks', 800, 300, 300, 300],
  ['what all waiting calls lack', 800, 1, 400, 400],
  ['no more than is free', 800, 1, 4000, 800],
  ['all of it', 5, 5, 5, 5],
  ['nothing when the call does not fit', 4, 5, 5, 0],
])('leases %s', (_, free, lacking, wished, amount) => {
  expect(leaseSize(free, lacking, wished)).toBe(amount)
})
