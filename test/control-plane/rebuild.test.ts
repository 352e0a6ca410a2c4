import { beforeEach, describe, expect, test } from '@jest/globals'
import { seedStore } from '../../runtime/control-plane/store/seed.ts'
import { type TestKey, testKey, trustIn } from '../support/policy.ts'
import { memoryArchive } from './memory-archive.ts'
import { limitAt } from './seen.ts'
import { demoSources, sourcesWithLimit, type TestPlane, testPlane } from './test-plane.ts'

// The home region of the control plane is lost. Another one is rebuilt in the standby region, from the copy of the store, with the key that
// the trust root has pinned as the next. Then the lost region comes back, and with it a control plane that knows nothing of all this.

let home: TestPlane
let standby: TestPlane
let standbyKey: TestKey

async function rebuild(copied = new Map(home.store.objects), as = { term: 2, storeName: 'standby' }): Promise<void> {
  const store = memoryArchive()
  await seedStore(memoryArchive(copied), store)
  const seen = { ...home, store, signing: standbyKey }
  standby = await testPlane({ ...as, trustedKeys: [home.signing.jwk] }, seen)
  standby.trust = trustIn(home.signing, standbyKey)
  standby.nowMs = home.nowMs + 1000
  await standby.plane.settle()
}

beforeEach(async () => {
  standbyKey = testKey('standby')
  home = await testPlane({ trustedKeys: [standbyKey.jwk] })
  home.trust = trustIn(home.signing, standbyKey)
  await home.publish(demoSources())
})

const seqs = () => home.cells.map(({ region, pointers }) => pointers.get(`${region} stable`)?.bundleSeq)

describe('a control plane that was rebuilt', () => {
  test('publishes to every region what was active, under its own key and a higher number', async () => {
    const before = seqs()
    await rebuild()
    expect(home.cells.map(({ term }) => term)).toEqual([2, 2, 2])
    seqs().forEach((seq, index) => {
      expect(seq).toBeGreaterThan(before[index] ?? 0)
    })
    expect(standby.plane.kernel.state().active).toMatchObject({ keyId: standbyKey.jwk.kid })
    expect(await limitAt(standby, 'eu-west-1')).toBe(500_000)
    await standby.publish(sourcesWithLimit(800_000))
    await standby.untilEnd()
    expect(await limitAt(standby, 'eu-central-1')).toBe(800_000)
  })

  test('is believed by gateways only because its key was pinned before', async () => {
    await rebuild()
    expect(await limitAt(standby, 'eu-west-1')).toBe(500_000)
    standby.trust = trustIn(home.signing)
    await expect(limitAt(standby, 'eu-west-1')).rejects.toThrow()
  })

  test('goes on from an older ledger when the last entries were not copied', async () => {
    const copied = new Map(home.store.objects)
    await home.publish(sourcesWithLimit(800_000))
    await home.untilEnd()
    const before = seqs()
    await rebuild(copied)
    await standby.plane.settle()
    // What was decided last has to be decided again; no region is left behind for it, or goes back to a number that it has seen.
    seqs().forEach((seq, index) => {
      expect(seq).toBeGreaterThan(before[index] ?? 0)
    })
    expect(await limitAt(standby, 'eu-west-1')).toBe(500_000)
  })

  test('is obeyed still when the lost one comes back, which stands back', async () => {
    await home.publish(sourcesWithLimit(600_000))
    await home.untilEnd()
    await rebuild()
    await standby.publish(sourcesWithLimit(800_000))
    await standby.untilEnd()
    const before = seqs()
    await home.rebuilt()
    for (let rounds = 0; rounds < 3; rounds++) await home.plane.settle()
    expect(seqs()).toEqual(before)
    expect(await limitAt(standby, 'eu-west-1')).toBe(800_000)
    expect(home.plane.couriers.superseded()).toBe(true)
    expect(home.log.filter(({ event }) => event === 'superseded').map(({ region }) => region)).toEqual(
      home.cells.map(({ region }) => region),
    )
    expect(standby.plane.couriers.superseded()).toBe(false)
  })

  test('would be overruled by the lost one if it did not raise the term', async () => {
    // And if it said that it was of the same store: else regions would not obey it in the first place.
    await rebuild(undefined, { term: 1, storeName: 'store' })
    await standby.publish(sourcesWithLimit(800_000))
    const before = seqs()
    await home.rebuilt()
    await home.plane.settle()
    expect(seqs()).not.toEqual(before)
  })

  test('is not held up by one region that claims a higher term', async () => {
    const [first, ...others] = home.cells
    if (first === undefined) throw new Error('no cell')
    first.term = 99
    const revision = await home.publish(sourcesWithLimit(800_000))
    await home.plane.settle()
    expect(home.plane.couriers.superseded()).toBe(false)
    expect(home.plane.couriers.status().map(({ error }) => error === null)).toEqual([false, ...others.map(() => true)])
    expect(home.plane.kernel.state().rollout?.revision).toBe(revision)
  })
})
