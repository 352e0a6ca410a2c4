import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { REGIONS, World } from './world.ts'

type Step =
  | { do: 'wait'; ms: number }
  | { do: 'boot' | 'kill'; region: number }
  | { do: 'lose' | 'return' | 'rejoin' | 'isolate'; region: number }
  | { do: 'stall'; region: number; ms: number }
  | { do: 'cut' | 'heal'; from: number; to: number }
  | { do: 'promote'; at: number; region: number }
  | { do: 'home_lost'; region: number }

const region = fc.nat({ max: REGIONS.length - 1 })
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.nat({ max: 8000 }) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('boot' as const, 'kill' as const), region }) },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constantFrom('lose' as const, 'return' as const, 'rejoin' as const, 'isolate' as const), region }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('stall' as const), region, ms: fc.constantFrom(500, 3000, 16_000) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('cut' as const, 'heal' as const), from: region, to: region }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('promote' as const), at: region, region }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('home_lost' as const), region }) },
)

/** How long an operator watches before calling a region lost: nothing of it can just go on after that. */
const LOST_FOR_MS = 6000

async function run(seed: number, promotionLagMs: number, steps: readonly Step[]): Promise<World> {
  const world = new World(seed)
  world.promotionLagMs = promotionLagMs
  const unanswered: string[] = []
  const name = (index: number) => REGIONS[index] ?? ''
  for (const each of REGIONS) {
    world.boot(each)
    world.boot(each)
  }
  await world.advance(6000)
  for (const each of steps) {
    if (each.do === 'wait') await world.advance(each.ms)
    else if (each.do === 'boot') {
      if (world.region(name(each.region)).processes.length < 3) world.boot(name(each.region))
    } else if (each.do === 'kill') {
      const victim = world.region(name(each.region)).processes[0]
      if (victim !== undefined) world.kill(victim)
    } else if (each.do === 'lose') {
      // As regions are lost: at once, and with all their links.
      world.isolate(name(each.region), true)
      for (const process of [...world.region(name(each.region)).processes]) world.kill(process)
      await world.advance(LOST_FOR_MS)
    } else if (each.do === 'return') {
      if (world.region(name(each.region)).processes.length === 0) world.boot(name(each.region))
    } else if (each.do === 'isolate' || each.do === 'rejoin') world.isolate(name(each.region), each.do === 'isolate')
    else if (each.do === 'stall') {
      world.stall(name(each.region), each.ms)
    } else if (each.do === 'cut' || each.do === 'heal') {
      if (each.from !== each.to) world.link(name(each.from), name(each.to), each.do === 'heal')
    } else if (each.do === 'promote') {
      const [process] = world.region(name(each.at)).processes
      if (process !== undefined) void world.order(process, name(each.region), false)
    } else if (each.do === 'home_lost') {
      const target = world.region(name(each.region))
      const [process] = target.processes
      const others = [...world.entitled(), ...unanswered].filter((entitled) => entitled !== target.region)
      const lost = others.every((other) => world.lost(other, LOST_FOR_MS))
      if (process !== undefined && lost) {
        // Whoever was told so may act on it, until the order is answered.
        unanswered.push(target.region)
        void world.order(process, target.region, true).then(() => unanswered.splice(unanswered.indexOf(target.region), 1))
      }
    }
    if (world.violation !== undefined) break
  }
  return world
}

test('at no time two regions serve a tenant, whatever is cut, lost, started, stalled or ordered', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer(),
      fc.constantFrom(0, 20_000),
      fc.array(step, { minLength: 5, maxLength: 40 }),
      async (seed, lagMs, steps) => {
        expect((await run(seed, lagMs, steps)).violation).toBeUndefined()
      },
    ),
    { numRuns: Number(process.env.AEGIS_RUNS ?? 60), endOnFailure: false },
  )
}, 300_000)

test('refuses an order of home_lost that a stalled region comes to only when another was promoted', async () => {
  const steps: Parameters<typeof run>[2] = [
    { do: 'wait', ms: 5365 },
    { do: 'stall', region: 0, ms: 16_000 },
    { do: 'home_lost', region: 0 },
    { do: 'wait', ms: 566 },
    { do: 'wait', ms: 3804 },
    { do: 'isolate', region: 0 },
    { do: 'wait', ms: 2131 },
    { do: 'cut', from: 1, to: 2 },
    { do: 'wait', ms: 3379 },
    { do: 'home_lost', region: 2 },
    { do: 'wait', ms: 3262 },
    { do: 'wait', ms: 5595 },
  ]
  expect((await run(0, 0, steps)).violation).toBeUndefined()
})
