import { PutItemCommand } from '@aws-sdk/client-dynamodb'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { systemClock as clock } from '../../../runtime/gateway/clock.ts'
import { createKillSwitches, type KillScope } from '../../../runtime/gateway/region/kill-switches.ts'
import { globalKills, type KillStore } from '../../../runtime/state/kills.ts'
import { type TestTables, testTables } from '../../support/dynamodb.ts'

let tables: TestTables
beforeAll(async () => {
  tables = await testTables('global', 'paged', 'odd', 'tenant', 'agent', 'tool', 'region')
})
afterAll(() => tables.close())

const call = { tenant: 'acme', agent: 'rogue', tool: 'crm', region: 'eu-west-1' }
const order = (type: KillScope['type'], id: string) => ({ scope: { type, id }, reason: 'it runs wild', by: 'op' })

/** A region's switches, whose table can be away. */
function switches({ table = 'global', region = 'eu-west-1' } = {}) {
  const store = globalKills(tables.client, table)
  const world = { away: false, lifted: new Set<string>(), events: [] as string[] }
  const orAway = <T>(work: () => Promise<T>) => (world.away ? Promise.reject(new Error('the table is away')) : work())
  const flaky: KillStore = { insert: (kill) => orAway(() => store.insert(kill)), readAll: () => orAway(() => store.readAll()) }
  const log = ({ event }: { event: string }) => world.events.push(event)
  return { kills: createKillSwitches({ region, store: flaky, clock, lifted: () => world.lifted, log }), world }
}

test('refuses every call while no switch was ever read', async () => {
  const { kills, world } = switches()
  world.away = true
  await kills.refresh()
  expect(() => kills.hit(call)).toThrow(expect.objectContaining({ code: 'not_ready' }))
  expect(() => kills.revoked('key', 'token')).toThrow(expect.objectContaining({ code: 'not_ready' }))
  world.away = false
  await kills.refresh()
  expect(kills.known()).toBe(true)
  expect(kills.hit(call)).toBeUndefined()
})

test.each([
  ['tenant', 'acme'],
  ['agent', 'rogue'],
  ['tool', 'crm'],
  ['region', 'eu-west-1'],
] as const)('a switch for a %s stops its calls and no others', async (type, id) => {
  const { kills, world } = switches({ table: type })
  await kills.refresh()
  const thrown = await kills.throw(order(type, id))
  expect(kills.hit(call)).toEqual(thrown)
  expect(kills.hit({ tenant: 'x', agent: 'x', tool: 'x', region: 'x' })).toBeUndefined()
  world.lifted = new Set([thrown.id])
  expect(kills.hit(call)).toBeUndefined()
})

test('a switch for a key or a token revokes it, and an agent of that name goes on', async () => {
  const { kills } = switches()
  await kills.refresh()
  await kills.throw(order('key', 'kid-1'))
  await kills.throw(order('token', 'jti-1'))
  expect([kills.revoked('kid-1', 'x'), kills.revoked('x', 'jti-1'), kills.revoked('jti-1', 'kid-1')]).toEqual([true, true, false])
  expect(kills.hit({ tenant: 'x', agent: 'kid-1', tool: 'x', region: 'x' })).toBeUndefined()
})

test('a switch that another region threw is found at the next look, and holds though no look succeeds after it', async () => {
  const here = switches()
  const there = switches({ region: 'us-east-1' })
  await Promise.all([here.kills.refresh(), there.kills.refresh()])
  await there.kills.throw(order('agent', 'distant'))
  expect(here.kills.hit({ ...call, agent: 'distant' })).toBeUndefined()
  await here.kills.refresh()
  here.world.away = true
  for (let i = 0; i < 3; i++) await here.kills.refresh()
  expect(here.kills.hit({ ...call, agent: 'distant' })).toMatchObject({ region: 'us-east-1' })
  expect(here.world.events).toContain('kills_unreachable')
})

test('a switch thrown while the table is away holds here at once, says so, and is written when the table is back', async () => {
  const { kills, world } = switches()
  await kills.refresh()
  world.away = true
  await expect(kills.throw(order('agent', 'stubborn'))).rejects.toMatchObject({ code: 'state_unavailable' })
  expect(kills.hit({ ...call, agent: 'stubborn' })).toBeDefined()
  world.away = false
  await kills.refresh()
  const sibling = switches().kills
  await sibling.refresh()
  expect(sibling.hit({ ...call, agent: 'stubborn' })).toBeDefined()
})

test('reads more switches than fit on one page', async () => {
  const store = globalKills(tables.client, 'paged')
  const reason = 'x'.repeat(20_000)
  await Promise.all(
    Array.from({ length: 60 }, (_, i) =>
      store.insert({ id: `kil-${i}`, scope: { type: 'agent', id: `agent-${i}` }, reason, by: 'op', atMs: 1, region: 'eu-west-1' }),
    ),
  )
  const { kills } = switches({ table: 'paged' })
  await kills.refresh()
  expect(kills.list()).toHaveLength(60)
})

test('an item that is no switch hides none of the others', async () => {
  await tables.client.send(
    new PutItemCommand({ TableName: 'odd', Item: { pk: { S: 'kills' }, sk: { S: '0' }, scope_type: { S: 'everything' } } }),
  )
  const { kills, world } = switches({ table: 'odd' })
  await kills.refresh()
  await kills.throw(order('tool', 'crm'))
  const sibling = switches({ table: 'odd' })
  await sibling.kills.refresh()
  expect(sibling.kills.hit(call)).toBeDefined()
  expect(world.events).toEqual(['kills_unreadable'])
})

test('never overwrites a switch', async () => {
  const store = globalKills(tables.client, 'global')
  const kill = { id: 'kil-same', scope: { type: 'agent', id: 'a' } as const, reason: 'first', by: 'op', atMs: 1, region: 'eu-west-1' }
  await store.insert(kill)
  await store.insert({ ...kill, reason: 'second' })
  expect((await store.readAll()).kills.find(({ id }) => id === kill.id)?.reason).toBe('first')
})

test('forgets no switch that a look does not show: it may have begun before the switch was thrown', async () => {
  const store: KillStore = { insert: async () => {}, readAll: async () => ({ kills: [], unreadable: 0 }) }
  const kills = createKillSwitches({ region: 'eu-west-1', store, clock, lifted: () => undefined, log: () => {} })
  await kills.throw(order('agent', 'rogue'))
  await kills.refresh()
  expect(kills.hit(call)).toBeDefined()
})
