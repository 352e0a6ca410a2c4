import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { type ChildFabric, startChildFabric } from './child-fabric.ts'

// The whole demo table over HTTP, on every region of the default deployment. State lasts in a fabric, so it is walked twice: used-up
// budgets, thrown and lifted kill switches, promotions there and back must not spoil the second walk.

const START_MS = 120_000
const WALK_MS = 180_000
const ROWS = Array.from({ length: 20 }, (_, index) => index + 1)

let running: ChildFabric

beforeAll(async () => {
  running = await startChildFabric()
}, START_MS)
afterAll(() => running?.stop(), 30_000)

const walked = (output: string) => [...new Set([...output.matchAll(/^(\d+) +.* ok +\S/gm)].map(([, row]) => Number(row)))]
const missed = (output: string) => output.split('\n').filter((line) => / NO +\S/.test(line))

test(
  'every row is answered as promised, also while regions are lost',
  () => {
    const { status, stdout, stderr } = running.aegis('demo', '--with-faults')
    expect([missed(stdout), stderr]).toEqual([[], ''])
    expect(walked(stdout)).toEqual(ROWS)
    expect(status).toBe(0)
  },
  WALK_MS,
)

test(
  'every row is answered so again',
  () => {
    const { status, stdout, stderr } = running.aegis('demo')
    expect([missed(stdout), stderr]).toEqual([[], ''])
    expect(walked(stdout)).toEqual(ROWS.filter((row) => row !== 15))
    expect(status).toBe(0)
  },
  WALK_MS,
)

test('afterwards nothing is killed, and every tenant is at home', () => {
  const { status, stdout } = running.aegis('status')
  expect(status).toBe(0)
  expect(stdout).not.toMatch(/agent rogue-agent(?! \(lifted\))/)
  expect(stdout).toMatch(/clinic-eu +eu-west-1 +eu-west-1 +yes/)
})

test('in none of it a gateway asked for more than its role in the templates allows', async () => {
  expect(await running.fabric.control('GET', '/status')).toMatchObject({ refused_rights: [] })
})
