import { beforeEach, describe, expect, test } from '@jest/globals'
import type { RevisionCounts } from '../../runtime/state/fleet.ts'
import { directoryAt, limitAt, pointerOf } from './seen.ts'
import { demoSources, sourcesWithLimit, type TestPlane, testPlane } from './test-plane.ts'

let plane: TestPlane
beforeEach(async () => {
  plane = await testPlane()
  await plane.publish(demoSources())
})

const limits = () => Promise.all(plane.cells.map(({ region }) => (region === 'us-east-1' ? 0 : limitAt(plane, region))))
const state = () => plane.plane.kernel.state()
const publishing = () => plane.plane.publishing

describe('a rollout', () => {
  test('reaches every region in its order, and is then what is active', async () => {
    const old = state().active?.revision
    const revision = await plane.publish(sourcesWithLimit(800_000))
    expect(await limits()).toEqual([500_000, 500_000, 0])
    const canary = plane.cell('eu-west-1').candidate
    expect(canary).toMatchObject({ sharePercent: 10, compare: true, withdrawn: false })
    // The others have it ready, and decide nothing by it.
    expect(plane.cell('us-east-1').candidate).toMatchObject({ sharePercent: 0, compare: false, withdrawn: false })
    await plane.untilEnd()
    expect(await limits()).toEqual([800_000, 800_000, 0])
    expect(state()).toMatchObject({ active: { revision }, previous: old, lastRollout: { state: 'completed' } })
    await plane.plane.settle()
    for (const { candidate } of plane.cells) expect(candidate?.withdrawn).toBe(true)
  })

  test('names its candidate anew all the time, as gateways believe it for minutes only', async () => {
    await plane.publish(sourcesWithLimit(800_000))
    await publishing().pause('ben', 'lunch')
    const namedAt = () => plane.cell('us-east-1').candidate?.updatedAt ?? 0
    const before = namedAt()
    plane.nowMs += 59_000
    await plane.plane.settle()
    expect(namedAt()).toBe(before)
    plane.nowMs += 1000
    await plane.plane.settle()
    expect(namedAt()).toBe(plane.nowMs)
  })

  test('goes on in another process from where it was', async () => {
    await plane.publish(sourcesWithLimit(800_000))
    plane.nowMs += 1500
    await plane.plane.settle()
    await plane.rebuilt()
    await plane.untilEnd()
    expect(await limits()).toEqual([800_000, 800_000, 0])
  })

  test('that denies newly is taken back: nobody serves it, and its number can never come again', async () => {
    const old = state().active
    await plane.publish(sourcesWithLimit(1))
    const seq = state().rollout?.release.seq ?? 0
    const comparison = {
      ...{ revision: state().rollout?.revision ?? '', compared: 50, skipped: 0, new_denies: 40, new_approvals: 0, loosened: 0, faults: 0 },
      ...{ rules: { 'amount_over_limit max_amount': 40 }, tools: {}, tenants: {}, decision_ids: ['d1'] },
    }
    plane.cell('eu-west-1').says = { comparison }
    await plane.plane.settle()
    expect(state()).toMatchObject({ rollout: null, active: { revision: old?.revision }, lastRollout: { state: 'aborted' } })
    expect(state().lastRollout?.why).toMatch(/40 of 50 compared calls would newly be denied .* rules amount_over_limit max_amount/)
    expect(plane.log).toContainEqual(expect.objectContaining({ event: 'aborted', reason: state().lastRollout?.why }))
    for (const cell of plane.cells) {
      expect(cell.candidate?.withdrawn).toBe(true)
      expect(pointerOf(plane, cell.region).bundleSeq).toBeGreaterThan(seq)
    }
    expect(await limits()).toEqual([500_000, 500_000, 0])
  })

  test('that regions serve already is taken back there too', async () => {
    const calls = (deny: number): RevisionCounts => ({
      calls: 1000,
      allow: 1000 - deny,
      deny,
      sanitize: 0,
      approval_needed: 0,
      faults: 0,
      duration_us: [],
    })
    for (const cell of plane.cells) cell.says = { revisions: { [state().active?.revision ?? '']: calls(10) } }
    await plane.plane.settle()
    await plane.publish(sourcesWithLimit(1))
    while ((await limitAt(plane, 'eu-west-1')) === 500_000) {
      plane.nowMs += 300
      await plane.plane.settle()
    }
    plane.cell('eu-west-1').says = { revisions: { [state().rollout?.revision ?? '']: calls(500) } }
    await plane.plane.settle()
    expect(state().lastRollout?.why).toMatch(/eu-west-1: denies: 50.0 % of 1000 calls, 1.0 % of 1000 before/)
    expect(await limits()).toEqual([500_000, 500_000, 0])
  })

  test('is taken back although nothing can be signed just then, and the signing follows', async () => {
    await plane.publish(sourcesWithLimit(1))
    const seq = state().rollout?.release.seq ?? 0
    plane.kmsAway = true
    await publishing().abort('ben', 'wrong file')
    await plane.plane.couriers.round()
    expect(plane.cell('eu-west-1').candidate?.withdrawn).toBe(true)
    plane.kmsAway = false
    await plane.plane.settle()
    expect(pointerOf(plane, 'eu-west-1').bundleSeq).toBeGreaterThan(seq)
  })

  test('that a gateway refuses is taken back', async () => {
    plane.cell('us-east-1').says = { refuses: 'wrong_zone: the bundle is for zone eu' }
    await plane.publish(sourcesWithLimit(800_000))
    await plane.plane.settle()
    expect(state().lastRollout?.why).toBe('a gateway of us-east-1 refused the bundle: wrong_zone: the bundle is for zone eu')
  })

  test('passes over a region that is away, which catches up by itself', async () => {
    plane.cell('eu-central-1').down = true
    await plane.plane.settle()
    await plane.publish(sourcesWithLimit(800_000))
    await plane.untilEnd(1000)
    expect(state().lastRollout).toMatchObject({ state: 'completed', silent: ['eu-central-1'] })
    expect(await limitAt(plane, 'eu-central-1')).toBe(500_000)
    plane.cell('eu-central-1').down = false
    await plane.plane.settle()
    await plane.plane.settle()
    expect(await limitAt(plane, 'eu-central-1')).toBe(800_000)
  })

  test('outlives a moment in which the region of its canary does not answer, and not a long one', async () => {
    await plane.publish(sourcesWithLimit(800_000))
    await publishing().pause('ben', 'to look at it')
    plane.nowMs += 60_000
    await plane.plane.settle()
    const blip = async (ms: number) => {
      plane.cell('eu-west-1').down = true
      for (let passed = 0; passed < ms; passed += 1000) {
        plane.nowMs += 1000
        await plane.plane.settle()
      }
      plane.cell('eu-west-1').down = false
    }
    await blip(3000)
    expect(state().rollout).toMatchObject({ state: 'paused' })
    await plane.plane.settle()
    await blip(20_000)
    expect(state()).toMatchObject({
      rollout: null,
      lastRollout: { state: 'aborted', why: expect.stringMatching(/no gateway of eu-west-1/) },
    })
  })

  test('waits while it is paused, goes on when it is resumed, and ends when it is aborted', async () => {
    await plane.publish(sourcesWithLimit(800_000))
    await publishing().pause('ben', 'lunch')
    plane.nowMs += 60_000
    await plane.plane.settle()
    expect(state().rollout).toMatchObject({ state: 'paused', at: 0, why: 'lunch' })
    await expect(publishing().pause('ben', 'again')).rejects.toMatchObject({ code: 'wrong_state' })
    await publishing().resume('ben', 'back')
    await plane.plane.settle()
    await publishing().abort('ben', 'not this one')
    await plane.plane.settle()
    expect(state()).toMatchObject({ rollout: null, lastRollout: { state: 'aborted', why: 'ben: not this one' } })
    await expect(publishing().abort('ben', 'again')).rejects.toMatchObject({ code: 'wrong_state' })
  })

  test('renewal in the middle of it keeps its number above the active one', async () => {
    await plane.publish(sourcesWithLimit(800_000))
    await publishing().renew('ben', 'in the middle')
    const { active, rollout } = state()
    expect(rollout?.release.seq).toBeGreaterThan(active?.seq ?? 0)
    await plane.untilEnd()
    expect(await limits()).toEqual([800_000, 800_000, 0])
  })

  test('changes no budget for anybody before it is over', async () => {
    const path = 'documents/agents/treasury-agent.yaml'
    const sources = demoSources()
    const richer = new Map([...sources, [path, (sources.get(path) ?? '').replace('amount: 2000000', 'amount: 9000000')]])
    const granted = () =>
      directoryAt(plane, 'eu-west-1')
        .grants.filter(({ agent, period }) => agent === 'treasury-agent' && period === '2026-01-01')
        .reduce((sum, { amount }) => sum + amount, 0)
    await plane.publish(richer)
    expect(granted()).toBe(2_000_000)
    await plane.untilEnd()
    await plane.plane.settle()
    expect(granted()).toBe(9_000_000)
  })
})

describe('a replay before a rollout', () => {
  const replay = { noNewDeniesAbove: 0, sinceMs: 0 }
  const answer = (region: string, newDenies: number) =>
    plane.cell(region).replays.set(plane.cell(region).orders[0]?.id ?? '', {
      ...{ id: plane.cell(region).orders[0]?.id ?? '', region, error: null, replayed: 10, unanswerable: 0, changes: {}, newDenies },
      ...{ newApprovals: 0, loosened: 0, rules: {}, tools: {}, tenants: {}, decisionIds: {}, tookMs: 1 },
    })

  test('is ordered where the bundle already lies, and lets it through when all say so', async () => {
    await plane.publish(sourcesWithLimit(800_000), { replay })
    await plane.plane.settle()
    for (const cell of plane.cells) {
      expect(cell.orders).toHaveLength(1)
      expect([...cell.bucket.keys()]).toContain(`bundles/${cell.orders[0]?.bundleDigest}.tar.gz`)
      expect(cell.candidate).toBeUndefined()
      answer(cell.region, 0)
    }
    await plane.untilEnd()
    expect(await limits()).toEqual([800_000, 800_000, 0])
  })

  test('keeps it back when more would newly be denied', async () => {
    await plane.publish(sourcesWithLimit(1), { replay })
    await plane.plane.settle()
    for (const cell of plane.cells) answer(cell.region, cell.region === 'eu-central-1' ? 1 : 0)
    await plane.plane.settle()
    expect(state().lastRollout).toMatchObject({
      state: 'aborted',
      why: expect.stringContaining('1 of 30 recorded decisions would newly be denied'),
    })
  })
})

describe('refuses to publish', () => {
  const order = async (more: object) => {
    const revision = await plane.register(sourcesWithLimit(800_000))
    const none = { replay: undefined, shadowS: 0, maxNewDenyPercent: undefined, expects: undefined }
    return publishing().publish({ revision, publisher: 'ben', reason: 'x', ...none, ...more })
  }

  test('when another revision is active than the publisher believes', async () => {
    await expect(order({ expects: 'f'.repeat(16) })).rejects.toMatchObject({
      code: 'publish_conflict',
      message: expect.stringContaining('somebody has published'),
    })
  })

  test('while another one is on its way, naming who and what', async () => {
    await order({})
    await expect(order({})).rejects.toMatchObject({ code: 'rollout_in_progress', message: expect.stringContaining('ben is rolling out') })
  })

  test('what is active already, and what nobody has registered', async () => {
    await expect(order({ revision: state().active?.revision })).rejects.toMatchObject({ code: 'wrong_state' })
    await expect(order({ revision: '0'.repeat(16) })).rejects.toMatchObject({ code: 'not_found' })
    await expect(order({ revision: '../ledger/000000000001' })).rejects.toMatchObject({ code: 'not_found' })
  })

  test('by its author alone where two people are asked for', async () => {
    plane = await testPlane({ twoPeople: true })
    await plane.publish(demoSources())
    await expect(order({ publisher: 'ana' })).rejects.toMatchObject({ code: 'author_is_publisher' })
    await expect(order({ publisher: 'ben' })).resolves.toBeDefined()
    // Who registers it again has not written it.
    const revision = await plane.register(sourcesWithLimit(800_000), 'carl')
    expect((await plane.plane.registry.get(revision))?.author).toBe('ana')
  })
})

describe('a rollback', () => {
  test('brings the revision before back to every region at once, under a higher number', async () => {
    const old = state().active?.revision
    await plane.publish(sourcesWithLimit(800_000))
    await plane.untilEnd()
    const { seq = 0 } = state().active ?? {}
    await publishing().atOnce({ to: undefined, by: 'ben', reason: 'wrong', kind: 'rolled_back' })
    await plane.plane.settle()
    expect(await limits()).toEqual([500_000, 500_000, 0])
    expect(state().active?.revision).toBe(old)
    expect(pointerOf(plane, 'us-east-1').bundleSeq).toBeGreaterThan(seq)
    const history = await plane.plane.ledger.read(0, 100)
    expect(history.at(-1)).toMatchObject({ kind: 'rolled_back', by: 'ben', reason: 'wrong' })
  })

  test('in the middle of a rollout ends that', async () => {
    await plane.publish(sourcesWithLimit(800_000))
    await publishing().atOnce({ to: state().active?.revision, by: 'ben', reason: 'stop', kind: 'rolled_back' })
    await plane.plane.settle()
    expect(state()).toMatchObject({ rollout: null, lastRollout: { state: 'rolled_back' } })
    expect(await limits()).toEqual([500_000, 500_000, 0])
  })

  test('goes back to what was served everywhere long ago, also in another process', async () => {
    const first = state().active?.revision ?? ''
    for (const limit of [600_000, 700_000]) {
      await plane.publish(sourcesWithLimit(limit))
      await plane.untilEnd()
    }
    await plane.rebuilt()
    await publishing().atOnce({ to: first, by: 'ben', reason: 'wrong', kind: 'rolled_back' })
    expect(state().active?.revision).toBe(first)
  })

  test('refuses what was never served everywhere: neither a canary nor a second person has looked at it', async () => {
    const registered = await plane.register(sourcesWithLimit(900_000))
    const rollback = (to: string) => publishing().atOnce({ to, by: 'ana', reason: 'x', kind: 'rolled_back' })
    await expect(rollback(registered)).rejects.toMatchObject({ code: 'wrong_state', message: expect.stringContaining('never served') })
    const aborted = await plane.publish(sourcesWithLimit(1))
    await publishing().abort('ben', 'no good')
    await expect(rollback(aborted)).rejects.toMatchObject({ code: 'wrong_state', message: expect.stringContaining('never served') })
  })

  test('refuses where there is nothing before', async () => {
    await expect(publishing().atOnce({ to: undefined, by: 'ben', reason: 'x', kind: 'rolled_back' })).rejects.toMatchObject({
      code: 'wrong_state',
    })
  })
})
