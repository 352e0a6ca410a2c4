import { beforeEach, describe, expect, test } from '@jest/globals'
import type { GrantsInForce } from '../../runtime/budget/granted.ts'
import { type BudgetKeeper, createKeeper, type HeldReservation } from '../../runtime/budget/keeper.ts'
import { newDecisionId } from '../../runtime/model/decision-id.ts'
import { isBalanced } from '../../runtime/state/slice.ts'
import type { Slices } from '../../runtime/state/slices.ts'
import { ModelOutcomes, ModelSlices, ModelVouchers } from './model.ts'
import { AGENT, agentOf } from './world.ts'

const TENANT = 'acme-eu'
const NOON = Date.parse('2026-11-22T12:00:00Z')
const HERE = 'eu-west-1'
const THERE = 'eu-central-1'
const BY = { agentId: AGENT, tenant: TENANT }

let nowMs: number
let slices: ModelSlices
let vouchers: ModelVouchers
let outcomes: ModelOutcomes
let directory: GrantsInForce | undefined
let nodes = 0

beforeEach(() => {
  nowMs = NOON
  slices = new ModelSlices()
  vouchers = new ModelVouchers()
  outcomes = new ModelOutcomes()
  directory = grants({ [HERE]: 1000 })
})

function grants(
  amounts: Record<string, number>,
  { seq = 1, periods = ['2026-11-22', '2026-11-23', '2026-11-24'], unit = 'eur' } = {},
): GrantsInForce {
  const about = { agent: AGENT, tenant: TENANT, unit }
  const regions = Object.entries(amounts)
  return {
    directorySeq: seq,
    grants: periods.flatMap((period) => regions.map(([region, amount]) => ({ ...about, period, region, amount }))),
  }
}

interface Running {
  node: string
  keeper: BudgetKeeper
}

interface Begin {
  region?: string
  table?: ModelSlices
  through?: Slices
  beatMs?: number
}

function begin({ region = HERE, table = slices, through = table, beatMs = 10_000 }: Begin = {}): Running {
  nodes += 1
  const node = nodes.toString(16).padStart(12, '0')
  const clock = { now: () => nowMs, monotonic: () => nowMs }
  const repositories = { slices: through, vouchers, outcomes }
  const options = { clock, directory: () => directory, log: () => {}, limits: { beatMs } }
  return { node, keeper: createKeeper({ region, node, ...repositories, ...options }) }
}

function reserve({ keeper, node }: Running, cost: number, { decisionId = newDecisionId(node), shadow = false } = {}) {
  return keeper.reserve(agentOf(1000), cost, { decisionId, tenant: TENANT, untilMs: nowMs + 300_000, shadow })
}

async function hold(process: Running, cost: number, decisionId?: string): Promise<HeldReservation> {
  const held = await reserve(process, cost, decisionId === undefined ? {} : { decisionId })
  if (typeof held === 'string') throw new Error(`reserving ${cost} was answered ${held}`)
  return held
}

async function statusOf({ keeper }: Running) {
  nowMs += 11_000
  await keeper.tick()
  const [status] = keeper.status()
  return status
}

/** Everything that can still be spent here, by spending it in single units. */
async function drain(process: Running): Promise<number> {
  let sum = 0
  while (typeof (await reserve(process, 1)) !== 'string') sum += 1
  return sum
}

describe('a lease', () => {
  test('is taken once and spent from memory', async () => {
    let writes = 0
    const counting = new Proxy(slices, {
      get(target, name) {
        if (name === 'lease' || name === 'read') writes += 1
        const method: unknown = Reflect.get(target, name)
        return typeof method === 'function' ? method.bind(target) : method
      },
    })
    const process = begin({ through: counting })
    await hold(process, 1)
    const first = writes
    for (let i = 0; i < 100; i++) await hold(process, 1)
    expect(writes).toBe(first)
    expect(process.keeper.prepare(agentOf(1000), 1, false)).toBeUndefined()
  })

  test('takes one write when it runs out', async () => {
    const process = begin()
    await hold(process, 125)
    const before = slices.items
    const agent = agentOf(1000)
    expect(process.keeper.facts(agent, 1, false)).toEqual({ remaining: 875, cost: 1 })
    await process.keeper.prepare(agent, 1, false)
    expect(before.size).toBe(1)
    expect(process.keeper.facts(agent, 1, false)).toEqual({ remaining: 875, cost: 1 })
  })

  test('covers the whole budget, and not one more', async () => {
    expect(await drain(begin())).toBe(1000)
  })

  test('covers one call of the whole budget', async () => {
    const process = begin()
    await hold(process, 1000)
    expect(await reserve(process, 1)).toBe('exhausted')
    expect(process.keeper.facts(agentOf(1000), 1, false)).toEqual({ remaining: 0, cost: 1 })
  })

  test('is shared out exactly when 300 calls race in three processes', async () => {
    const processes = [begin(), begin(), begin()]
    const calls = Array.from({ length: 300 }, (_, i) => reserve(processes[i % 3] ?? begin(), 7))
    const allowed = (await Promise.all(calls)).filter((held) => typeof held !== 'string').length
    expect(allowed * 7).toBeLessThanOrEqual(1000)
    expect(allowed).toBeGreaterThan(120)
  })

  test('goes back when it lies idle, so that another process has all of it', async () => {
    const idle = begin()
    await hold(idle, 10)
    nowMs += 6_000
    await idle.keeper.tick()
    expect(await drain(begin())).toBe(990)
  })

  test('goes back when the process stops, and what is still open counts as spent', async () => {
    const leaving = begin()
    const stop = leaving.keeper.start(2 ** 30)
    await hold(leaving, 10)
    ;(await hold(leaving, 20)).release()
    await stop()
    expect(await reserve(leaving, 1)).toBe('unavailable')
    const other = begin()
    expect(await drain(other)).toBe(990)
    expect(await statusOf(other)).toMatchObject({ stranded: 0, spent: 10 })
  })

  test('of a crashed process counts as spent, and is reported as stranded once nothing is heard', async () => {
    const crashed = begin({ beatMs: -1 })
    const settled = await hold(crashed, 30)
    settled.settle()
    await crashed.keeper.tick()
    const held = crashed.keeper.status()[0]?.leased ?? 0
    expect(held).toBeGreaterThan(0)
    const survivor = begin()
    expect(await drain(survivor)).toBe(1000 - 30 - held)
    nowMs += 61_000
    expect(await statusOf(survivor)).toMatchObject({ granted: 1000, free: 0, spent: 30, stranded: held, leased: 1000 - 30 - held })
  })

  test('refuses to spend where the table does not answer', async () => {
    const through = new Proxy(slices, { get: () => () => Promise.reject(new Error('down')) })
    const process = begin({ through })
    await process.keeper.prepare(agentOf(1000), 1, false)
    expect(process.keeper.facts(agentOf(1000), 1, false)).toBeNull()
    expect(process.keeper.facts(agentOf(1000), 0, false)).toEqual({ remaining: 0, cost: 0 })
    expect(await reserve(process, 1)).toBe('unavailable')
    await process.keeper.tick()
  })

  test('refuses to spend where no directory grants anything', async () => {
    directory = grants({ [THERE]: 1000 })
    const process = begin()
    await process.keeper.prepare(agentOf(1000), 1, false)
    expect(process.keeper.facts(agentOf(1000), 1, false)).toBeNull()
    expect(await reserve(process, 1)).toBe('unavailable')
    directory = undefined
    expect(await reserve(begin(), 1)).toBe('unavailable')
  })

  test.each([-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY])('refuses to reserve %d', async (cost) => {
    expect(await reserve(begin(), cost)).toBe('unavailable')
  })

  test('refuses what no budget holds, without asking other regions for it', async () => {
    directory = grants({ [HERE]: 500, [THERE]: 500 })
    const process = begin()
    expect(await reserve(process, Number.MAX_SAFE_INTEGER)).toBe('exhausted')
    await process.keeper.tick()
    expect(vouchers.wants.size).toBe(0)
  })
})

describe('a refill that is not answered', () => {
  /** Applied, but the answer is lost; or not applied until `arrive`. */
  function unanswered(kind: 'applied' | 'late') {
    const late: (() => Promise<unknown>)[] = []
    let broken = true
    const through: Slices = Object.create(slices)
    through.lease = async (...args) => {
      if (!broken) return slices.lease(...args)
      broken = false
      if (kind === 'applied') await slices.lease(...args)
      else late.push(() => slices.lease(...args))
      throw new Error('timeout')
    }
    for (const name of ['read', 'open', 'giveBack', 'follow'] as const) Object.assign(through, { [name]: slices[name].bind(slices) })
    return { process: begin({ through }), arrive: () => Promise.all(late.map((request) => request())) }
  }

  test('is lost to nobody when it was applied', async () => {
    const { process } = unanswered('applied')
    expect(await reserve(process, 10)).toBe('unavailable')
    expect(await drain(process)).toBe(1000)
  })

  test('is never applied after another has taken its place', async () => {
    const { process, arrive } = unanswered('late')
    expect(await reserve(process, 10)).toBe('unavailable')
    await hold(process, 10)
    const before = [...slices.items.values()]
    await arrive()
    expect([...slices.items.values()]).toEqual(before)
  })

  test('that arrives in between is found and used', async () => {
    const { process, arrive } = unanswered('late')
    expect(await reserve(process, 10)).toBe('unavailable')
    await arrive()
    expect(await drain(process)).toBe(1000)
  })
})

describe('a return that is not answered', () => {
  test.each([0, 300])('is no longer spent, as it may arrive at any time (%d ms later)', async (laterMs) => {
    const late: (() => Promise<unknown>)[] = []
    const through: Slices = Object.create(slices)
    for (const name of ['read', 'open', 'lease', 'follow'] as const) Object.assign(through, { [name]: slices[name].bind(slices) })
    through.giveBack = async (...args) => {
      late.push(() => slices.giveBack(...args))
      throw new Error('timeout')
    }
    const process = begin({ through })
    await hold(process, 10)
    const other = begin()
    const drained = await drain(other)
    nowMs += 6_000
    await process.keeper.tick()
    nowMs += laterMs
    const more = await drain(process)
    for (const request of late) await request()
    nowMs += 300
    expect(10 + drained + more + (await drain(other))).toBeLessThanOrEqual(1000)
    await process.keeper.tick()
    await process.keeper.tick()
    expect([...slices.items.values()].every(isBalanced)).toBe(true)
  })
})

describe('a reservation', () => {
  test('gives back what the call did not cost', async () => {
    const process = begin()
    ;(await hold(process, 400)).settle(100)
    ;(await hold(process, 900)).release()
    expect(await drain(process)).toBe(900)
  })

  test('is settled once: what comes later changes nothing', async () => {
    const process = begin()
    const held = await hold(process, 400)
    held.settle(100)
    held.release()
    held.settle(0)
    held.release()
    expect(await drain(process)).toBe(900)
  })

  test.each([-1, 401, 0.5, Number.NaN])('refuses to be settled for %d, and counts as spent', async (cost) => {
    const process = begin()
    ;(await hold(process, 400)).settle(cost)
    expect(await drain(process)).toBe(600)
  })

  test('that nobody reports is spent at its end', async () => {
    const process = begin()
    const decisionId = newDecisionId(process.node)
    await hold(process, 400, decisionId)
    nowMs += 300_000
    await process.keeper.tick()
    expect(await process.keeper.report(decisionId, BY, { status: 'executed' })).toEqual({ spent: 400, unit: 'eur' })
    await expect(process.keeper.report(decisionId, BY, { status: 'not_executed' })).rejects.toMatchObject({ code: 'already_decided' })
    expect(await drain(process)).toBe(600)
  })

  test('is for one decision: its id reserves nothing twice', async () => {
    const process = begin()
    const decisionId = newDecisionId(process.node)
    await hold(process, 400, decisionId)
    expect(await reserve(process, 400, { decisionId })).toBe('unavailable')
    expect(await drain(process)).toBe(600)
  })

  test('that was released can be made again for the same decision', async () => {
    const process = begin()
    const decisionId = newDecisionId(process.node)
    ;(await hold(process, 400, decisionId)).release()
    await hold(process, 400, decisionId)
  })

  test('made before midnight settles in its own period', async () => {
    const process = begin()
    nowMs = Date.parse('2026-11-22T23:59:59Z')
    const held = await hold(process, 400)
    nowMs += 2_000
    expect(await drain(process)).toBe(1000)
    held.release()
    expect(await drain(process)).toBe(0)
  })
})

describe('a report', () => {
  test('settles for what the call cost, and is answered the same when repeated', async () => {
    const process = begin()
    const decisionId = newDecisionId(process.node)
    await hold(process, 400, decisionId)
    for (let i = 0; i < 2; i++) {
      expect(await process.keeper.report(decisionId, BY, { status: 'executed', cost: 150 })).toEqual({ spent: 150, unit: 'eur' })
    }
    expect(await drain(process)).toBe(850)
  })

  test.each([
    ['another outcome', { status: 'not_executed' as const }],
    ['another cost', { status: 'executed' as const, cost: 151 }],
  ])('refuses %s than the first', async (_, second) => {
    const process = begin()
    const decisionId = newDecisionId(process.node)
    await hold(process, 400, decisionId)
    await process.keeper.report(decisionId, BY, { status: 'executed', cost: 150 })
    await expect(process.keeper.report(decisionId, BY, second)).rejects.toMatchObject({ code: 'already_decided' })
  })

  test.each([
    ['more than was reserved', { status: 'executed' as const, cost: 401 }, BY, 'malformed_call'],
    ['a cost of what was not done', { status: 'not_executed' as const, cost: 1 }, BY, 'malformed_call'],
    ['another agent', { status: 'not_executed' as const }, { ...BY, agentId: 'rogue-agent' }, 'not_found'],
    ['another tenant', { status: 'not_executed' as const }, { ...BY, tenant: 'globex-us' }, 'not_found'],
  ])('refuses %s, and leaves the reservation open', async (_, outcome, by, code) => {
    const process = begin()
    const decisionId = newDecisionId(process.node)
    await hold(process, 400, decisionId)
    await expect(process.keeper.report(decisionId, by, outcome)).rejects.toMatchObject({ code })
    expect(await process.keeper.report(decisionId, BY, { status: 'not_executed' })).toEqual({ spent: 0, unit: 'eur' })
  })

  test('refuses an unknown decision', async () => {
    const process = begin()
    await expect(process.keeper.report(newDecisionId(process.node), BY, { status: 'executed' })).rejects.toMatchObject({
      code: 'not_found',
    })
    await expect(process.keeper.report('x', BY, { status: 'executed' })).rejects.toMatchObject({ code: 'not_found' })
  })

  test('reaches the process that decided by way of any other', async () => {
    const [owner, other] = [begin(), begin()]
    const decisionId = newDecisionId(owner.node)
    await hold(owner, 400, decisionId)
    for (let i = 0; i < 2; i++) {
      expect(await other.keeper.report(decisionId, BY, { status: 'executed', cost: 150 })).toEqual({ spent: 150, unit: 'eur' })
    }
    await expect(other.keeper.report(decisionId, BY, { status: 'not_executed' })).rejects.toMatchObject({ code: 'already_decided' })
    nowMs += 1_000
    await owner.keeper.tick()
    await owner.keeper.tick()
    expect(await drain(owner)).toBe(850)
  })

  test('of a stranger by way of another process changes nothing', async () => {
    const [owner, other] = [begin(), begin()]
    const decisionId = newDecisionId(owner.node)
    await hold(owner, 400, decisionId)
    expect(await other.keeper.report(decisionId, { ...BY, agentId: 'rogue-agent' }, { status: 'not_executed' })).toEqual({
      spent: null,
      unit: null,
    })
    await other.keeper.report(decisionId, { ...BY, tenant: 'globex-us' }, { status: 'not_executed' })
    await owner.keeper.tick()
    expect(await other.keeper.report(decisionId, BY, { status: 'executed' })).toEqual({ spent: null, unit: 'eur' })
    expect(await drain(owner)).toBe(600)
  })

  test('about a process that is gone is taken, and the amount stays spent', async () => {
    const [gone, other] = [begin(), begin()]
    const decisionId = newDecisionId(gone.node)
    await hold(gone, 400, decisionId)
    expect(await other.keeper.report(decisionId, BY, { status: 'not_executed' })).toEqual({ spent: 0, unit: 'eur' })
    expect(await drain(other)).toBe(600)
  })
})

describe('a period', () => {
  test('begins at midnight from grants that were issued before, with nobody there to issue more', async () => {
    const process = begin()
    expect(await drain(process)).toBe(1000)
    for (const day of ['2026-11-23', '2026-11-24']) {
      nowMs = Date.parse(`${day}T00:00:00Z`)
      expect(await drain(process)).toBe(1000)
      await process.keeper.tick()
    }
    nowMs = Date.parse('2026-11-25T00:00:00Z')
    expect(await reserve(process, 1)).toBe('unavailable')
  })

  test('is forgotten when it is long over and all of it is told', async () => {
    const process = begin()
    ;(await hold(process, 10)).settle()
    for (const day of ['2026-11-23', '2026-11-24', '2026-11-25']) {
      nowMs = Date.parse(`${day}T12:00:00Z`)
      await process.keeper.tick()
      nowMs += 11_000
      await process.keeper.tick()
    }
    expect(process.keeper.status()).toEqual([])
  })
})

describe('a directory', () => {
  test('that grants more or less changes the slice by the difference', async () => {
    const process = begin()
    await hold(process, 100)
    directory = grants({ [HERE]: 400 }, { seq: 2 })
    expect(await drain(process)).toBe(300)
    directory = grants({ [HERE]: 600 }, { seq: 3 })
    expect(await statusOf(process)).toMatchObject({ granted: 600, free: 200, shortfall: 0 })
    expect(await drain(process)).toBe(200)
  })

  test('that grants less than was spent leaves a shortfall, which a larger one fills first', async () => {
    const process = begin()
    await hold(process, 500)
    directory = grants({ [HERE]: 100 }, { seq: 2 })
    expect(await statusOf(process)).toMatchObject({ granted: 100, free: 0, shortfall: 400 })
    directory = grants({ [HERE]: 450 }, { seq: 3 })
    expect(await drain(process)).toBe(0)
    directory = grants({ [HERE]: 550 }, { seq: 4 })
    nowMs += 1_000
    await process.keeper.tick()
    expect(await drain(process)).toBe(50)
  })

  test('that is older than the one the region has heard of changes nothing', async () => {
    const behind = begin()
    await hold(behind, 1)
    directory = grants({ [HERE]: 200 }, { seq: 7 })
    await hold(begin(), 1)
    directory = grants({ [HERE]: 5000 }, { seq: 3 })
    expect(await reserve(begin(), 100)).toBe('exhausted')
  })
})

describe('a transfer', () => {
  const both = () => {
    directory = grants({ [HERE]: 500, [THERE]: 500 })
    return [begin(), begin({ region: THERE, table: new ModelSlices() })] as const
  }

  test('brings what a refused call lacked, so that it passes when it comes again', async () => {
    const [here, there] = both()
    expect(await reserve(here, 900)).toBe('exhausted')
    await here.keeper.tick()
    await there.keeper.tick()
    await here.keeper.tick()
    await hold(here, 900)
    expect((await drain(here)) + (await drain(there))).toBe(100)
  })

  test('brings more before the budget runs out here', async () => {
    const [here, there] = both()
    await hold(here, 300)
    await here.keeper.tick()
    await there.keeper.tick()
    await here.keeper.tick()
    expect(here.keeper.status()).toMatchObject([{ received: 250 }])
    expect((await drain(here)) + (await drain(there))).toBe(700)
  })

  test('of two regions that are both short goes one way, and ends', async () => {
    const [here, there] = both()
    await Promise.all([hold(here, 400), hold(there, 400)])
    for (let round = 0; round < 20; round++) {
      await Promise.all([reserve(here, 150), reserve(there, 150)])
      nowMs += 2_100
      await Promise.all([here.keeper.tick(), there.keeper.tick()])
    }
    expect((await drain(here)) + (await drain(there))).toBeLessThanOrEqual(50)
    expect(vouchers.vouchers.size).toBeLessThan(5)
  })

  test('is redeemed once, by whichever process and however often it is delivered', async () => {
    const [here, there] = both()
    const second = begin()
    expect(await reserve(here, 900)).toBe('exhausted')
    await here.keeper.tick()
    await Promise.all([there.keeper.tick(), there.keeper.tick()])
    await Promise.all([here.keeper.tick(), second.keeper.tick(), here.keeper.tick(), second.keeper.tick()])
    await begin().keeper.tick()
    expect((await drain(here)) + (await drain(second)) + (await drain(there))).toBe(1000)
  })

  test('survives a donor that crashes between giving and sending', async () => {
    directory = grants({ [HERE]: 500, [THERE]: 500 })
    const table = new ModelSlices()
    const through: Slices = Object.create(table)
    for (const name of ['read', 'open', 'ofAgent', 'sent'] as const) Object.assign(through, { [name]: table[name].bind(table) })
    through.give = async (...args) => {
      await table.give(...args)
      throw new Error('crashed')
    }
    const here = begin()
    const crashing = begin({ region: THERE, through })
    expect(await reserve(here, 900)).toBe('exhausted')
    await here.keeper.tick()
    await crashing.keeper.tick()
    expect(vouchers.vouchers.size).toBe(0)
    await begin({ region: THERE, table }).keeper.tick()
    await here.keeper.tick()
    await hold(here, 900)
  })

  test.each([
    ['a region without a part', { from: 'us-east-1', amount: 100 }],
    ['more than the whole budget', { from: THERE, amount: 501 }],
  ])('refuses a voucher from %s', async (_, forged) => {
    const [here] = both()
    const key = { agent: AGENT, period: '2026-11-22', unit: 'eur' }
    await vouchers.insert({ ...key, id: '2026-11-22.forged', to: HERE, ...forged })
    await here.keeper.tick()
    expect(await drain(here)).toBe(500)
  })
})

describe('shadow mode', () => {
  test('counts apart, within its own amount, and touches no slice', async () => {
    const process = begin()
    const agent = agentOf(1000)
    expect(process.keeper.prepare(agent, 1, true)).toBeUndefined()
    expect(process.keeper.facts(agent, 1, true)).toEqual({ remaining: 1000, cost: 1 })
    const first = await reserve(process, 900, { shadow: true })
    expect(await reserve(process, 101, { shadow: true })).toBe('exhausted')
    if (typeof first === 'string') throw new Error(first)
    first.settle(400)
    expect(process.keeper.facts(agent, 1, true)).toEqual({ remaining: 600, cost: 1 })
    expect(slices.items.size).toBe(0)
    expect(await drain(process)).toBe(1000)
  })
})
