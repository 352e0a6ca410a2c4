import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { changeDirectory, type DirectoryChange, directoryChange } from '../../../runtime/control-plane/directory/change.ts'
import { DirectoryRefusedError, NotInDirectoryError } from '../../../runtime/control-plane/directory/refusals.ts'
import { amountsOf, clientsIn, directoryState, emptyDirectory, tenantsOf } from '../../../runtime/control-plane/directory/state.ts'
import { sha256 } from '../../../runtime/policy/file-hashes.ts'
import { grantsFor } from '../../../runtime/policy/grants.ts'
import { acme, changed, context, document, euros, filled, globex, OTHER_SECRET, SECRET, workload, ZONES } from './world.ts'

test('the state after changes is one that the schema takes, before and after JSON', () => {
  const state = filled()
  expect(directoryState.parse(JSON.parse(JSON.stringify(state)))).toEqual(state)
  expect(directoryState.parse(JSON.parse(JSON.stringify(emptyDirectory())))).toEqual(emptyDirectory())
})

test('gives tenants, clients and amounts in the form that directories and grants are made from', () => {
  const state = filled()
  expect(tenantsOf(state).map(({ id, zone, homeRegion }) => [id, zone, homeRegion])).toEqual([
    ['acme-eu', 'eu', 'eu-west-1'],
    ['globex-us', 'us', 'us-east-1'],
  ])
  expect(clientsIn(state, context.agents)).toEqual([
    { agent: 'finance-agent', tenant: 'acme-eu', secret_sha256: SECRET },
    { agent: 'ops-agent', tenant: 'globex-us', assertions: [workload('ops')] },
  ])
  expect([...amountsOf(state)]).toEqual([['finance-agent', { amount: 400, tenant: 'acme-eu', unit: 'eur' }]])
})

test('a client whose agent has gone, or is another tenant’s by now, gets no token', () => {
  expect(clientsIn(filled(), [document('finance-agent', 'globex-us')])).toEqual([])
})

test('a change leaves the state before it as it was', () => {
  const state = filled()
  const before = structuredClone(state)
  changed(state, { kind: 'remove_client', id: 'finance-agent' }, { kind: 'lift', kill_id: 'kill-2' })
  expect(state).toEqual(before)
})

test.each<DirectoryChange>([
  { kind: 'put_tenant', id: 'acme-eu', fields: acme },
  { kind: 'put_client', id: 'finance-agent', fields: { secret_sha256: SECRET } },
  { kind: 'put_budget', id: 'finance-agent', fields: { amount: 400, reason: 'quarter end' } },
  { kind: 'put_bundle_reader', id: 'edge', fields: { zone: 'eu', secret_sha256: SECRET } },
  { kind: 'lift', kill_id: 'kill-1' },
  { kind: 'remove_key', region: 'us-east-1', kid: 'old' },
])('what is there already changes nothing: $kind', (change) => {
  const state = filled()
  expect(changeDirectory(state, change, context)).toBe(state)
})

test.each<[string, DirectoryChange]>([
  ['tenants', { kind: 'remove_tenant', id: 'empty' }],
  ['clients', { kind: 'remove_client', id: 'finance-agent' }],
  ['budgets', { kind: 'remove_budget', id: 'finance-agent' }],
  ['bundle_readers', { kind: 'remove_bundle_reader', id: 'edge' }],
])('removes from %s, and refuses to do so twice', (_, change) => {
  const state = changed(filled(), { kind: 'put_tenant', id: 'empty', fields: acme })
  const after = changeDirectory(state, change, context)
  expect(after).not.toEqual(state)
  expect(() => changeDirectory(after, change, context)).toThrow(NotInDirectoryError)
})

describe('refuses', () => {
  test.each<[string, DirectoryChange, RegExp]>([
    ['a tenant of an unknown zone', { kind: 'put_tenant', id: 'x', fields: { ...acme, zone: 'mars' } }, /no zone mars, there are eu, us/],
    [
      'a home region of another zone',
      { kind: 'put_tenant', id: 'x', fields: { ...acme, home_region: 'us-east-1' } },
      /us-east-1 is not in zone eu/,
    ],
    [
      'a binding that the zone contradicts',
      { kind: 'put_tenant', id: 'x', fields: { zone: 'eu', binding: 'none', mode: 'enforce', residency: 'enforce' } },
      /binding none with zone eu/,
    ],
    [
      'to remove a tenant that documents name',
      { kind: 'remove_tenant', id: 'acme-eu' },
      /documents in force name it, of finance-agent, support-agent/,
    ],
    ['a client of nobody', { kind: 'put_client', id: 'ghost', fields: { secret_sha256: SECRET } }, /no document in force names this agent/],
    [
      'a workload that is another agent’s',
      { kind: 'put_client', id: 'support-agent', fields: { assertions: [workload('ops')] } },
      /^support-agent\.assertions\.0: the same iss and sub stand for another agent/,
    ],
    [
      'a budget of nobody',
      { kind: 'put_budget', id: 'ghost', fields: { amount: 1, reason: 'r' } },
      /no document in force names this agent/,
    ],
    [
      'a budget where the document has none',
      { kind: 'put_budget', id: 'support-agent', fields: { amount: 1, reason: 'r' } },
      /has no budget/,
    ],
    [
      'a reader of an unknown zone',
      { kind: 'put_bundle_reader', id: 'x', fields: { zone: 'mars', secret_sha256: OTHER_SECRET } },
      /no zone mars/,
    ],
    [
      'a reader with another’s secret',
      { kind: 'put_bundle_reader', id: 'x', fields: { zone: 'us', secret_sha256: SECRET } },
      /edge has the same secret/,
    ],
    ['to remove a key of no region', { kind: 'remove_key', region: 'eu-north-1', kid: 'k' }, /no region eu-north-1/],
    ['an import of nothing', { kind: 'import' }, /nothing to import/],
  ])('%s', (_, change, message) => {
    const refused = refusalOf(() => changeDirectory(filled(), change, context))
    expect(refused.faults).toHaveLength(1)
    expect(refused.message).toMatch(message)
  })

  test('a client of an agent whose tenant is not there', () => {
    const order: DirectoryChange = { kind: 'put_client', id: 'ops-agent', fields: { secret_sha256: SECRET } }
    expect(() => changeDirectory(emptyDirectory(), order, context)).toThrow(/its tenant globex-us is not in the directory/)
  })

  test('to remove a tenant that no document names any more, as long as clients and budgets of it are there', () => {
    const none = { ...context, agents: [] }
    expect(refusalOf(() => changeDirectory(filled(), { kind: 'remove_tenant', id: 'acme-eu' }, none)).faults).toEqual([
      'acme-eu: clients of it are still there (finance-agent); remove them first',
      'acme-eu: budgets of it are still there (finance-agent); remove them first',
    ])
    const emptied = changed(filled(), { kind: 'remove_client', id: 'finance-agent' }, { kind: 'remove_budget', id: 'finance-agent' })
    expect(changeDirectory(emptied, { kind: 'remove_tenant', id: 'acme-eu' }, none).tenants).toEqual({ 'globex-us': globex })
  })

  test.each(['__proto__', 'constructor', 'toString', 'Acme', '../x', ''])('the name %j where it is none, and finds nothing by it', (id) => {
    const parsed = directoryChange.safeParse({ kind: 'remove_tenant', id })
    if (parsed.success) expect(() => changeDirectory(filled(), parsed.data, context)).toThrow(NotInDirectoryError)
    else expect(parsed.error.issues[0]?.path).toEqual(['id'])
  })
})

test('what has become stale keeps nobody from changing something else', () => {
  const gone = { ...context, agents: context.agents.slice(1) }
  const after = changeDirectory(filled(), { kind: 'put_client', id: 'support-agent', fields: { secret_sha256: OTHER_SECRET } }, gone)
  expect(Object.keys(after.clients)).toEqual(['finance-agent', 'ops-agent', 'support-agent'])
})

test('a budget remembers tenant and unit of its document, so that it never holds for another', () => {
  const state = changed(filled(), { kind: 'put_budget', id: 'ops-agent', fields: { amount: 9, reason: 'r' } })
  expect(state.budgets['ops-agent']).toEqual({ amount: 9, reason: 'r', tenant: 'globex-us', unit: 'calls' })
})

test('lifted kills and removed keys only ever grow', () => {
  const lifts = fc.constantFrom('k1', 'k2', 'k3').map((kill_id): DirectoryChange => ({ kind: 'lift', kill_id }))
  const removals = fc
    .record({ region: fc.constantFrom('eu-west-1', 'us-east-1'), kid: fc.constantFrom('a', 'b') })
    .map((key): DirectoryChange => ({ kind: 'remove_key', ...key }))
  const others = fc.constantFrom<DirectoryChange[]>(
    { kind: 'put_client', id: 'support-agent', fields: { secret_sha256: OTHER_SECRET } },
    { kind: 'import', tenants: 'acme-eu: { zone: eu, home_region: eu-central-1, binding: zone }\nglobex-us: { binding: none }\n' },
  )
  fc.assert(
    fc.property(fc.array(fc.oneof(lifts, removals, others), { maxLength: 12 }), (changes) => {
      let state = filled()
      for (const change of changes) {
        const after = changeDirectory(state, change, context)
        expect(after.lifted.slice(0, state.lifted.length)).toEqual(state.lifted)
        for (const [region, kids] of Object.entries(state.removed_keys))
          expect(after.removed_keys[region]).toEqual(expect.arrayContaining(kids))
        expect(new Set(after.lifted).size).toBe(after.lifted.length)
        state = after
      }
    }),
  )
})

describe('an import', () => {
  const tenants = 'acme-eu: { zone: eu, home_region: eu-central-1, binding: zone }\nglobex-us: { binding: none }\n'
  const clients = `ops-agent: { secret_sha256: '${OTHER_SECRET}' }\n`

  test('of tenants and clients into an empty directory is what the files say, and remembers their texts', () => {
    const state = changed(emptyDirectory(), { kind: 'import', tenants, clients })
    expect(Object.keys(state.tenants)).toEqual(['acme-eu', 'globex-us'])
    expect(state.clients).toEqual({ 'ops-agent': { secret_sha256: OTHER_SECRET, tenant: 'globex-us' } })
    expect(state.imported).toEqual({ tenants: sha256(tenants), clients: sha256(clients) })
    expect(changed(state, { kind: 'import', tenants, clients })).toBe(state)
  })

  test('replaces the whole list, so that a client that was taken out of the file is out', () => {
    const state = changed(filled(), { kind: 'import', clients })
    expect(Object.keys(state.clients)).toEqual(['ops-agent'])
    expect(state.imported).toEqual({ tenants: null, clients: sha256(clients) })
    expect(state.tenants).toEqual(filled().tenants)
  })

  test.each<[string, object, string[]]>([
    ['broken YAML', { tenants: 'acme-eu: {' }, [expect.stringMatching(/^tenants\.yaml:1:\d+: /)] as unknown as string[]],
    ['an unknown key', { tenants: 'acme-eu: { binding: none, colour: red }' }, ['tenants.yaml:1:27: acme-eu.colour: unknown key']],
    [
      'a tenant that the deployment contradicts',
      { tenants: 'acme-eu: { zone: mars, home_region: x, binding: zone }\nglobex-us: { binding: none }' },
      ['tenants.yaml: acme-eu: no zone mars, there are eu, us'],
    ],
    [
      'a list without a tenant that documents name',
      { tenants: 'acme-eu: { binding: none }\n' },
      ['globex-us: documents in force name it, of ops-agent; publish them without it first'],
    ],
    [
      'a client of nobody',
      { clients: `ghost: { secret_sha256: '${SECRET}' }` },
      ['clients.yaml:1:1: ghost: there is no agent ghost in agents/'],
    ],
    [
      'one key twice',
      { clients: `a: { secret_sha256: '${SECRET}' }\na: { secret_sha256: '${SECRET}' }` },
      [expect.stringMatching(/^clients\.yaml:2:1: /)] as unknown as string[],
    ],
  ])('refuses %s', (_, texts, faults) => {
    const refused = refusalOf(() => changeDirectory(filled(), { kind: 'import', ...texts }, context))
    expect(refused.faults).toEqual(faults)
  })

  test('refuses clients whose tenant is not there', () => {
    expect(() => changeDirectory(emptyDirectory(), { kind: 'import', clients }, context)).toThrow(
      'ops-agent: its tenant globex-us is not in the directory',
    )
  })
})

test('an amount in cents is never taken for as many calls when the document changes its unit', () => {
  const state = changed(filled(), { kind: 'put_budget', id: 'finance-agent', fields: { amount: 500_000, reason: 'r' } })
  const total = (budget: object) =>
    grantsFor([document('finance-agent', 'acme-eu', budget)], tenantsOf(state), ZONES, 0, [], amountsOf(state))
      .filter(({ period }) => period === '1970-01-01')
      .reduce((sum, { amount }) => sum + amount, 0)
  expect(total(euros(1000))).toBe(500_000)
  expect(total({ period: 'day', calls: 5 })).toBe(5)
})

function refusalOf(work: () => unknown): DirectoryRefusedError {
  try {
    work()
  } catch (error) {
    if (error instanceof DirectoryRefusedError) return error
    throw error
  }
  throw new Error('was not refused')
}
