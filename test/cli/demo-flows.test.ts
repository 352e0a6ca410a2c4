import { afterEach, expect, test } from '@jest/globals'
import { DEMO_FLOWS } from '../../runtime/cli/demo/flows.ts'
import type { Step } from '../../runtime/cli/demo/row.ts'
import { startWalk, walkFlow } from '../../runtime/cli/demo/walk.ts'
import { findFabric } from '../../runtime/cli/fabric-client.ts'
import { type Fault, fakeEnforcement, type World } from './fake-enforcement.ts'
import { type FakeFabric, fakeFabric, refusal } from './fake-fabric.ts'

const REGIONS = [
  { region: 'eu-west-1', zone: 'eu' },
  { region: 'eu-central-1', zone: 'eu' },
  { region: 'us-east-1', zone: 'us' },
]
let fabric: FakeFabric | undefined
afterEach(async () => {
  await fabric?.close()
  fabric = undefined
})

/** Walks one row of the table through an enforcement that breaks the given promises. */
async function walkRow(row: number, world: World): Promise<{ steps: readonly Step[]; said: string[] }> {
  await fabric?.close()
  fabric = await fakeFabric(REGIONS, (seen) => world.answer(seen))
  const said: string[] = []
  const place = { regions: REGIONS, zones: ['eu', 'us'], globalUrl: 'https://global.aegis.example' }
  const walk = startWalk({
    fabric: findFabric(fabric.stateDir),
    place,
    zoneOf: () => 'eu',
    say: (line) => void said.push(line),
    patienceMs: 300,
  })
  const flow = DEMO_FLOWS.find((one) => one.row === row)
  if (flow === undefined) throw new Error(`row ${row} is no flow`)
  await walkFlow(flow, walk)
  return { steps: walk.steps, said }
}

const failures = (steps: readonly Step[]) => steps.filter(({ ok }) => !ok).map(({ what, got }) => `${what}: ${got}`)

test.each([2, 10, 13, 14, 17, 18, 19])('row %i holds where every promise does, twice in one fabric', async (row) => {
  const world = fakeEnforcement()
  for (const _ of [1, 2]) {
    const { steps } = await walkRow(row, world)
    expect(failures(steps)).toEqual([])
    expect(steps.length).toBeGreaterThan(1)
  }
  expect(world.active).toBe('eu-west-1')
  expect(world.kills.size).toBe(0)
})

test.each<[number, Fault]>([
  [2, 'redeems twice'],
  [2, 'redeems in every region'],
  [2, 'stays pending'],
  [10, 'redeems twice'],
  [10, 'sends twice'],
  [10, 'sends before approval'],
  [10, 'stays pending'],
  [13, 'overspends'],
  [13, 'never ends a budget'],
  [14, 'kills in one region'],
  [14, 'stays killed'],
  [17, 'serves in both regions'],
  [17, 'serves nowhere after promotion'],
  [18, 'forgets taints'],
  [19, 'decides keys anew'],
  [19, 'takes another call under a key'],
])('refuses to call row %i passed where the enforcement %s', async (row, fault) => {
  const world = fakeEnforcement([fault])
  const { steps } = await walkRow(row, world)
  expect(failures(steps)).not.toEqual([])
  // Whatever happened, what the walk itself has moved is back.
  expect(world.active).toBe('eu-west-1')
})

test('a budget that an earlier walk used up still shows its invariant, and says so', async () => {
  const world = fakeEnforcement()
  await walkRow(13, world)
  const { steps, said } = await walkRow(13, world)
  expect(failures(steps)).toEqual([])
  expect(steps[0]?.got).toMatch(/^19\d{5} earlier \+ 0 now$/)
  expect(said.join()).toMatch(/were spent earlier today and 0 set aside, so there was nothing left to allow/)
})

test('what a walk that died has left is put right first, and told', async () => {
  const world = fakeEnforcement()
  world.kills.add('kill-of-yesterday')
  world.active = 'eu-central-1'
  const killed = await walkRow(14, world)
  const promoted = await walkRow(17, world)
  expect([...failures(killed.steps), ...failures(promoted.steps)]).toEqual([])
  expect([...killed.said, ...promoted.said].join('\n')).toMatch(/lifting kill-of-yesterday.*bringing clinic-eu home/s)
})

test.each([
  [2, 'could not serve its own tenant 2 times', []],
  [1e6, 'could not serve its own tenant', ['503 home_region_unavailable']],
])(
  'a home region that is blind for %i calls is asked again for as long as the patience lasts, and that is told',
  async (blind, told, got) => {
    const world = fakeEnforcement()
    const answer = world.answer.bind(world)
    let left = blind
    world.answer = (seen) =>
      seen.path.startsWith('/v1/tools/') && left-- > 0 ? refusal(503, 'home_region_unavailable', { region: seen.region }) : answer(seen)
    const { steps, said } = await walkRow(10, world)
    expect(said.join()).toContain(told)
    expect(steps.filter(({ ok }) => !ok).map((step) => step.got)).toEqual(expect.arrayContaining(got))
    expect(steps.every(({ ok }) => ok)).toBe(got.length === 0)
  },
)

test('a flow that ends early has not held', async () => {
  const world = fakeEnforcement()
  const answer = world.answer.bind(world)
  world.answer = (seen) => (seen.server === 'operator' ? undefined : answer(seen))
  for (const row of [2, 10, 13, 14, 17])
    expect(failures((await walkRow(row, world)).steps).join()).toMatch(/ended early: .* does not answer/)
})
