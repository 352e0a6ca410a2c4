import { expect, test } from '@jest/globals'
import { startLoops } from '../../runtime/control-plane/loops.ts'
import { testKey } from '../support/policy.ts'
import { demoSources, testPlane } from './test-plane.ts'

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
