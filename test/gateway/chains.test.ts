import type { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { createChains, type OpenOrder } from '../../runtime/gateway/chains.ts'
import { newSessionId } from '../../runtime/identity/session-id.ts'
import type { Principal } from '../../runtime/model/call.ts'
import type { Tenant } from '../../runtime/model/zones.ts'
import type { ChainRule } from '../../runtime/policy/agent-document.ts'
import { type ChainStore, regionalChains } from '../../runtime/state/chains.ts'
import { regionalSecret } from '../../runtime/state/region-secret.ts'
import { type TestTables, testTables } from '../support/dynamodb.ts'

const HOUR_MS = 3_600_000
const REGION = 'eu-west-1'
const tenant: Tenant = { id: 'clinic', zone: 'eu', homeRegion: REGION, binding: 'region', mode: 'enforce', residency: 'enforce' }
const rules: ChainRule[] = [
  { after: 'ehr', deny: 'export' },
  { count: 'pay.send', from: 3, do: 'deny' },
]

let tables: TestTables
let client: DynamoDBClient
beforeAll(async () => {
  tables = await testTables('chains', 'state', 'other-state')
  client = tables.client
})
afterAll(() => tables.close())

// Each test has agents of its own, and a clock that it moves.
let serial = 0
let nowMs = 0
const clock = { now: () => nowMs, monotonic: () => nowMs }
beforeEach(() => {
  serial++
  nowMs = Date.now()
})

function caller(change: Partial<Principal> = {}): Principal {
  return {
    agentId: `agent-${serial}`,
    tenant: tenant.id,
    zone: 'eu',
    binding: 'region',
    tokenId: 'jti',
    session: 'session-1',
    issuerRegion: REGION,
    keyId: 'kid',
    expiresAt: Math.floor(nowMs / 1000) + 600,
    ...change,
  }
}

/** A process of the region: what it knows it knows by itself. */
function process(region = REGION, state = 'state') {
  const real = regionalChains(client, 'chains')
  const world = { away: false, reads: 0, writes: 0 }
  const repo: ChainStore = {
    async read(...of) {
      world.reads++
      if (world.away) throw new Error('the table is away')
      return real.read(...of)
    },
    async change(...of) {
      world.writes++
      if (world.away) throw new Error('the table is away')
      return real.change(...of)
    },
  }
  const chains = createChains({ region, repo, secret: regionalSecret(client, state, 'chain'), clock })
  const open = (change: Partial<OpenOrder> = {}) => chains.open({ principal: caller(), tenant, rules, holds: true, ...change })
  return { open, world }
}

test('what a call leaves behind is known to the next one, at any process, under one id', async () => {
  const first = await process().open()
  expect(first.facts).toEqual({ id: first.id, taints: [], calls: {} })
  expect(await first.commit(['ehr', 'health_record'], 'ehr.read')).toBe('written')
  const second = await process().open()
  expect(second.id).toBe(first.id)
  expect(second.facts?.taints).toEqual(['ehr', 'health_record'])
})

test('a session, an agent and a tenant have chains of their own', async () => {
  const { open } = process()
  const ids = await Promise.all([
    open(),
    open({ principal: caller({ session: 'session-2' }) }),
    open({ principal: caller({ agentId: 'another' }) }),
    open({ tenant: { ...tenant, id: 'other' } }),
    open({ principal: caller({ session: undefined }) }),
  ])
  expect(new Set(ids.map(({ id }) => id)).size).toBe(5)
})

test('an agent without rules costs no read, and one write for each new taint', async () => {
  const { open, world } = process()
  for (let i = 0; i < 3; i++) {
    const chain = await open({ rules: [] })
    expect(chain.facts).toBeNull()
    expect(await chain.commit(['crm'], 'crm.read')).toBe('written')
  }
  expect(world).toMatchObject({ reads: 0, writes: 1 })
  expect((await process().open()).facts?.taints).toEqual(['crm'])
})

test('outside the region that holds it nothing is known of a chain', async () => {
  const { open, world } = process()
  expect((await open({ holds: false })).facts).toBeNull()
  expect(world.reads).toBe(0)
})

describe('a presented id', () => {
  const presentedOf = async (taints: string[]) => {
    const from = await process().open({ principal: caller({ session: 'caller' }) })
    await from.commit(taints, 'ehr.read')
    return from.id
  }

  test('adds the taints of its chain, and they stay', async () => {
    const presented = await presentedOf(['ehr'])
    const chain = await process().open({ presented })
    expect(chain.facts?.taints).toEqual(['ehr'])
    expect(await chain.commit(['crm'], 'crm.read')).toBe('written')
    expect((await process().open()).facts?.taints).toEqual(['crm', 'ehr'])
  })

  test('adds them for an agent without rules too', async () => {
    const presented = await presentedOf(['ehr'])
    const chain = await process().open({ presented, rules: [] })
    expect(await chain.commit([], 'crm.read')).toBe('written')
    expect((await process().open()).facts?.taints).toEqual(['ehr'])
  })

  test('takes nothing away: a clean chain presented leaves the own taints', async () => {
    await (await process().open()).commit(['ehr'], 'ehr.read')
    const presented = await presentedOf(['crm'])
    expect((await process().open({ presented })).facts?.taints).toEqual(['crm', 'ehr'])
  })

  test('refuses one that is forged, of another tenant or region, or unreadable', async () => {
    const id = await presentedOf(['ehr'])
    const [prefix = '', region = '', hash = '', mac = ''] = id.split('.')
    const flipped = `${mac.slice(0, -1)}${mac.endsWith('A') ? 'E' : 'A'}`
    const ofOther = (await process().open({ tenant: { ...tenant, id: 'other' } })).id
    const ofRegion = (await process('eu-central-1', 'other-state').open()).id
    const forged = [
      [prefix, region, hash, flipped].join('.'),
      [prefix, region, `B${hash.slice(1)}`, mac].join('.'),
      [prefix, 'eu-central-1', hash, mac].join('.'),
      ofOther,
      ofRegion,
      '',
      'chn.eu-west-1',
      `${id} `,
      'x'.repeat(10_000),
    ]
    for (const presented of forged) {
      const chain = await process().open({ presented })
      expect(chain).toMatchObject({ refused: true, facts: null })
      expect(await chain.commit([], 'crm.read')).toBe('unavailable')
    }
    const { open, world } = process()
    world.away = true
    expect(await open({ presented: id, rules: [] })).toMatchObject({ refused: true })
  })
})

describe('a table that is away', () => {
  test('leaves nothing known, and no new taint is promised', async () => {
    const { open, world } = process()
    world.away = true
    const chain = await open()
    expect(chain).toMatchObject({ refused: false, facts: null })
    expect(await chain.commit(['ehr'], 'ehr.read')).toBe('unavailable')
    expect(await (await open({ rules: [] })).commit(['ehr'], 'ehr.read')).toBe('unavailable')
  })

  test('stops what has to be counted', async () => {
    const { open, world } = process()
    await (await open()).commit(['pay'], 'pay.send')
    world.away = true
    expect(await (await open()).commit(['pay'], 'pay.send')).toBe('unavailable')
    world.away = false
    const unknown = await open({ holds: false })
    expect(await unknown.commit(['pay'], 'pay.send')).toBe('unavailable')
  })
})

test('of concurrent calls no more are counted than a rule allows', async () => {
  const processes = [process(), process(), process()]
  const limit = 2
  let allowed = 0
  const call = async (index: number) => {
    for (;;) {
      const chain = await (processes[index % 3] ?? process()).open()
      if ((chain.facts?.calls['pay.send'] ?? 0) + 1 > limit) return
      const committed = await chain.commit(['pay'], 'pay.send')
      if (committed === 'changed') continue
      expect(committed).toBe('written')
      allowed++
      return
    }
  }
  await Promise.all(Array.from({ length: 20 }, (_, index) => call(index)))
  expect(allowed).toBe(limit)
  expect((await process().open()).facts?.calls).toEqual({ 'pay.send': limit })
})

describe('an agent without a session', () => {
  const ambient = () => ({ principal: caller({ session: undefined }) })

  test('is held to a taint for a day after it was last set, wherever hours and days begin', async () => {
    for (const offsetMs of [0, HOUR_MS - 1, 24 * HOUR_MS - 1]) {
      serial++
      nowMs = Math.floor(Date.now() / (24 * HOUR_MS)) * 24 * HOUR_MS + offsetMs
      const { open } = process()
      await (await open(ambient())).commit(['ehr', 'pay'], 'pay.send')
      nowMs += 24 * HOUR_MS - 1
      expect((await open(ambient())).facts).toMatchObject({ taints: ['ehr', 'pay'], calls: { 'pay.send': 1 } })
      nowMs += 2 * HOUR_MS
      expect((await open(ambient())).facts).toMatchObject({ taints: [], calls: { 'pay.send': 0 } })
    }
  })

  test('is held to a taint that a process wrote once and set again later', async () => {
    const { open } = process()
    for (let minute = 0; minute <= 150; minute += 50) {
      await (await open(ambient())).commit(['ehr'], 'ehr.read')
      nowMs += 50 * 60_000
    }
    nowMs += 24 * HOUR_MS - 60 * 60_000
    expect((await process().open(ambient())).facts?.taints).toEqual(['ehr'])
  })

  test('has its count kept when hours are taken out of the item', async () => {
    const { open } = process()
    for (let day = 0; day < 3; day++) {
      expect(await (await open(ambient())).commit([], 'pay.send')).toBe('written')
      nowMs += 40 * HOUR_MS
    }
    nowMs -= 40 * HOUR_MS
    expect((await open(ambient())).facts?.calls).toEqual({ 'pay.send': 1 })
  })
})

describe('after a promotion', () => {
  test('an older session is taken to have done all that its rules ask about', async () => {
    const promotedAtMs = nowMs + 1000
    const principal = caller({ session: newSessionId(nowMs) })
    const chain = await process().open({ promotedAtMs, principal })
    expect(chain.facts).toMatchObject({ taints: ['ehr'], calls: { 'pay.send': 2 } })
    expect(await chain.commit(['crm'], 'pay.send')).toBe('written')
    expect((await process().open({ promotedAtMs, principal })).facts?.taints).toEqual(['crm', 'ehr'])
    // Another issuer's session does not say when it began.
    expect((await process().open({ promotedAtMs: nowMs - 2 * HOUR_MS })).facts?.taints).toEqual(['ehr'])
  })

  test('a session begun since starts clean, an agent without a session a day later', async () => {
    const promotedAtMs = nowMs - 2 * HOUR_MS
    const since = caller({ session: newSessionId(nowMs) })
    expect((await process().open({ promotedAtMs, principal: since })).facts?.taints).toEqual([])
    const ambient = { promotedAtMs, principal: caller({ session: undefined }) }
    expect((await process().open(ambient)).facts?.taints).toEqual(['ehr'])
    nowMs += 23 * HOUR_MS
    expect((await process().open(ambient)).facts?.taints).toEqual([])
  })
})

test('every process of a region has one secret, and another region has another', async () => {
  const made = await Promise.all(Array.from({ length: 8 }, () => regionalSecret(client, 'state', 'fresh')()))
  expect(new Set(made.map((secret) => Buffer.from(secret).toString('hex'))).size).toBe(1)
  expect(made[0]).toHaveLength(32)
  expect(await regionalSecret(client, 'other-state', 'fresh')()).not.toEqual(made[0])
})

test('refuses to open a chain while the secret cannot be read, and tries again', async () => {
  const secret = regionalSecret(client, 'no-such-table', 'chain')
  const chains = createChains({ region: REGION, repo: regionalChains(client, 'chains'), secret, clock })
  const order = { principal: caller(), tenant, rules, holds: true }
  await expect(chains.open(order)).rejects.toMatchObject({ code: 'state_unavailable' })
})
