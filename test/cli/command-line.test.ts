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
  ['up', 'demo', 'call', 'drill', 'status', 'policyBuild', 'policyTest', 'policyPublish', 'policyStatus'].map((name) => [name, note(name)]),
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

test('the arguments of a call stay as written', async () => {
  await run('call', 'finance-agent', 'stripe-payments.create_payment', '--json', '{"amount":1e400, "amount":1}', '--region', 'eu-west-1')
  expect(ran[0]).toEqual([
    'call',
    'finance-agent',
    'stripe-payments.create_payment',
    expect.objectContaining({ json: '{"amount":1e400, "amount":1}' }),
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
  thrown = new TypeError('x is not a function')
  await expect(run('up')).resolves.toBe(1)
  expect(complaints[3]).toContain('at ')
})
