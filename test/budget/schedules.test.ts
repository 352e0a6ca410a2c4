import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { broken, misreported } from './invariants.ts'
import type { Planted } from './model.ts'
import { type Fate, World } from './world.ts'

// Budgets under everything that may happen to them, in any order: each step is a few things at once.

type Happening = (world: World) => Promise<unknown> | unknown

const index = fc.nat({ max: 7 })
const named = (name: string, happening: Happening) => Object.assign(happening, { toString: () => name })

const spend = fc
  .tuple(index, index, fc.integer({ min: 0, max: 40 }))
  .map(([r, p, cost]) => named(`spend ${r} ${p} ${cost}`, (world) => world.spend(world.region(r), world.process(world.region(r), p), cost)))
const settle = fc
  .tuple(index, fc.constantFrom(0, 0.3, 1))
  .map(([i, share]) => named(`settle ${i} ${share}`, (world) => world.settle(i, share)))
const report = fc
  .tuple(index, index, fc.boolean())
  .map(([i, p, executed]) => named(`report ${i} ${p} ${executed}`, (world) => world.report(i, p, executed)))
const tick = fc.tuple(index, index).map(([r, p]) => named(`tick ${r} ${p}`, (world) => world.tick(world.process(world.region(r), p))))
const exchange = fc.constant(
  named('exchange', async (world) => {
    for (const region of world.regions) await world.tick(world.process(region, 0))
    world.replicate()
  }),
)
const arrive = fc.tuple(index, index).map(([r, i]) => named(`arrive ${r} ${i}`, (world) => world.arrive(world.region(r), i)))
const advance = fc
  .constantFrom(500, 3_000, 11_000, 70_000, 301_000, 3_600_000)
  .map((ms) => named(`advance ${ms}`, (world) => world.advance(ms)))
const idle = fc.tuple(index, index, index).map(([r, p, cost]) =>
  named(`idle ${r} ${p} ${cost}`, async (world) => {
    world.advance(6_000)
    const region = world.region(r)
    await world.tick(world.process(region, p))
    await world.spend(region, world.process(region, p), cost)
  }),
)
const trouble = fc.oneof(
  fc.tuple(index, index).map(([r, p]) => named(`crash ${r} ${p}`, (world) => world.crash(world.process(world.region(r), p)))),
  fc.tuple(index, index).map(([r, p]) => named(`stop ${r} ${p}`, (world) => world.stop(world.process(world.region(r), p)))),
  index.map((r) => named(`begin ${r}`, (world) => world.begin(world.region(r)))),
  index.map((r) =>
    named(`lose region ${r}`, (world) => {
      const region = world.region(r)
      region.down = true
      for (const process of region.processes) if (process.alive) world.crash(process)
    }),
  ),
  index.map((r) =>
    named(`recover region ${r}`, (world) => {
      world.region(r).down = false
      world.begin(world.region(r))
    }),
  ),
  fc.tuple(index, index).map(([a, b]) => named(`cut ${a} ${b}`, (world) => world.cut(world.region(a), world.region(b)))),
  fc.constant(named('heal', (world) => world.heal())),
  fc.tuple(index, fc.constantFrom(-7_200_000, -60_000, 60_000, 7_200_000)).map(([r, ms]) =>
    named(`skew ${r} ${ms}`, (world) => {
      world.region(r).skewMs = ms
    }),
  ),
)

const publish = fc.tuple(fc.integer({ min: 0, max: 250 }), fc.array(fc.boolean(), { minLength: 1, maxLength: 7 })).map(([amount, heard]) =>
  named(`publish ${amount} to ${heard}`, (world) => {
    world.setAmount(amount)
    const everybody = world.regions.flatMap(({ processes }) => processes)
    everybody.forEach((process, i) => {
      if (heard[i % heard.length] === true) world.adopt(process)
    })
  }),
)

const step = fc.array(
  fc.oneof(
    { weight: 8, arbitrary: spend },
    { weight: 3, arbitrary: settle },
    { weight: 1, arbitrary: report },
    { weight: 3, arbitrary: tick },
    { weight: 3, arbitrary: exchange },
    { weight: 2, arbitrary: arrive },
    { weight: 2, arbitrary: advance },
    { weight: 1, arbitrary: idle },
    { weight: 3, arbitrary: trouble },
    { weight: 1, arbitrary: publish },
  ),
  { minLength: 1, maxLength: 5 },
)

const schedule = fc.record({
  regions: fc.integer({ min: 2, max: 3 }),
  amount: fc.integer({ min: 0, max: 200 }),
  steps: fc.array(step, { minLength: 1, maxLength: 40, size: 'max' }),
  fates: fc.array(
    fc.oneof(
      { weight: 8, arbitrary: fc.constant<Fate>('ok') },
      { weight: 1, arbitrary: fc.constantFrom<Fate>('lost', 'unanswered', 'late') },
    ),
    { minLength: 1, maxLength: 60 },
  ),
  pauses: fc.array(fc.nat({ max: 4 }), { minLength: 1, maxLength: 40 }),
})
type Schedule = typeof schedule extends fc.Arbitrary<infer T> ? T : never

/** Endlessly the same few values. */
function cycling<T>(values: readonly T[], otherwise: T): () => T {
  let at = 0
  return () => values[at++ % values.length] ?? otherwise
}

async function play({ regions, amount, steps, fates, pauses }: Schedule, planted: Planted): Promise<World> {
  const world = new World({ regions, amount, planted, fates: cycling(fates, 'ok'), pauses: cycling(pauses, 0) })
  for (const happenings of steps) {
    await Promise.all(happenings.map((happening) => happening(world)))
    expect(broken(world)).toEqual([])
  }
  return world
}

const runs = { numRuns: 150, endOnFailure: true }

/** All troubles end, and everybody tells what there is. */
async function calm(world: World): Promise<void> {
  world.heal()
  world.calm = true
  for (const region of world.regions) {
    while (region.late.length > 0) await world.arrive(region, 0)
    world.begin(region)
  }
  const living = world.regions.flatMap((region) => region.processes.filter(({ alive }) => alive).map((process) => ({ region, process })))
  for (const { process } of living) world.adopt(process)
  for (const { region, process } of living) await world.spend(region, process, 0)
  for (let round = 0; round < 4; round++) {
    world.advance(61_000)
    for (const { process } of living) await world.tick(process)
    world.replicate()
    expect(broken(world)).toEqual([])
  }
}

test('no schedule spends more than the budget, settles twice, redeems twice or loses an amount from the books', async () => {
  await fc.assert(
    fc.asyncProperty(schedule, async (drawn) => {
      const world = await play(drawn, 'none')
      await calm(world)
      expect(misreported(world)).toEqual([])
    }),
    runs,
  )
})

describe('the property notices', () => {
  test.each<Planted>(['receiver first', 'unconditional lease', 'redemption not recorded'])('%s', async (planted) => {
    const details = await fc.check(
      fc.asyncProperty(schedule, async (drawn) => {
        await play(drawn, planted)
      }),
      { ...runs, numRuns: 1000 },
    )
    expect(details.failed).toBe(true)
  })
})
