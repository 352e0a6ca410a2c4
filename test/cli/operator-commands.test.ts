import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { approvals } from '../../runtime/cli/approvals.ts'
import { approve } from '../../runtime/cli/approve.ts'
import { kill, kills, lift } from '../../runtime/cli/kills.ts'
import { promote } from '../../runtime/cli/promote.ts'
import { type FakeFabric, fakeFabric, refusal, type Said, type Seen } from './fake-fabric.ts'

const REGIONS = [
  { region: 'eu-west-1', zone: 'eu' },
  { region: 'eu-central-1', zone: 'eu' },
]
let fabric: FakeFabric
let answer: (seen: Seen) => Said | undefined
let lines: string[]
const out = (line: string) => void lines.push(line)

beforeEach(async () => {
  lines = []
  fabric = await fakeFabric(REGIONS, (seen) => answer(seen))
})
afterEach(() => fabric.close())

describe('approve', () => {
  const ID = 'apr.eu-central-1.AAAAAAAAAAAAAAAAAAAAAA'
  const decide = (more: object = {}) => approve({ stateDir: fabric.stateDir, id: ID, as: 'approver', reject: false, ...more }, out)

  test('asks the region that the id names, as each tenant until one has it', async () => {
    answer = ({ token }) => (token === 'acme-eu-a' ? { status: 200, body: { id: ID, status: 'approved' } } : refusal(404, 'not_found'))
    await expect(decide()).resolves.toBe(0)
    expect(fabric.seen.map(({ method, server, region, path, token, body }) => [method, server, region, path, token, body])).toEqual(
      ['globex-us-a', 'acme-eu-a'].map((token) => ['POST', 'operator', 'eu-central-1', `/v1/approvals/${ID}/approve`, token, {}]),
    )
    expect(lines).toEqual([`approved  ${ID}  (approver of acme-eu, eu-central-1)`])
  })

  test('a data protection officer gives legal basis and record limit', async () => {
    answer = () => ({ status: 200, body: { status: 'approved' } })
    await decide({ as: 'dpo', legalBasis: 'GDPR Art. 49', recordLimit: 3 })
    expect(fabric.seen[0]).toMatchObject({ token: 'globex-us-d', body: { legal_basis: 'GDPR Art. 49', record_limit: 3 } })
  })

  test('rejects', async () => {
    answer = () => ({ status: 200, body: { status: 'rejected' } })
    await decide({ reject: true, reason: 'no such supplier' })
    expect(fabric.seen[0]).toMatchObject({ path: `/v1/approvals/${ID}/reject`, body: { reason: 'no such supplier' } })
    expect(lines[0]).toMatch(/^rejected /)
  })

  test('says when another approver is needed', async () => {
    answer = () => ({ status: 200, body: { status: 'pending' } })
    await decide()
    expect(lines).toEqual([expect.stringMatching(/^pending /), 'another approver is needed: the same command with --as second'])
  })

  test.each<[string, object, (seen: Seen) => Said | undefined, RegExp, number]>([
    ['an id of another shape', { id: 'apr.eu-west-1' }, () => undefined, /is not an approval id/, 2],
    ['an id of a region that does not run', { id: 'apr.mars-1.x' }, () => undefined, /^no region mars-1 runs here/, 2],
    ['a legal basis without a limit', { legalBasis: 'x' }, () => undefined, /belong together/, 2],
    ['a legal basis for a rejection', { reject: true, legalBasis: 'x', recordLimit: 1 }, () => undefined, /not for rejecting/, 2],
    ['what no tenant has', {}, () => refusal(404, 'not_found'), /no tenant has an approval/, 1],
    ['what was decided', {}, () => refusal(409, 'already_decided'), /^approving apr\.\S+ was refused: already_decided: because/, 1],
    [
      'a person without the role',
      {},
      () => refusal(403, 'subject_mismatch', { region: 'eu-central-1' }),
      /because of subject_mismatch$/,
      1,
    ],
    ['an answer that is no JSON error', {}, () => ({ status: 500, body: 'oh' }), /HTTP 500: without an error body/, 1],
    ['a region that is down', {}, () => undefined, /^eu-central-1 does not answer$/, 1],
  ])('refuses %s, in one line', async (_what, more, said, message, exitCode) => {
    answer = said
    await expect(decide(more)).rejects.toMatchObject({ message: expect.stringMatching(message), exitCode })
    expect(lines).toEqual([])
  })
})

describe('approvals', () => {
  const waiting = (id: string) => ({
    id,
    tenant: 'acme-eu',
    agent: 'finance-agent',
    tool: 'stripe-payments',
    action: 'create_payment',
    expires_at: 'soon',
    roles: ['approver'],
    rules: ['max_amount'],
  })

  test('lists what waits in every region', async () => {
    answer = ({ region }) => ({ status: 200, body: { approvals: [waiting(`apr.${region}.x`)] } })
    await expect(approvals({ stateDir: fabric.stateDir }, out)).resolves.toBe(0)
    expect(fabric.seen.map(({ path, token }) => [path, token])).toEqual(REGIONS.map(() => ['/v1/approvals?status=pending', 'viewer']))
    expect(lines.slice(1).map((line) => line.split(/ {2,}/))).toEqual(
      REGIONS.map(({ region }) => [
        `apr.${region}.x`,
        'acme-eu',
        'finance-agent',
        'stripe-payments.create_payment',
        'max_amount',
        'approver',
        'soon',
      ]),
    )
  })

  test('a region that is down is named, and the list is not said to be whole', async () => {
    answer = ({ region }) => (region === 'eu-west-1' ? undefined : { status: 200, body: { approvals: [] } })
    await expect(approvals({ stateDir: fabric.stateDir }, out)).resolves.toBe(1)
    expect(lines).toContain('eu-west-1 does not answer: what waits there is not in the list')
  })
})

describe('kill, kills, lift', () => {
  const thrown = {
    kills: [{ id: 'kill-1', scope: { type: 'tool', id: 'email' }, reason: 'leak', by: 'ann', at: 'then', region: 'eu-west-1' }],
  }

  test('throws a kill switch at the first region that answers', async () => {
    answer = ({ region }) => (region === 'eu-west-1' ? undefined : { status: 201, body: { id: 'kill-1' } })
    const options = { stateDir: fabric.stateDir, type: 'agent' as const, id: 'rogue-agent', reason: 'it went wild' }
    await expect(kill(options, out)).resolves.toBe(0)
    expect(fabric.seen[1]).toMatchObject({
      server: 'operator',
      region: 'eu-central-1',
      path: '/v1/kills',
      token: 'killer',
      body: { scope: { type: 'agent', id: 'rogue-agent' }, reason: 'it went wild' },
    })
    expect(lines).toEqual(['killed agent rogue-agent at eu-central-1: kill-1', expect.stringContaining('lift kill-1')])
  })

  test('refuses when no region answers, rather than saying that something was stopped', async () => {
    answer = () => undefined
    const options = { stateDir: fabric.stateDir, type: 'agent' as const, id: 'rogue-agent', reason: 'x' }
    await expect(kill(options, out)).rejects.toThrow('eu-west-1, eu-central-1 does not answer')
    await expect(kill({ ...options, region: 'eu-west-1' }, out)).rejects.toThrow('eu-west-1 does not answer')
    expect(lines).toEqual([])
  })

  test('a refusal is no reason to ask another region', async () => {
    answer = () => refusal(403, 'subject_mismatch')
    const options = { stateDir: fabric.stateDir, type: 'agent' as const, id: 'rogue-agent', reason: 'x' }
    await expect(kill(options, out)).rejects.toThrow(/killing agent rogue-agent was refused: subject_mismatch/)
    expect(fabric.seen).toHaveLength(1)
  })

  test.each([
    ['agent', 'rouge-agent', true],
    ['agent', 'rogue-agent', false],
    ['tool', 'e-mail', true],
    ['tenant', 'acme-eu', false],
    ['region', 'eu-west-9', true],
    ['token', 'any', false],
  ] as const)('what a switch names is looked up: %s %s is doubted: %s', async (type, id, doubted) => {
    answer = () => ({ status: 201, body: { id: 'kill-1' } })
    await expect(kill({ stateDir: fabric.stateDir, type, id, reason: 'r' }, out)).resolves.toBe(0)
    expect(lines.some((line) => line.startsWith('ATTENTION'))).toBe(doubted)
  })

  test('lists kill switches', async () => {
    answer = () => ({ status: 200, body: thrown })
    await kills({ stateDir: fabric.stateDir }, out)
    expect(lines[1]?.split(/ {2,}/)).toEqual(['kill-1', 'tool email', 'leak', 'ann', 'then'])
  })

  test('the control plane lifts', async () => {
    answer = ({ server }) => ({ status: 200, body: server === 'operator' ? thrown : {} })
    await lift({ stateDir: fabric.stateDir, id: 'kill-1', reason: 'mended' }, out)
    expect(fabric.seen[1]).toMatchObject({
      server: 'control-plane',
      path: '/v1/lifts',
      token: 'publisher',
      body: { kill_id: 'kill-1', reason: 'mended' },
    })
    answer = () => undefined
    await expect(lift({ stateDir: fabric.stateDir, id: 'kill-1', reason: 'x' }, out)).rejects.toThrow('the control plane does not answer')
  })

  test('refuses to lift what no region knows, as a slip in the id would lift nothing', async () => {
    answer = ({ server }) => ({ status: 200, body: server === 'operator' ? thrown : {} })
    await expect(lift({ stateDir: fabric.stateDir, id: 'kill-2', reason: 'x' }, out)).rejects.toThrow(
      'eu-west-1 knows no kill switch kill-2',
    )
    expect(fabric.seen.some(({ server }) => server === 'control-plane')).toBe(false)
  })

  test('with every region away the control plane still lifts', async () => {
    answer = ({ server }) => (server === 'operator' ? undefined : { status: 200, body: {} })
    await expect(lift({ stateDir: fabric.stateDir, id: 'kill-2', reason: 'x' }, out)).resolves.toBe(0)
  })
})

describe('promote', () => {
  const order = { tenant: 'clinic-eu', region: 'eu-central-1' }
  const run = (homeLost = false) => promote({ stateDir: fabric.stateDir, ...order, homeLost, patienceMs: 0 }, out)
  const serves = { status: 200, body: { homes: [{ tenant: 'clinic-eu', active_region: 'eu-central-1', serves: true }] } }
  const elsewhere = refusal(409, 'held_elsewhere', { region: 'eu-west-1' })

  test('the active region, which the other names, releases the tenant', async () => {
    answer = ({ region, method }) => {
      if (method === 'GET') return serves
      return region === 'eu-west-1' ? { status: 201, body: { ...order, epoch: 4 } } : elsewhere
    }
    await expect(run()).resolves.toBe(0)
    expect(fabric.seen.slice(0, 2).map(({ region, path, token, body }) => [region, path, token, body])).toEqual(
      ['eu-central-1', 'eu-west-1'].map((region) => [region, '/v1/promotions', 'failover', { ...order, home_lost: false }]),
    )
    expect(lines).toEqual(['clinic-eu is served by eu-central-1, epoch 4: released by eu-west-1'])
  })

  test('with --home-lost the target region writes, and nobody else is asked', async () => {
    answer = ({ method }) => (method === 'GET' ? serves : { status: 201, body: { ...order, epoch: 5, home_lost: true } })
    await run(true)
    expect(fabric.seen.filter(({ method }) => method === 'POST').map(({ region, body }) => [region, body])).toEqual([
      ['eu-central-1', { ...order, home_lost: true }],
    ])
    expect(fabric.seen.every(({ region }) => region === 'eu-central-1')).toBe(true)
    expect(lines[0]).toBe('clinic-eu is served by eu-central-1, epoch 5: on your word that the former region is lost')
  })

  test('refuses when the active region does not answer, and says what else there is', async () => {
    answer = ({ region }) => (region === 'eu-west-1' ? undefined : elsewhere)
    await expect(run()).rejects.toThrow(/eu-west-1 serves the tenant and does not answer.*--home-lost/)
  })

  test('says so when the region serves the tenant already', async () => {
    answer = ({ method }) => (method === 'GET' ? serves : { status: 201, body: { ...order, epoch: 2, home_lost: false } })
    await run()
    await run(true)
    expect(lines).toEqual(Array.from({ length: 2 }, () => 'clinic-eu is served by eu-central-1, epoch 2: as before'))
  })

  test('says so when the region does not serve the tenant in the end', async () => {
    const not = { status: 200, body: { homes: [{ tenant: 'clinic-eu', active_region: 'eu-central-1', serves: false }] } }
    answer = ({ method }) => (method === 'GET' ? not : { status: 201, body: { ...order, epoch: 5, home_lost: true } })
    await expect(run(true)).resolves.toBe(1)
    expect(lines[1]).toBe('eu-central-1 does not serve it yet; aegis status shows when it does')
  })

  test('refuses when the active region was left out of the start, and says what else there is', async () => {
    answer = () => refusal(409, 'held_elsewhere', { region: 'eu-north-1' })
    await expect(run()).rejects.toThrow(/eu-north-1 serves the tenant and does not run here.*--home-lost/)
  })

  test('refuses to be sent around', async () => {
    answer = ({ region }) => refusal(409, 'held_elsewhere', { region: region === 'eu-west-1' ? 'eu-central-1' : 'eu-west-1' })
    await expect(run()).rejects.toThrow(/promoting eu-central-1 for clinic-eu was refused: held_elsewhere: .* \(ask region eu-central-1\)/)
    expect(fabric.seen).toHaveLength(2)
    await expect(run(true)).rejects.toThrow(/held_elsewhere/)
    expect(fabric.seen).toHaveLength(3)
  })
})
