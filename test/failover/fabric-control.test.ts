import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { connectFabric, FabricUnreachable } from '../../runtime/failover/faults/fabric.ts'
import { profile } from './support/profile.ts'

const BEHIND_MS = 5000
const timings = { health_check_interval_ms: 1000, health_check_failure_threshold: 3, record_ttl_ms: 3000, client_timeout_ms: 1000 }

const operators = { publisher: 'p', viewer: 'v' }

let folder: string
let server: Server
let answers: Record<string, object | undefined>
let asked: { path: string; token: string | undefined; body: string }[]

// A supervisor whose clock is five seconds behind.
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'aegis-control-'))
  asked = []
  const theirs = () => performance.timeOrigin + performance.now() - BEHIND_MS
  answers = {
    'GET /status': {
      profile: {
        name: 'compressed',
        ...timings,
        divisor: 10,
        deployed: { ...timings, health_check_interval_ms: 10_000, record_ttl_ms: 30_000 },
      },
      regions: [{ region: 'eu-west-1', zone: 'eu', state: 'up', processes: [] }],
      versions: { engine: 'none' },
      templates: '0123456789abcdef',
    },
    'POST /faults/kill': { at_ms: 1000, done_at_ms: 1010, killed: [{ name: 'gateway', pid: 1 }] },
    'GET /events?after=3': {
      last: 6,
      events: [
        { seq: 4, type: 'health', at_ms: 2000, region: 'eu-west-1', state: 'unhealthy' },
        { seq: 5, type: 'eclipse', at_ms: 2001 },
        { seq: 6, type: 'process', at_ms: 2002, name: 'world', event: 'ready' },
      ],
    },
    'GET /health': {
      get now_ms() {
        return theirs()
      },
      checks: [{ region: 'eu-west-1', state: 'unhealthy', since_ms: 1000 }],
    },
    'GET /dns?name=eu.aegis.example&place=eu': { regions: ['eu-west-1'] },
  }
  server = createServer(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += chunk
    asked.push({ path: `${request.method} ${request.url}`, token: request.headers.authorization, body })
    const answer = answers[`${request.method} ${request.url}`]
    if (answer === undefined) response.writeHead(409).end('{"error":{"code":"wrong_state","message":"not up"}}')
    else response.end(JSON.stringify(answer))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  writeFileSync(
    join(folder, 'supervisor.json'),
    JSON.stringify({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, token: 'secret', pid: 1 }),
  )
  writeFileSync(
    join(folder, 'fabric.json'),
    JSON.stringify({ names: { eu: 'http://eu.aegis.example' }, wan: { eu: 'http://127.0.0.1:9' }, demo_tokens: { a: 't' } }),
  )
})

afterEach(async () => {
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
  rmSync(folder, { recursive: true })
})

describe('the fabric driver', () => {
  test('reads profile, regions, names and tokens', async () => {
    const fabric = await connectFabric(folder)
    expect(fabric.profile).toEqual(profile)
    expect(fabric.regions).toEqual([{ region: 'eu-west-1', zone: 'eu' }])
    expect(fabric.names).toEqual({ eu: 'eu.aegis.example' })
    expect(await fabric.tokens()).toEqual({ a: 't' })
    expect(await fabric.dnsAnswer('eu.aegis.example', 'eu')).toEqual(['eu-west-1'])
    expect(asked[0]?.token).toBe('Bearer secret')
  })

  test('translates times of the supervisor to the clock of the drill', async () => {
    const fabric = await connectFabric(folder)
    const mark = await fabric.killRegion('eu-west-1', 1234.5)
    expect(mark.processes).toEqual(['gateway'])
    expect(Math.abs(mark.atMs - (1000 + BEHIND_MS))).toBeLessThan(500)
    expect(mark.doneAtMs - mark.atMs).toBeCloseTo(10)
    expect(JSON.parse(asked.at(-1)?.body ?? '')).toEqual({ region: 'eu-west-1', restore_after_ms: 1235 })
  })

  test('has the control plane publish, as its publisher, and looks at what every gateway serves', async () => {
    const { port } = server.address() as AddressInfo
    writeFileSync(
      join(folder, 'fabric.json'),
      JSON.stringify({ names: {}, wan: {}, demo_tokens: {}, control_plane: `http://127.0.0.1:${port}`, operator_tokens: operators }),
    )
    const fabric = await connectFabric(folder)
    expect(await fabric.publication()).toBeUndefined()
    answers['POST /v1/renewals'] = { revision: 'r', seq: 9 }
    answers['GET /v1/status'] = {
      regions: [
        { region: 'eu-west-1', error: null },
        { region: 'us-east-1', error: 'away' },
      ],
      fleet: [
        { region: 'eu-west-1', seq: 9 },
        { region: 'eu-west-1', seq: 8 },
      ],
    }
    await fabric.publishAnew()
    expect(asked.at(-1)?.token).toBe('Bearer p')
    expect(await fabric.publication()).toEqual({
      orderedSeq: 9,
      regions: [
        { region: 'eu-west-1', servedSeq: 8, error: null },
        { region: 'us-east-1', servedSeq: null, error: 'away' },
      ],
    })
    expect(asked.at(-1)?.token).toBe('Bearer v')
  })

  test('passes over kinds of events that it does not know', async () => {
    const { last, events } = await (await connectFabric(folder)).events(3)
    expect(last).toBe(6)
    expect(events.map(({ type }) => type)).toEqual(['health', 'process'])
  })

  test('refuses an answer in another form instead of guessing', async () => {
    const fabric = await connectFabric(folder)
    answers['GET /health'] = { now_ms: 1, checks: [{ region: 'eu-west-1', state: 'sick', since_ms: 1 }] }
    await expect(fabric.health()).rejects.toThrow(/answered GET \/health in an unknown form/)
  })

  test('refuses to pretend that a refused fault took place', async () => {
    await expect((await connectFabric(folder)).restoreRegion('eu-west-1')).rejects.toThrow(
      /refused POST \/faults\/restore with 409.*not up/,
    )
  })

  test('refuses when no fabric runs', async () => {
    rmSync(join(folder, 'fabric.json'))
    await expect(connectFabric(folder)).rejects.toThrow(FabricUnreachable)
    await expect(connectFabric(join(folder, 'none'))).rejects.toThrow(/no fabric runs here/)
  })

  test('refuses a fabric whose files are left over from one that is gone', async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
    await expect(connectFabric(folder)).rejects.toThrow(FabricUnreachable)
    server = createServer()
  })
})
