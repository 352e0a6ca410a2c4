import { expect, test } from '@jest/globals'
import { startLoops } from '../../runtime/control-plane/loops.ts'
import { testKey } from '../support/policy.ts'
import { demoSources, sourcesWithLimit, testPlane } from './test-plane.ts'

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

test('keys are asked for seldom once all are known, and soon again while a region is away', async () => {
  const plane = await testPlane()
  for (const { region, zone } of plane.cells) {
    const { jwk } = testKey(`attests-${region}`)
    plane.cell(region).attester = { region, zone, approval: jwk, data_protection: jwk }
  }
  await plane.publish(demoSources())
  const asked = (region: string) => plane.cell(region).log.filter((what) => what === 'read key').length
  for (const cell of plane.cells) cell.log = []
  const stop = startLoops(plane.plane, { log: () => {}, idleMs: 50, catchUpMs: 50, keysMs: 60_000 })
  await pause(500)
  await stop()
  expect(asked('us-east-1')).toBe(1)

  plane.cell('eu-west-1').down = true
  for (const cell of plane.cells) cell.log = []
  const stopAgain = startLoops(plane.plane, { log: () => {}, idleMs: 50, catchUpMs: 50, keysMs: 60_000 })
  await pause(500)
  await stopAgain()
  expect(asked('us-east-1')).toBeGreaterThan(1)
})

test('a rollout makes it ask those regions often that it waits for, and the others as seldom as always', async () => {
  const plane = await testPlane()
  await plane.publish(demoSources())
  plane.cell('eu-west-1').silent = true
  await plane.publish(sourcesWithLimit(800_000))
  for (const cell of plane.cells) cell.log = []
  const looks = (region: string) => plane.cell(region).log.filter((what) => what === 'read fleet').length
  const stop = startLoops(plane.plane, { log: () => {}, busyMs: 10, idleMs: 250 })
  await pause(1000)
  await stop()
  expect(plane.plane.kernel.state().rollout?.at).toBe(0)
  // Loops that share a process with other tests run late, and never early.
  expect(looks('us-east-1')).toBeLessThanOrEqual(6)
  expect(looks('us-east-1')).toBeGreaterThan(0)
  expect(looks('eu-west-1')).toBeGreaterThan(3 * looks('us-east-1'))
})

test('whoever is to have something else is told at once, and nobody else is disturbed', async () => {
  const plane = await testPlane()
  await plane.publish(demoSources())
  await plane.publish(sourcesWithLimit(800_000))
  for (const cell of plane.cells) cell.log = []
  await plane.plane.couriers.tell()
  expect(plane.cells.map(({ log }) => log)).toEqual([[], [], []])

  const state = plane.plane.kernel.state()
  expect(state.rollout?.stages[0]).toEqual({ kind: 'canary', region: 'eu-west-1' })
  plane.nowMs += 60_000
  await plane.plane.engine.stepRollout()
  plane.nowMs += 60_000
  await plane.plane.engine.stepRollout()
  expect(plane.plane.kernel.state().rollout?.at).toBe(1)
  await plane.plane.couriers.tell()
  expect(plane.cells.filter(({ log }) => log.length > 0).map(({ region }) => region)).toEqual(['eu-west-1'])

  // What could not be brought is still owed.
  await plane.plane.publishing.abort('ben', 'for the test')
  plane.cell('us-east-1').down = true
  await plane.plane.couriers.tell()
  plane.cell('us-east-1').down = false
  for (const cell of plane.cells) cell.log = []
  await plane.plane.couriers.tell()
  expect(plane.cells.filter(({ log }) => log.length > 0).map(({ region }) => region)).toEqual(['us-east-1'])
})
