import { afterEach, beforeEach, expect, test } from '@jest/globals'
import type { FastifyInstance } from 'fastify'
import { WrongStateError } from '../../../runtime/fabric/supervisor/cells.ts'
import { buildControlApi } from '../../../runtime/fabric/supervisor/control-server.ts'
import { eventLog } from '../../../runtime/fabric/supervisor/events.ts'

const TOKEN = 'control-token'
let app: FastifyInstance
let asked: unknown[]

beforeEach(() => {
  asked = []
  const events = eventLog()
  events.append({ type: 'health', at_ms: 5, region: 'eu-west-1', state: 'unhealthy' })
  events.append({ type: 'process', at_ms: 6, name: 'gateway', region: 'eu-west-1', event: 'exited', signal: 'SIGKILL' })
  const note =
    <T>(answer: T) =>
    async (...args: unknown[]) => {
      asked.push(args)
      return answer
    }
  app = buildControlApi({
    token: TOKEN,
    regions: ['eu-west-1', 'us-east-1'],
    places: ['eu', 'us', 'eu-west-1'],
    status: async () => ({ boot_id: 'b' }),
    health: async () => [{ id: 'c', region: 'eu-west-1', state: 'healthy', since_ms: 1, probing: true }],
    events,
    dns: note({ rcode: 'NOERROR', answers: [], regions: ['eu-west-1'] }),
    faults: {
      state: () => 'up',
      kill: async (region, restoreAfterMs) => {
        asked.push([region, restoreAfterMs])
        if (region === 'us-east-1') throw new WrongStateError('region us-east-1 is down, not up')
        return { at_ms: 1, done_at_ms: 2, killed: [{ name: 'gateway', pid: 1 }] }
      },
      restore: note({ at_ms: 1, ready_at_ms: 2, started: [] }),
      close: () => {},
    },
    cuts: {
      between: note({ at_ms: 1, done_at_ms: 2, between: [['eu-west-1', 'us-east-1']], isolated: [] }),
      isolate: note({ at_ms: 1, done_at_ms: 2, between: [], isolated: ['us-east-1'] }),
      mend: note({ at_ms: 3, done_at_ms: 4 }),
    },
    tools: ['crm'],
    setDefinition: note(undefined),
    issueToken: note('a.b.c'),
    received: note([]),
  })
})
afterEach(() => app.close())

const ask = (method: 'GET' | 'POST', url: string, payload?: object, authorization = `Bearer ${TOKEN}`) =>
  app.inject({ method, url, headers: { authorization }, ...(payload !== undefined && { payload }) })

test('answers with its own clock', async () => {
  for (const path of ['/status', '/health', '/events', '/dns?name=eu.aegis.example&place=eu']) {
    expect((await ask('GET', path)).json()).toMatchObject({ now_ms: expect.any(Number) })
  }
})

test('refuses whoever has no token, whatever the path', async () => {
  for (const authorization of ['', 'Bearer', `Bearer ${TOKEN} `, `bearer ${TOKEN}`, TOKEN]) {
    for (const path of ['/status', '/nowhere']) expect((await ask('GET', path, undefined, authorization)).statusCode).toBe(401)
    expect((await ask('POST', '/faults/kill', { region: 'eu-west-1' }, authorization)).statusCode).toBe(401)
  }
  expect(asked).toEqual([])
})

test('gives the events after a number', async () => {
  expect((await ask('GET', '/events?after=1')).json()).toMatchObject({ last: 2, events: [{ seq: 2, type: 'process', signal: 'SIGKILL' }] })
})

test('kills and restores a region, and the control plane', async () => {
  expect((await ask('POST', '/faults/kill', { region: 'eu-west-1', restore_after_ms: 1000 })).json()).toMatchObject({
    at_ms: 1,
    done_at_ms: 2,
  })
  expect((await ask('POST', '/faults/restore', { region: 'control-plane' })).json()).toMatchObject({ ready_at_ms: 2 })
  expect(asked).toEqual([['eu-west-1', 1000], ['control-plane']])
})

test('cuts regions off from one another, or one from everybody, and mends', async () => {
  expect((await ask('POST', '/faults/cut', { regions: ['eu-west-1', 'us-east-1'] })).json()).toMatchObject({ done_at_ms: 2 })
  expect((await ask('POST', '/faults/cut', { region: 'us-east-1' })).json()).toMatchObject({ isolated: ['us-east-1'] })
  expect((await ask('POST', '/faults/mend')).json()).toMatchObject({ at_ms: 3 })
  expect(asked).toEqual([[['eu-west-1', 'us-east-1']], ['us-east-1'], []])
})

test("makes a tool's definition drift, and takes it back", async () => {
  for (const drifted of [true, false]) {
    expect((await ask('POST', '/faults/definition', { tool: 'crm', drifted })).json()).toMatchObject({ tool: 'crm', drifted })
  }
  expect(asked).toEqual([[{ tool: 'crm', drifted: true }], [{ tool: 'crm', drifted: false }]])
})

test('mints a token as ordered', async () => {
  const order = { agent: 'research-agent', issuer_region: 'us-east-1', aud: 'https://global.aegis.example' }
  expect((await ask('POST', '/tokens', order)).json()).toEqual({ token: 'a.b.c' })
  expect(asked).toEqual([[{ agent: 'research-agent', issuerRegion: 'us-east-1', aud: 'https://global.aegis.example' }]])
})

test.each([
  ['POST', '/faults/kill', { region: 'mars-1' }, 400, /region must be control-plane or one of eu-west-1, us-east-1/],
  ['POST', '/faults/kill', { region: 'eu-west-1', restore_after: 5 }, 400, /restore_after/],
  ['POST', '/faults/kill', undefined, 400, /the body/],
  ['POST', '/faults/definition', { tool: 'ehr', drifted: true }, 400, /tool is not a tool of the documents \(crm\)/],
  ['POST', '/faults/cut', { regions: ['eu-west-1'] }, 400, /regions Too small/],
  ['POST', '/faults/cut', { regions: ['eu-west-1', 'eu-central-1'] }, 400, /regions.1 is not a region that runs here/],
  ['POST', '/faults/cut', { regions: ['eu-west-1', 'eu-west-1'] }, 400, /regions names one twice/],
  ['POST', '/faults/cut', { region: 'eu-west-1', regions: ['eu-west-1', 'us-east-1'] }, 400, /takes \{/],
  ['POST', '/faults/kill', { region: 'us-east-1' }, 409, /is down, not up/],
  ['GET', '/dns?name=eu.aegis.example&place=mars', undefined, 400, /place is not a place \(eu, us, eu-west-1\)/],
  ['GET', '/events?after=-1', undefined, 400, /after/],
  ['GET', '/nowhere', undefined, 404, /nothing/],
] as const)('refuses %s %s %j with %i', async (method, path, payload, status, message) => {
  const answer = await ask(method, path, payload)
  expect(answer.statusCode).toBe(status)
  expect(answer.json().error.message).toMatch(message)
})
