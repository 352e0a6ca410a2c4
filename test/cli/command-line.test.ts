import { afterEach, beforeEach, expect, jest, test } from '@jest/globals'
import { CommandError, EXIT } from '../../runtime/cli/exit-codes.ts'
import type { Actions } from '../../runtime/cli/program.ts'
import { runCommandLine } from '../../runtime/cli/run.ts'

let ran: unknown[][]
let complaints: string[]
let thrown: Error | undefined
let write: ReturnType<typeof jest.spyOn>
let help: ReturnType<typeof jest.spyOn>

const note =
  (name: string) =>
  async (...args: unknown[]) => {
    ran.push([name, ...args])
    if (thrown !== undefined) throw thrown
    return EXIT.held
  }
const actions = Object.fromEntries(
  [
    ...['policyBuild', 'policyCheck', 'policyTest', 'policyPublish', 'policyStatus', 'policyOrder', 'policyRollback', 'policyRenew'],
    ...['policyDiff', 'policyReplay', 'policyHistory'],
    ...[
      'up',
      'demo',
      'call',
      'scan',
      'drill',
      'status',
      'explain',
      'approve',
      'approvals',
      'kill',
      'kills',
      'lift',
      'promote',
      'pin',
      'preflight',
    ],
  ].map((name) => [name, note(name)]),
) as unknown as Actions

beforeEach(() => {
  ran = []
  complaints = []
  thrown = undefined
  write = jest.spyOn(process.stderr, 'write').mockImplementation((text) => {
    complaints.push(String(text))
    return true
  })
  help = jest.spyOn(process.stdout, 'write').mockImplementation(() => true)
})
afterEach(() => {
  write.mockRestore()
  help.mockRestore()
})

const REVISION = '3f2a91c0d4e5b678'
const run = (...args: string[]) => runCommandLine(args, actions)

test('up with its options', async () => {
  await expect(
    run('up', '--reset', '--regions', 'eu-west-1,us-east-1', '--port-base', '21000', '--no-traffic', '--profile', 'deployed'),
  ).resolves.toBe(0)
  expect(ran).toEqual([
    [
      'up',
      expect.objectContaining({ reset: true, regions: ['eu-west-1', 'us-east-1'], portBase: 21_000, traffic: false, profile: 'deployed' }),
    ],
  ])
})

test('up by itself: everything, compressed, with traffic, state kept', async () => {
  await run('up')
  expect(ran[0]?.[1]).toMatchObject({ reset: false, traffic: true, profile: 'compressed' })
  expect(ran[0]?.[1]).not.toHaveProperty('regions')
})

test('pin and preflight, for the first environment or another one', async () => {
  await run('pin')
  await run('pin', '--environment', 'dev', '--next', 'alias/next', '--replace')
  await run('preflight', 'aegis-dev-*-eu-west-1', 'aegis-dev-dns', '--environment', 'dev')
  expect(ran).toEqual([
    ['pin', { replace: false }],
    ['pin', { environment: 'dev', next: 'alias/next', replace: true }],
    ['preflight', { patterns: ['aegis-dev-*-eu-west-1', 'aegis-dev-dns'], environment: 'dev' }],
  ])
})

test('the arguments of a call stay as written', async () => {
  await run('call', 'finance-agent', 'stripe-payments.create_payment', '--json', '{"amount":1e400, "amount":1}', '--region', 'eu-west-1')
  expect(ran[0]).toEqual([
    'call',
    expect.objectContaining({
      agent: 'finance-agent',
      action: 'stripe-payments.create_payment',
      json: '{"amount":1e400, "amount":1}',
      region: 'eu-west-1',
    }),
  ])
})

test('what goes with a call', async () => {
  await run('call', 'a', 't.x', '--json', '{}', '--approval', 'apr.eu-west-1.x', '--chain', 'c', '--key', 'k', '--new-session')
  expect(ran[0]?.[1]).toMatchObject({ approval: 'apr.eu-west-1.x', chain: 'c', key: 'k', newSession: true })
})

test('scan reads standard input unless a file is named', async () => {
  await run('scan')
  await run('scan', '--json', 'calls.jsonl')
  expect(ran).toEqual([
    ['scan', { file: '-', json: false }],
    ['scan', { file: 'calls.jsonl', json: true }],
  ])
})

test('explaining a decision', async () => {
  await run('explain', 'd-1')
  await run('explain', 'd-1', '--region', 'eu-west-1', '--at', '2026-11-27T10:00:00Z', '--json')
  expect(ran).toEqual([
    ['explain', expect.objectContaining({ id: 'd-1', json: false })],
    ['explain', expect.objectContaining({ region: 'eu-west-1', at: '2026-11-27T10:00:00Z', json: true })],
  ])
})

test("operators' commands", async () => {
  await run('approve', 'apr.eu-west-1.x')
  await run('approve', 'apr.eu-west-1.x', '--as', 'dpo', '--legal-basis', 'consent', '--record-limit', '2')
  await run('approve', 'apr.eu-west-1.x', '--reject', '--reason', 'r')
  await run('kill', 'agent', 'rogue-agent', '--reason', 'wild', '--region', 'us-east-1')
  await run('lift', 'kill-1', '--reason', 'mended')
  await run('promote', 'clinic-eu', '--region', 'eu-central-1')
  await run('promote', 'clinic-eu', '--region', 'eu-central-1', '--home-lost')
  await run('approvals', '--region', 'eu-west-1')
  await run('kills')
  expect(ran.map(([name, options]) => [name, options])).toEqual([
    ['approve', expect.objectContaining({ id: 'apr.eu-west-1.x', as: 'approver', reject: false })],
    ['approve', expect.objectContaining({ as: 'dpo', legalBasis: 'consent', recordLimit: 2 })],
    ['approve', expect.objectContaining({ reject: true, reason: 'r' })],
    ['kill', expect.objectContaining({ type: 'agent', id: 'rogue-agent', reason: 'wild', region: 'us-east-1' })],
    ['lift', expect.objectContaining({ id: 'kill-1', reason: 'mended' })],
    ['promote', expect.objectContaining({ tenant: 'clinic-eu', region: 'eu-central-1', homeLost: false })],
    ['promote', expect.objectContaining({ homeLost: true })],
    ['approvals', expect.objectContaining({ region: 'eu-west-1' })],
    ['kills', expect.not.objectContaining({ region: expect.anything() })],
  ])
})

test('publishing with its options, and by itself', async () => {
  await run('policy', 'publish')
  await run(
    ...['policy', 'publish', '--reason', 'r', '--revision', REVISION, '--replay', '0', '--since', '48', '--shadow', '30'],
    ...['--max-new-denies', '0.5', '--no-wait', '--json'],
  )
  expect(ran[0]?.[1]).toEqual({ stateDir: expect.any(String), wait: true, json: false })
  expect(ran[1]?.[1]).toMatchObject({
    ...{ reason: 'r', revision: REVISION, replay: 0, since: 48, shadow: 30, maxNewDenies: 0.5, wait: false, json: true },
  })
})

test('what is asked of a rollout', async () => {
  await run('policy', 'pause')
  await run('policy', 'resume', '--reason', 'looked')
  await run('policy', 'abort', '--json')
  await run('policy', 'rollback', '--reason', 'wrong')
  await run('policy', 'rollback', REVISION, '--reason', 'wrong')
  await run('policy', 'renew')
  expect(ran).toEqual([
    ['policyOrder', 'pause', expect.objectContaining({ reason: 'by the command line', json: false })],
    ['policyOrder', 'resume', expect.objectContaining({ reason: 'looked' })],
    ['policyOrder', 'abort', expect.objectContaining({ json: true })],
    ['policyRollback', expect.objectContaining({ revision: undefined, reason: 'wrong' })],
    ['policyRollback', expect.objectContaining({ revision: REVISION })],
    ['policyRenew', expect.objectContaining({ json: false })],
  ])
})

test('looks at policy: the working tree against what is in force, unless others are named', async () => {
  await run('policy', 'diff')
  await run('policy', 'diff', REVISION)
  await run('policy', 'diff', '.', 'active', '--patch')
  await run('policy', 'replay')
  await run('policy', 'replay', REVISION, '--since', '2', '--limit', '100', '--region', 'eu-west-1')
  await run('policy', 'history')
  await run('policy', 'status', '--watch')
  expect(ran).toEqual([
    ['policyDiff', expect.objectContaining({ from: 'active', to: '.', patch: false })],
    ['policyDiff', expect.objectContaining({ from: REVISION, to: '.' })],
    ['policyDiff', expect.objectContaining({ from: '.', to: 'active', patch: true })],
    ['policyReplay', expect.objectContaining({ revision: '.' })],
    ['policyReplay', expect.objectContaining({ revision: REVISION, since: 2, limit: 100, region: 'eu-west-1' })],
    ['policyHistory', expect.objectContaining({ limit: 20, json: false })],
    ['policyStatus', expect.objectContaining({ watch: true, json: false })],
  ])
})

test('a drill with its options', async () => {
  await run('drill', 'region-loss', '--repeat', '3', '--seed', '7')
  expect(ran[0]).toEqual(['drill', 'region-loss', { repeat: 3, seed: 7 }])
})

test('the exit code is that of the command', async () => {
  const failing = { ...actions, status: async () => EXIT.failed, drill: async () => EXIT.inconclusive } as Actions
  await expect(runCommandLine(['status'], failing)).resolves.toBe(1)
  await expect(runCommandLine(['drill', 'all'], failing)).resolves.toBe(3)
})

test('help is no mistake', async () => {
  await expect(run('--help')).resolves.toBe(0)
  await expect(run('call', '--help')).resolves.toBe(0)
})

test.each([
  [['nonsense']],
  [['up', '--nonsense']],
  [['up', 'extra']],
  [['up', '--profile', 'fast']],
  [['up', '--port-base', '80']],
  [['up', '--port-base', 'x']],
  [['up', '--regions', 'a,,b']],
  [['up', '--engine-endpoint', 'nowhere']],
  [['call', 'finance-agent']],
  [['call', 'finance-agent', 'crm.read_contact']],
  [['drill']],
  [['drill', 'region-loss', '--repeat', '-1']],
  [['policy', 'nonsense']],
  [['policy', 'publish', '--revision', 'latest']],
  [['policy', 'publish', '--replay', '-1']],
  [['policy', 'publish', '--shadow', '0']],
  [['policy', 'publish', '--max-new-denies', '101']],
  [['policy', 'publish', '--max-new-denies', 'few']],
  [['policy', 'rollback']],
  [['policy', 'rollback', 'yesterday', '--reason', 'r']],
  [['policy', 'diff', 'HEAD']],
  [['policy', 'replay', 'active']],
  [['policy', 'history', '--limit', '0']],
  [['approve']],
  [['approve', 'apr.eu-west-1.x', '--as', 'anyone']],
  [['approve', 'apr.eu-west-1.x', '--record-limit', '0']],
  [['kill', 'agent']],
  [['kill', 'everything', 'x']],
  [['lift']],
  [['promote', 'clinic-eu']],
  [['scan', 'one', 'two']],
])('refuses %j in one line, with code 2', async (args) => {
  await expect(run(...args)).resolves.toBe(2)
  expect(ran).toEqual([])
  expect(complaints).toHaveLength(1)
  expect(complaints[0]).toMatch(/^aegis: [^\n]+\n$/)
})

test('faults of use are told without a stack, faults of ours with one', async () => {
  thrown = new CommandError('no fabric runs here')
  await expect(run('status')).resolves.toBe(2)
  thrown = Object.assign(new Error('demo/tools.yaml:1:1: is wrong'), { name: 'DocumentError' })
  await expect(run('up')).resolves.toBe(2)
  thrown = new Error('gateway eu-west-1 is not ready after 60 s')
  await expect(run('up')).resolves.toBe(1)
  expect(complaints).toEqual([
    'aegis: no fabric runs here\n',
    'demo/tools.yaml:1:1: is wrong\n',
    'aegis: gateway eu-west-1 is not ready after 60 s\n',
  ])
  thrown = new CommandError('the policy was refused', EXIT.failed, ['demo/tools.yaml:1:1: is wrong'])
  await expect(run('policy', 'publish')).resolves.toBe(1)
  expect(complaints.splice(3)).toEqual(['demo/tools.yaml:1:1: is wrong\n', 'aegis: the policy was refused\n'])
  thrown = new TypeError('x is not a function')
  await expect(run('up')).resolves.toBe(1)
  expect(complaints[3]).toContain('at ')
})
