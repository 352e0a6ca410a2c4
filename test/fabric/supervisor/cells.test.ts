import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { type RegionFaults, regionFaults, WrongStateError } from '../../../runtime/fabric/supervisor/cells.ts'
import type { Child } from '../../../runtime/fabric/supervisor/child.ts'

let order: string[]
let faults: RegionFaults
let startFails: Error | undefined

/** A child without a process. */
function fakeChild(name: string, region: string): Child {
  let state: 'up' | 'down' | 'starting' = 'up'
  let pid = 100
  return {
    spec: { name, region },
    label: `${name} ${region}`,
    state: () => state,
    pid: () => (state === 'up' ? pid : undefined),
    async start() {
      order.push(`start ${name}`)
      if (startFails !== undefined) throw startFails
      state = 'starting'
      await new Promise((resolve) => setTimeout(resolve, 5))
      pid++
      state = 'up'
    },
    async kill() {
      order.push(`kill ${name}`)
      state = 'down'
      await new Promise((resolve) => setTimeout(resolve, 5))
      order.push(`${name} is gone`)
      return { pid, code: null, signal: 'SIGKILL', atMs: Date.now() }
    },
  } as unknown as Child
}

beforeEach(() => {
  order = []
  startFails = undefined
  const cell = (region: string) => ({ region, zone: 'eu', children: [fakeChild('stores', region), fakeChild('gateway', region)] })
  faults = regionFaults([cell('eu-west-1'), cell('eu-central-1')], () => {})
})
afterEach(() => faults.close())

test('a kill reaches every process of the region before it waits for any', async () => {
  const { killed, at_ms, done_at_ms } = await faults.kill('eu-west-1')
  expect(order).toEqual(['kill stores', 'kill gateway', 'stores is gone', 'gateway is gone'])
  expect(killed.map(({ name }) => name)).toEqual(['stores', 'gateway'])
  expect(done_at_ms).toBeGreaterThanOrEqual(at_ms)
  expect([faults.state('eu-west-1'), faults.state('eu-central-1')]).toEqual(['down', 'up'])
})

test('a restore starts in order, and does nothing to a region that is up', async () => {
  await faults.kill('eu-west-1')
  order = []
  const { started } = await faults.restore('eu-west-1')
  expect(order).toEqual(['start stores', 'start gateway'])
  expect(started.map(({ pid }) => pid)).toEqual([101, 101])
  await expect(faults.restore('eu-west-1')).resolves.toMatchObject({ started: [] })
})

test('two restores at once are one', async () => {
  await faults.kill('eu-west-1')
  order = []
  await Promise.all([faults.restore('eu-west-1'), faults.restore('eu-west-1')])
  expect(order).toEqual(['start stores', 'start gateway'])
})

test('a region whose killer does not come back returns by itself', async () => {
  await faults.kill('eu-west-1', 10)
  while (faults.state('eu-west-1') !== 'up') await new Promise((resolve) => setTimeout(resolve, 5))
})

test('a restore disarms the switch', async () => {
  await faults.kill('eu-west-1', 20)
  await faults.restore('eu-west-1')
  await faults.kill('eu-west-1')
  await new Promise((resolve) => setTimeout(resolve, 60))
  expect(faults.state('eu-west-1')).toBe('down')
})

test('refuses to kill what is not up, and what is not there', async () => {
  await faults.kill('eu-west-1')
  await expect(faults.kill('eu-west-1')).rejects.toBeInstanceOf(WrongStateError)
  await expect(faults.kill('mars-1')).rejects.toThrow('region mars-1 does not run here')
})

test('a restore that fails is told, and can be tried again', async () => {
  await faults.kill('eu-west-1')
  startFails = new Error('stores eu-west-1 is not ready after 20 s')
  await expect(faults.restore('eu-west-1')).rejects.toThrow('is not ready')
  startFails = undefined
  await faults.restore('eu-west-1')
  expect(faults.state('eu-west-1')).toBe('up')
})
