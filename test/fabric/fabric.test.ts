import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { get } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'

// The real thing, end to end: every process of the default deployment, ports, DNS, WAN, signed bundles. The tests build on
// one another, in their order.

const CLI = join(import.meta.dirname, '../../runtime/cli/aegis.ts')
const START_MS = 120_000
const REGIONS = ['eu-west-1', 'eu-central-1', 'us-east-1', 'ap-southeast-1']

interface FabricFile {
  control_plane: string
  names: Record<string, string>
  regions: { region: string; gateway: string; operator: string }[]
  demo_tokens: Record<string, string>
  approver_tokens: Record<string, Record<string, string>>
  operator_tokens: Record<string, string>
}

let dir: string
let up: ChildProcess | undefined
let output = ''

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'aegis-fabric-'))
  up = await start()
}, START_MS)

afterAll(async () => {
  up?.kill('SIGKILL')
  await gone(up?.pid ?? 0)
  rmSync(dir, { recursive: true, force: true })
}, 30_000)

async function start(): Promise<ChildProcess> {
  output = ''
  const child = spawn(process.execPath, [CLI, 'up', '--state-dir', dir], { stdio: ['ignore', 'pipe', 'pipe'] })
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (text: Buffer) => {
      output += text.toString()
    })
  }
  const ended = new Promise<never>((_, reject) => child.once('exit', (code) => reject(new Error(`up ended with ${code}:\n${output}`))))
  ended.catch(() => {})
  const ready = async () => {
    while (!output.includes('Ready in')) await sleep(50)
  }
  await Promise.race([ready(), ended])
  return child
}

/** On a connection of its own: a kept one may lead to a gateway that was lost since. */
const statusOf = (url: string) =>
  new Promise<number | undefined>((resolve, reject) => {
    const asked = get(url, { agent: false }, (answer) => {
      answer.resume()
      resolve(answer.statusCode)
    })
    asked.once('error', reject)
  })
const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
const read = <T>(name: string) => JSON.parse(readFileSync(join(dir, name), 'utf8')) as T
const fabric = () => read<FabricFile>('fabric.json')
const aegis = (...args: string[]) => spawnSync(process.execPath, [CLI, ...args, '--state-dir', dir], { encoding: 'utf8' })

async function control(method: string, path: string, body?: object): Promise<Record<string, never>> {
  const { url, token } = read<{ url: string; token: string }>('supervisor.json')
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
  const answer = await fetch(`${url}${path}`, { method, headers, ...(body && { body: JSON.stringify(body) }) })
  expect([path, answer.status]).toEqual([path, 200])
  return (await answer.json()) as Record<string, never>
}

interface Published {
  seq: number
  regions: { seq: number | null }[]
}

/** Gateways may be ready from what an earlier start left, before the control plane has confirmed anything of its own. */
async function published(): Promise<Published> {
  for (;;) {
    const headers = { authorization: `Bearer ${fabric().operator_tokens.viewer}` }
    // It lives before it is open: until it has read its ledger it says 503.
    const answer = await fetch(`${fabric().control_plane}/v1/status`, { headers })
    const status = (await answer.json()) as Published & { seq: number | null }
    if (answer.status === 200 && status.seq !== null && status.regions.every(({ seq }) => seq === status.seq)) return status
    await sleep(50)
  }
}

async function processes(): Promise<{ name: string; pid: number | null }[]> {
  return (await control('GET', '/status')).processes ?? []
}

/** A zombie answers to a signal; it is no process any more. */
function isAlive(pid: number): boolean {
  const { stdout } = spawnSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' })
  return stdout.trim() !== '' && !stdout.trim().startsWith('Z')
}

async function gone(...pids: number[]): Promise<void> {
  while (pids.some((pid) => pid !== 0 && isAlive(pid))) await sleep(50)
}

test('the files are for their owner alone, and every gateway is ready', async () => {
  for (const name of ['fabric.json', 'supervisor.json', 'lock'])
    expect([name, statSync(join(dir, name)).mode & 0o777]).toEqual([name, 0o600])
  expect(fabric().regions.map(({ region }) => region)).toEqual(REGIONS)
  for (const { gateway } of fabric().regions) expect(await statusOf(`${gateway}/health/ready`)).toBe(200)
})

test('every region has confirmed what is published', async () => {
  const { seq, regions } = await published()
  expect(regions.map((region) => region.seq)).toEqual(REGIONS.map(() => seq))
})

test('an allowed call reaches the tool of its region, by the public name and through the WAN', async () => {
  const { status, stdout } = aegis('call', 'finance-agent', 'crm.read_contact', '--json', '{"id":"contact-end-to-end"}', '--tool-door')
  expect([status, stdout.split('\n')[0]]).toEqual([0, 'HTTP 200'])
  const { received } = await control('GET', '/received?tool=crm')
  expect(received).toContainEqual(
    expect.objectContaining({ region: 'eu-west-1', path: '/read_contact', body: '{"id":"contact-end-to-end"}' }),
  )
})

test('operators have a listener of their own, for tokens of their own issuer', async () => {
  const { regions, operator_tokens, approver_tokens, demo_tokens } = fabric()
  const statusFor = async (url: string, token = '') => (await fetch(url, { headers: { authorization: `Bearer ${token}` } })).status
  for (const { operator, gateway } of regions) {
    expect(await statusFor(`${operator}/v1/status`, operator_tokens.viewer)).toBe(200)
    expect(await statusFor(`${operator}/v1/status`, demo_tokens['finance-agent'])).toBe(401)
    expect(await statusFor(`${gateway}/v1/approvals`, approver_tokens['acme-eu']?.approver)).not.toBe(200)
  }
})

test('an approval that waits is told to the webhook', async () => {
  const { status, stdout } = aegis(
    ...['call', 'finance-agent', 'stripe-payments.create_payment', '--region', 'eu-west-1', '--json'],
    '{"amount":600000,"currency":"eur","recipient":"supplier-7"}',
  )
  expect([status, stdout.split('\n')[0]]).toEqual([0, 'HTTP 200'])
  const id = /apr\.[\w.-]+/.exec(stdout)?.[0] ?? 'no approval'
  for (;;) {
    const { received } = await control('GET', '/received?host=hooks.operators.aegis.example')
    if (JSON.stringify(received).includes(id)) break
    await sleep(50)
  }
}, 30_000)

test('regions that are cut off from one another do not hear of each other, and do when they are mended', async () => {
  const killed = async (region: string, id: string) => {
    const { operator } = fabric().regions.find((one) => one.region === region) ?? { operator: '' }
    const answer = await fetch(`${operator}/v1/kills`, { headers: { authorization: `Bearer ${fabric().operator_tokens.killer}` } })
    return (await answer.text()).includes(id)
  }
  await control('POST', '/faults/cut', { regions: REGIONS.slice(0, 2) })
  expect((await control('GET', '/status')).cut).toMatchObject({ between: [REGIONS.slice(0, 2)] })
  const { stdout } = aegis('kill', 'agent', 'nobody-agent', '--reason', 'marks the cut', '--region', 'eu-west-1')
  const id = /kil-[\w-]+/.exec(stdout)?.[0] ?? 'no kill'
  // The third region is told, the cut one is not: so it is the cut, and not the time.
  while (!(await killed('us-east-1', id))) await sleep(50)
  expect(await killed('eu-central-1', id)).toBe(false)
  await control('POST', '/faults/mend', {})
  while (!(await killed('eu-central-1', id))) await sleep(50)
}, 60_000)

test('refuses to start twice, in one clear line, and the first runs on', async () => {
  const { status, stderr } = aegis('up')
  expect([status, stderr]).toEqual([2, expect.stringMatching(/^a fabric already runs here \(pid \d+, [^\n]+\n$/)])
  expect(await statusOf(`${fabric().regions[0]?.gateway}/health/live`)).toBe(200)
})

test('a region is lost as a whole and comes back at the same place', async () => {
  const before = fabric().regions[0]?.gateway
  const { killed } = await control('POST', '/faults/kill', { region: 'eu-west-1', restore_after_ms: 60_000 })
  expect((killed as { name: string }[] | undefined)?.map(({ name }) => name)).toEqual(['stores', 'gateway'])
  await expect(statusOf(`${before}/health/live`)).rejects.toThrow()
  expect(await statusOf(`${fabric().regions[1]?.gateway}/health/ready`)).toBe(200)
  await control('POST', '/faults/restore', { region: 'eu-west-1' })
  expect(await statusOf(`${before}/health/ready`)).toBe(200)
}, 60_000)

test('a gateway that dies unasked comes back', async () => {
  const find = async () => (await processes()).find(({ name }) => name === 'gateway us-east-1')?.pid
  const first = (await find()) ?? 0
  process.kill(first, 'SIGKILL')
  for (;;) {
    const pid = await find()
    if (pid !== null && pid !== undefined && pid !== first) break
    await sleep(50)
  }
}, 30_000)

test('a fabric that is killed leaves no process behind', async () => {
  const pids = (await processes()).map(({ pid }) => pid ?? 0)
  expect(pids.length).toBeGreaterThan(6)
  up?.kill('SIGKILL')
  await gone(...pids)
}, 30_000)

test('after that the CLI says that none runs', () => {
  const { status, stderr } = aegis('status')
  expect([status, stderr]).toEqual([2, expect.stringMatching(/^aegis: no fabric runs here: [^\n]+\n$/)])
})

test(
  'it starts again over what the killed one left, with its state, and ends whole',
  async () => {
    const trust = readFileSync(join(dir, 'trust.json'), 'utf8')
    up = await start()
    const { seq } = await published()
    expect(seq).toBeGreaterThan(1)
    expect(readFileSync(join(dir, 'trust.json'), 'utf8')).toBe(trust)
    const pids = (await processes()).map(({ pid }) => pid ?? 0)
    const ended = new Promise((resolve) => up?.once('exit', resolve))
    up.kill('SIGINT')
    expect(await ended).toBe(0)
    await gone(...pids)
    for (const name of ['fabric.json', 'supervisor.json', 'lock']) expect([name, existsSync(join(dir, name))]).toEqual([name, false])
  },
  START_MS,
)
