import { beforeEach, describe, expect, test } from '@jest/globals'
import { seedStore } from '../../runtime/control-plane/store/seed.ts'
import { type TestKey, testKey, trustIn } from '../support/policy.ts'
import { memoryArchive } from './memory-archive.ts'
import { limitAt } from './seen.ts'
import { demoSources, sourcesWithLimit, type TestPlane, testPlane } from './test-plane.ts'

// Of two control planes only one is obeyed, also when they meet in the middle of a delivery, by mistake, or over a region that somebody altered.

let home: TestPlane
let standbyKey: TestKey

beforeEach(async () => {
  standbyKey = testKey('standby')
  home = await testPlane({ trustedKeys: [standbyKey.jwk] })
  home.trust = trustIn(home.signing, standbyKey)
  await home.publish(demoSources())
})

async function rebuild(term: number, copied = new Map(home.store.objects)): Promise<TestPlane> {
  const store = memoryArchive()
  await seedStore(memoryArchive(copied), store)
  const standby = await testPlane({ term, storeName: 'standby', trustedKeys: [home.signing.jwk] }, { ...home, store, signing: standbyKey })
  standby.trust = trustIn(home.signing, standbyKey)
  standby.nowMs = home.nowMs + 1000
  await standby.plane.settle()
  return standby
}

/** No other zone's bundle has the agent whose limit is read. */
const withFinance = () => home.cells.filter(({ zone }) => zone === 'eu')

const pointersOf = () => home.cells.map(({ region, pointers }) => pointers.get(`${region} stable`))

test('a control plane that was stopped in the middle of a delivery moves no pointer when it goes on under a newer one', async () => {
  await home.publish(sourcesWithLimit(600_000))
  const copied = new Map(home.store.objects)
  await home.untilEnd()
  home.nowMs += 30 * 3_600_000
  const cell = home.cell('eu-west-1')
  const { writePointer } = cell
  const { promise: stopped, resolve: isStopped } = Promise.withResolvers<void>()
  const { promise: goesOn, resolve: goOn } = Promise.withResolvers<void>()
  cell.writePointer = async (...all) => {
    cell.writePointer = writePointer
    isStopped()
    await goesOn
    return writePointer(...all)
  }
  await home.plane.engine.renew()
  const round = home.plane.couriers.bring('eu-west-1')
  await stopped
  const standby = await rebuild(2, copied)
  const before = pointersOf()
  goOn()
  await round
  expect(pointersOf()).toEqual(before)
  expect(standby.plane.couriers.superseded()).toBe(false)
})

test('a control plane that starts while one region is claimed and the others are away goes on when they are back', async () => {
  home.nowMs += 10_000
  home.cell('eu-west-1').term = 99
  for (const region of ['eu-central-1', 'us-east-1']) home.cell(region).down = true
  const again = await testPlane({ trustedKeys: [standbyKey.jwk] }, home)
  again.nowMs = home.nowMs + 7 * 3_600_000
  const round = async () => {
    // What the loops do.
    if (!again.plane.couriers.superseded()) {
      await again.plane.engine.signDirectories()
      await again.plane.engine.renew()
    }
    await again.plane.couriers.round()
  }
  for (let rounds = 0; rounds < 3; rounds++) await round()
  for (const region of ['eu-central-1', 'us-east-1']) home.cell(region).down = false
  for (let rounds = 0; rounds < 4; rounds++) await round()
  expect(again.plane.couriers.status().map(({ error }) => error === null)).toEqual([false, true, true])
})

test('two control planes of one term do not publish over each other for ever', async () => {
  const standby = await rebuild(1)
  await home.plane.settle()
  await standby.plane.settle()
  await home.plane.settle()
  const before = pointersOf()
  for (let rounds = 0; rounds < 3; rounds++) {
    home.nowMs += 1000
    standby.nowMs += 1000
    await home.plane.settle()
    await standby.plane.settle()
  }
  expect(pointersOf()).toEqual(before)
})

describe('a rollout that was half done when the control plane was lost', () => {
  test('is brought to its end by the rebuilt one', async () => {
    await home.publish(sourcesWithLimit(800_000))
    for (let rounds = 0; rounds < 6; rounds++) {
      home.nowMs += 300
      await home.plane.settle()
    }
    const standby = await rebuild(2)
    await standby.untilEnd()
    for (const { region } of withFinance()) expect(await limitAt(standby, region)).toBe(800_000)
  })
  test('is taken back where its beginning was not copied', async () => {
    const copied = new Map(home.store.objects)
    await home.publish(sourcesWithLimit(800_000))
    for (let rounds = 0; rounds < 6; rounds++) {
      home.nowMs += 300
      await home.plane.settle()
    }
    const standby = await rebuild(2, copied)
    await standby.plane.settle()
    await standby.plane.settle()
    for (const { region, candidate } of withFinance()) {
      expect(await limitAt(standby, region)).toBe(500_000)
      expect(candidate === undefined || candidate.withdrawn).toBe(true)
    }
  })
})
