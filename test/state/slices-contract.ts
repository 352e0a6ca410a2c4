import { beforeEach, expect, test } from '@jest/globals'
import { isBalanced, type Lease, type SliceKey } from '../../runtime/state/slice.ts'
import type { Slices } from '../../runtime/state/slices.ts'

const PERIOD = '2026-11-22'
let keys = 0

/** What every implementation of `Slices` does: run on a table and on the model that the properties are tested with. */
export function sliceContract(make: () => Slices): void {
  let slices: Slices
  let key: SliceKey
  beforeEach(async () => {
    slices = make()
    keys += 1
    key = { agent: `agent-${keys}`, period: PERIOD, unit: 'eur' }
    await slices.open(key, 100, 5)
  })
  const lease = (seq: number, held: number, spent = 0): Lease => ({ seq, held, spent, beatMs: 1 })
  const seen = async () => {
    const slice = await slices.read(key)
    if (slice === undefined) throw new Error('there is no slice')
    expect(isBalanced(slice)).toBe(true)
    return slice
  }

  test('opens a slice once, with all of it free', async () => {
    expect(await slices.open(key, 999, 9)).toMatchObject({ granted: 100, free: 100, directorySeq: 5 })
    expect(await slices.read({ ...key, unit: 'usd' })).toBeUndefined()
    expect((await slices.ofAgent(key.agent, PERIOD)).map((one) => one.key)).toEqual([key])
    expect(await slices.ofAgent(key.agent, '2026-11-23')).toEqual([])
  })

  test('refuses every change of a slice that is not there', async () => {
    const slice = await seen()
    const none = { ...key, unit: 'usd' }
    expect(await slices.lease(none, 'p.1', lease(1, 0), 0)).toBeUndefined()
    expect(await slices.giveBack(none, 'p.1', lease(1, 0), 0, slice)).toBeUndefined()
    expect(await slices.follow(none, slice, 1, 9)).toBeUndefined()
    expect(await slices.give(none, { id: 'v', to: 'r', amount: 1 })).toBeUndefined()
    expect(await slices.redeem(none, slice, { id: 'v', amount: 1 })).toBeUndefined()
    await slices.sent(none, 'v')
    expect(await slices.read(none)).toBeUndefined()
  })

  test('leases what is free, and refuses more', async () => {
    expect(await slices.lease(key, 'p.1', lease(1, 60), 60)).toMatchObject({ free: 40 })
    expect(await slices.lease(key, 'q.1', lease(1, 41), 41)).toBeUndefined()
    expect(await slices.lease(key, 'q.1', lease(1, 40), 40)).toMatchObject({ free: 0 })
    expect((await seen()).leases).toEqual(
      new Map([
        ['p.1', lease(1, 60)],
        ['q.1', lease(1, 40)],
      ]),
    )
  })

  test('applies a change of a lease once, however often it arrives and however late', async () => {
    await slices.lease(key, 'p.1', lease(1, 10), 10)
    expect(await slices.lease(key, 'p.1', lease(1, 10), 10)).toBeUndefined()
    await slices.lease(key, 'p.1', lease(2, 30), 20)
    expect(await slices.lease(key, 'p.1', lease(1, 10), 10)).toBeUndefined()
    expect(await slices.lease(key, 'p.1', lease(4, 40), 10)).toBeUndefined()
    const back = await slices.giveBack(key, 'p.1', lease(3, 12, 12), 18, await seen())
    expect(back).toMatchObject({ free: 88 })
    expect(await slices.giveBack(key, 'p.1', lease(3, 12, 12), 18, await seen())).toBeUndefined()
    expect((await seen()).leases.get('p.1')).toEqual(lease(3, 12, 12))
  })

  test('follows a smaller grant as far as it goes, remembers the rest, and pays it from what comes back', async () => {
    await slices.lease(key, 'p.1', lease(1, 80), 80)
    expect(await slices.follow(key, await seen(), 50, 6)).toMatchObject({ granted: 50, free: 0, shortfall: 30, directorySeq: 6 })
    const before = await seen()
    expect(await slices.giveBack(key, 'p.1', lease(2, 60), 20, { shortfall: 0 })).toBeUndefined()
    expect(await slices.giveBack(key, 'p.1', lease(2, 60), 20, before)).toMatchObject({ free: 0, shortfall: 10 })
    expect(await slices.redeem(key, await seen(), { id: 'v1', amount: 15 })).toMatchObject({ free: 5, shortfall: 0, received: 15 })
    expect(await slices.follow(key, await seen(), 100, 7)).toMatchObject({ granted: 100, free: 55 })
  })

  test('refuses to follow an older directory, or from a state that has passed', async () => {
    const before = await seen()
    expect(await slices.follow(key, before, 50, 5)).toBeUndefined()
    await slices.lease(key, 'p.1', lease(1, 10), 10)
    expect(await slices.follow(key, before, 50, 6)).toBeUndefined()
    expect(await slices.follow(key, await seen(), 50, 6)).toMatchObject({ free: 40 })
  })

  test('gives a voucher once, and only from what is free', async () => {
    const voucher = { id: `${PERIOD}.abc.eu-west-1`, to: 'eu-central-1', amount: 70 }
    expect(await slices.give(key, voucher)).toMatchObject({ free: 30, given: 70 })
    expect(await slices.give(key, { ...voucher, amount: 1 })).toBeUndefined()
    expect(await slices.give(key, { ...voucher, id: 'other', amount: 31 })).toBeUndefined()
    expect((await seen()).vouchers).toEqual(new Map([[voucher.id, { to: 'eu-central-1', amount: 70, sent: false }]]))
    await slices.sent(key, 'no such voucher')
    await slices.sent(key, voucher.id)
    expect((await seen()).vouchers.get(voucher.id)).toEqual({ to: 'eu-central-1', amount: 70, sent: true })
  })

  test('redeems a voucher once, from the state that was looked at', async () => {
    const before = await seen()
    expect(await slices.redeem(key, before, { id: 'v1', amount: 10 })).toMatchObject({ free: 110, received: 10 })
    expect(await slices.redeem(key, await seen(), { id: 'v1', amount: 10 })).toBeUndefined()
    expect(await slices.redeem(key, before, { id: 'v2', amount: 10 })).toBeUndefined()
    expect((await seen()).redeemed).toEqual(new Map([['v1', 10]]))
  })

  test('divides itself exactly among 100 processes that race', async () => {
    const racing = Array.from({ length: 100 }, (_, i) => slices.lease(key, `p${i}.1`, lease(1, 3), 3))
    const won = (await Promise.all(racing)).filter((slice) => slice !== undefined)
    expect(won).toHaveLength(33)
    expect(await seen()).toMatchObject({ free: 1 })
  })

  test('redeems a voucher once when 20 processes race', async () => {
    const before = await seen()
    const racing = Array.from({ length: 20 }, () => slices.redeem(key, before, { id: 'v', amount: 7 }))
    expect((await Promise.all(racing)).filter((slice) => slice !== undefined)).toHaveLength(1)
    expect(await seen()).toMatchObject({ free: 107, received: 7 })
  })
}
