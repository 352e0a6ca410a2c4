import { describe, expect, test } from '@jest/globals'
import { AegisError } from '../../../runtime/model/codes.ts'
import { type Process, tenant, World } from './world.ts'

const [A, B] = ['eu-a', 'eu-b']

/** Two regions that run for a while: `a` is the home. */
async function twoRegions() {
  const world = new World(7, [A, B])
  const a = world.boot(A)
  const b = world.boot(B)
  await world.advance(6000)
  return { world, a, b }
}

async function answerOf(world: World, process: Process, region: string, homeLost = false) {
  const answer = world.order(process, region, homeLost)
  await world.advance(8000)
  return answer
}

const refusal = (code: string, region?: string) => expect.objectContaining({ code, ...(region !== undefined && { region }) })

test('the home serves about two seconds after all regions have started, and the standby says where to go', async () => {
  const world = new World(3, [A, B])
  const a = world.boot(A)
  const b = world.boot(B)
  await world.advance(4500)
  expect(a.homes.mayServe(tenant)).toEqual({ ok: true })
  expect(b.homes.mayServe(tenant)).toMatchObject({ ok: false, region: A })
  expect([a.homes.holds(tenant, { issuerRegion: B }), b.homes.holds(tenant, { issuerRegion: B })]).toEqual([true, false])
})

test('refuses to promote a region that has no cell yet: nobody would serve there', async () => {
  const world = new World(3, [A, B])
  world.absent = new Set([B])
  const a = world.boot(A)
  await world.advance(4500)
  expect(a.homes.mayServe(tenant)).toEqual({ ok: true })
  expect(await answerOf(world, a, B)).toEqual(refusal('malformed_call'))
  expect(a.homes.mayServe(tenant)).toEqual({ ok: true })
})

test('serves nothing that is bound to a region before the first look', () => {
  const world = new World(3, [A, B])
  expect(world.boot(A).homes.mayServe(tenant)).toMatchObject({ ok: false })
})

test('what is bound to a zone or to nothing is served without any look', () => {
  const { homes } = new World(3, [A, B]).boot(B)
  expect(homes.mayServe({ ...tenant, binding: 'zone' })).toEqual({ ok: true })
  expect(homes.mayServe({ ...tenant, binding: 'none', zone: 'global', homeRegion: null })).toEqual({ ok: true })
  expect(homes.mayServe({ ...tenant, zone: 'us' })).toMatchObject({ ok: false })
  expect(homes.holds({ ...tenant, binding: 'zone' }, { issuerRegion: B })).toBe(false)
  expect(homes.holds({ ...tenant, binding: 'none', zone: 'global', homeRegion: null }, { issuerRegion: B })).toBe(true)
})

describe('promotion', () => {
  test('the active region releases, then the next one serves; promoting home reverses it', async () => {
    const { world, a, b } = await twoRegions()
    expect(await answerOf(world, a, B)).toMatchObject({ epoch: 1, region: B, homeLost: false })
    expect([a.homes.mayServe(tenant), b.homes.mayServe(tenant)]).toEqual([expect.objectContaining({ ok: false, region: B }), { ok: true }])
    expect([a.homes.activeRegion(tenant), b.homes.activeRegion(tenant)]).toEqual([B, B])
    expect(b.homes.promotedAtMs(tenant.id)).toBeDefined()
    expect(await answerOf(world, b, A)).toMatchObject({ epoch: 2, region: A })
    expect(world.serving()).toEqual([A])
    expect(world.violation).toBeUndefined()
  })

  test('stops at once where the order is taken, and leaves nobody to serve until the grace is over', async () => {
    const { world, a } = await twoRegions()
    void world.order(a, B, false)
    await world.advance(900)
    expect(world.serving()).toEqual([])
    await world.advance(8000)
    expect(world.serving()).toEqual([B])
  })

  test('a region that is not the active one names it', async () => {
    const { world, b } = await twoRegions()
    expect(await answerOf(world, b, B)).toEqual(refusal('held_elsewhere', A))
    expect(await answerOf(world, b, A, true)).toEqual(refusal('held_elsewhere', A))
  })

  test('promoting where the tenant is already, or twice at once, is one promotion', async () => {
    const { world, a } = await twoRegions()
    expect(await answerOf(world, a, A)).toMatchObject({ epoch: 0, region: A })
    const twice = [world.order(a, B, false), world.order(world.boot(A), B, false)]
    await world.advance(12_000)
    for (const answer of await Promise.all(twice)) {
      if (!(answer instanceof AegisError)) expect(answer).toMatchObject({ epoch: 1, region: B })
      else expect(answer.code).toBe('not_ready')
    }
    expect(a.homes.list()).toHaveLength(1)
    expect(await answerOf(world, a, B)).toMatchObject({ epoch: 1, region: B })
  })

  test.each([
    ['a tenant that is not there', { tenant: 'nobody', region: B }, 'not_found'],
    ['a region outside the zone', { tenant: tenant.id, region: 'us-east-1' }, 'malformed_call'],
  ])('refuses %s', async (_what, order, code) => {
    const { a } = await twoRegions()
    await expect(a.homes.promote({ ...order, homeLost: false, by: 'op' })).rejects.toMatchObject({ code })
    await expect(a.homes.promote({ ...order, homeLost: true, by: 'op' })).rejects.toMatchObject({ code })
  })

  test('a release whose process died is brought to its end by the next one', async () => {
    const { world, a } = await twoRegions()
    const sibling = world.boot(A)
    await world.advance(2000)
    void world.order(a, B, false)
    await world.advance(1500)
    world.kill(a)
    await world.advance(12_000)
    expect(sibling.alive).toBe(true)
    expect(world.serving()).toEqual([B])
  })

  test('refuses to release what a look that took too long says, and releases when the table answers again', async () => {
    const { world, a } = await twoRegions()
    world.stall(A, 5000)
    const answer = world.order(a, B, false)
    await world.advance(3000)
    expect(world.serving()).toEqual([])
    await world.advance(12_000)
    expect(await answer).toEqual(refusal('not_ready'))
    expect(await answerOf(world, a, B)).toMatchObject({ region: B })
  })
})

describe('a lost region', () => {
  test('the standby takes over on the word that the home is lost, and again is the same promotion', async () => {
    const { world, a, b } = await twoRegions()
    world.kill(a)
    world.link(A, B, false)
    await world.advance(3000)
    expect(await answerOf(world, b, B, true)).toMatchObject({ epoch: 1, region: B, homeLost: true })
    expect(await answerOf(world, b, B, true)).toMatchObject({ epoch: 1 })
    expect(world.serving()).toEqual([B])
  })

  test('recovered, serves nothing until its zone answers, and then knows that it is not the active one', async () => {
    const { world, a, b } = await twoRegions()
    // What was promoted arrives long after the heartbeat that answers.
    world.promotionLagMs = 60_000
    world.kill(a)
    world.link(A, B, false)
    await world.advance(6000)
    await answerOf(world, b, B, true)
    const recovered = world.boot(A)
    await world.advance(30_000)
    expect(world.serving()).toEqual([B])
    expect(recovered.homes.mayServe(tenant)).toMatchObject({ ok: false, region: A, why: expect.stringContaining('home_lost') })
    expect(await answerOf(world, recovered, B)).toEqual(refusal('not_ready'))
    expect(world.region(A).rows.releases.size).toBe(0)
    world.link(A, B, true)
    await world.advance(8000)
    expect(recovered.homes.mayServe(tenant)).toMatchObject({ ok: false, region: B })
    expect(world.violation).toBeUndefined()
  })

  test('recovered while nobody else is left, serves on the word of the operator alone', async () => {
    const { world, a, b } = await twoRegions()
    world.kill(a)
    world.kill(b)
    await world.advance(20_000)
    const recovered = world.boot(A)
    await world.advance(10_000)
    expect(world.serving()).toEqual([])
    expect(await answerOf(world, recovered, A, true)).toMatchObject({ region: A, homeLost: true })
    expect(world.serving()).toEqual([A])
    world.boot(A)
    await world.advance(8000)
    world.kill(recovered)
    await world.advance(3000)
    expect(world.serving()).toEqual([A])
  })

  test('a mistaken word on a home that lives costs seconds: it stops before the standby serves', async () => {
    const { world, b } = await twoRegions()
    const answer = world.order(b, B, true)
    await world.advance(2000)
    expect(world.serving()).not.toContain(B)
    await world.advance(10_000)
    expect(await answer).toMatchObject({ epoch: 1, region: B, homeLost: true })
    expect(world.serving()).toEqual([B])
    expect(world.violation).toBeUndefined()
  })

  test('a region that runs needs nobody: it serves on, and its next process goes on where the last left off', async () => {
    const { world, a, b } = await twoRegions()
    world.kill(b)
    world.link(A, B, false)
    await world.advance(60_000)
    expect(world.serving()).toEqual([A])
    world.kill(a)
    world.boot(A)
    await world.advance(2500)
    expect(world.serving()).toEqual([A])
  })

  test('a process whose state does not answer stops after two seconds', async () => {
    const { world, a } = await twoRegions()
    world.stall(A, 4000)
    await world.advance(3200)
    expect(a.homes.mayServe(tenant)).toMatchObject({ ok: false, region: A })
    await world.advance(4000)
    expect(world.serving()).toEqual([A])
  })

  test('a process that was away for long proves itself anew, though it never ended', async () => {
    const { world, b } = await twoRegions()
    world.stall(A, 20_000)
    world.isolate(A, true)
    await world.advance(4000)
    await answerOf(world, b, B, true)
    await world.advance(30_000)
    expect(world.serving()).toEqual([B])
    expect(world.violation).toBeUndefined()
  })

  test('recovered with a promotion that its zone had not heard of, waits until all of its zone has', async () => {
    for (let seed = 0; seed < 10; seed++) {
      const C = 'eu-c'
      const world = new World(seed, [A, B, C])
      world.promotionLagMs = 60_000
      world.replicationMsMax = 60
      world.latencyMsMax = 40
      // One process of B looks seldom: it serves longest on what it last saw.
      const [a, , c] = [world.boot(A, 200), world.boot(B, 200), world.boot(C, 200)]
      const sibling = world.boot(B, 2000)
      await world.advance(6000)
      world.isolate(B, true)
      for (const [from, to] of [
        [a, C],
        [c, A],
        [a, C],
      ] as const)
        await answerOf(world, from, to)
      world.kill(a)
      world.kill(c)
      await world.advance(3000)
      expect(await answerOf(world, sibling, B, true)).toMatchObject({ epoch: 1, region: B })
      world.boot(A, 200)
      world.boot(C, 200)
      world.isolate(B, false)
      for (let second = 0; second < 20 && !world.serving().includes(C); second++) await world.advance(1000)
      expect(world.serving()).toEqual([C])
      expect(world.violation).toBeUndefined()
    }
  })
})
