import { bundleData } from '../../../runtime/policy/documents.ts'
import { bundleKey, directoryKey } from '../../../runtime/state/pointers.ts'
import { documents, type TestTrust, testTrust } from '../../support/gateway.ts'
import { testRegion } from './region.ts'

let trust: TestTrust
beforeAll(async () => {
  trust = await testTrust()
})

/** A region that has served seq 5, and whose pointer then names what its gateways refuse. */
async function broken() {
  const region = testRegion(trust)
  await region.publish({ seq: 5 })
  await region.policies.poll()
  const good = region.state.good
  await region.publish({ seq: 6, zone: 'us' }, { seq: 6 })
  return { ...region, good }
}

test('what was activated is written down, and a directory alone too', async () => {
  const { policies, publish, state } = testRegion(trust)
  await publish({ seq: 5 })
  await policies.poll()
  expect(state.good).toMatchObject({ bundleSeq: 5, directorySeq: 5, bundleDigest: policies.current()?.bundleDigest })
  await publish({ seq: 5 }, { seq: 6 })
  await policies.poll()
  expect(state.good).toMatchObject({ bundleSeq: 5, directorySeq: 6 })
})

test('what could not be written down is written at the next look, and nothing waits for it', async () => {
  const { policies, publish, state, said } = testRegion(trust)
  state.forgetful = true
  await publish({ seq: 5 })
  await policies.poll()
  expect(policies.current()?.bundleSeq).toBe(5)
  expect(said('last_good_unreachable')).toHaveLength(1)
  state.forgetful = false
  await policies.poll()
  expect(state.good?.bundleSeq).toBe(5)
})

test('a restarted process serves the last good ones where the pointer names a bad bundle, and still says so', async () => {
  const { gateway, state, good, lastFault } = await broken()
  const restarted = gateway()
  await restarted.poll()
  expect(restarted.current()).toMatchObject({ bundleSeq: 5, directorySeq: 5 })
  expect(restarted.status().stable.refusal).toMatchObject({ fault: 'wrong_zone' })
  expect(lastFault()).toBe('wrong_zone')
  expect(state.good).toEqual(good)
})

test.each<[string, (region: Awaited<ReturnType<typeof broken>>) => unknown]>([
  ['the object that the pointer names is missing', ({ state, objects }) => objects.delete(bundleKey(state.pointer?.bundleDigest ?? ''))],
  ['there is no pointer', ({ state }) => (state.pointer = undefined)],
  ['the global table does not answer', ({ state }) => (state.away = true)],
])('and where %s', async (_name, plant) => {
  const region = await broken()
  plant(region)
  const restarted = region.gateway()
  await restarted.poll()
  expect(restarted.current()?.bundleSeq).toBe(5)
})

test('goes on to what the pointer names when that is good again', async () => {
  const { gateway, publish } = await broken()
  const restarted = gateway()
  await restarted.poll()
  await publish({ seq: 7 })
  await restarted.poll()
  expect(restarted.current()?.bundleSeq).toBe(7)
  expect(restarted.status().stable.refusal).toBeUndefined()
})

describe('refuses last good ones', () => {
  test('below the high-water mark, and does not read them again', async () => {
    const { gateway, marks, state, events } = await broken()
    marks.bundle = 9
    const restarted = gateway()
    await restarted.poll()
    expect(restarted.current()).toBeUndefined()
    expect(events).toContainEqual(
      expect.objectContaining({ event: 'refused', what: expect.stringMatching(/^last good/), fault: 'rolled_back' }),
    )
    const fetches = state.fetches.length
    await restarted.poll()
    expect(state.fetches).toHaveLength(fetches)
  })

  test('that were altered', async () => {
    const { gateway, good, objects } = await broken()
    objects.set(directoryKey(good?.directoryDigest ?? ''), Buffer.from('a.b.c'))
    const restarted = gateway()
    await restarted.poll()
    expect(restarted.current()).toBeUndefined()
  })

  test('that have expired', async () => {
    const { gateway, state } = await broken()
    state.aheadMs = 2 * 3_600_000
    const restarted = gateway()
    await restarted.poll()
    expect(restarted.current()).toBeUndefined()
  })
})

test('a running process never goes back to them', async () => {
  const { policies, publish } = await broken()
  await publish({ seq: 8 })
  await policies.poll()
  await publish({ seq: 9, zone: 'us' }, { seq: 9 })
  await policies.poll()
  expect(policies.current()?.bundleSeq).toBe(8)
})

describe('refuses a stable bundle', () => {
  test('with an agent of a tenant that the directory does not list', async () => {
    const { policies, publish, lastFault, marks } = testRegion(trust)
    await publish({ seq: 5 })
    await policies.poll()
    const withoutClinic = { ...documents, tenants: documents.tenants.filter(({ id }) => id !== 'clinic-eu') }
    await publish({ seq: 6, data: bundleData(documents, 'eu') }, { seq: 6, documents: withoutClinic })
    await policies.poll()
    expect(lastFault()).toBe('foreign_tenant')
    expect(policies.current()?.bundleSeq).toBe(5)
    expect(marks).toEqual({ bundle: 5, directory: 5 })
  })
})
