import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import type { ProbeResult } from '../../runtime/failover/journal.ts'
import type { Client } from '../../runtime/failover/plan.ts'
import { openCaller } from '../../runtime/failover/probes/call.ts'
import { judgeAnswer } from '../../runtime/failover/probes/judge.ts'
import { type Probes, workerProbes } from '../../runtime/failover/probes/probes.ts'
import { arrivalsFrom } from '../../runtime/failover/probes/schedule.ts'

describe('the arrival schedule', () => {
  const target = fc.record({
    perSecond: fc.integer({ min: 1, max: 100 }),
    freshEvery: fc.integer({ min: 1, max: 10 }),
    calls: fc.array(fc.constant({}), { minLength: 1, maxLength: 4 }),
  })

  test('holds every rate, in order of time, and gives every call both kinds of connection', () => {
    fc.assert(
      fc.property(fc.array(target, { minLength: 1, maxLength: 5 }), (drawn) => {
        const targets = drawn.map((one, index) => ({ ...one, id: `c${index}` }))
        const arrivals = []
        for (const arrival of arrivalsFrom(targets, 1000)) {
          if (arrival.dueMs >= 61_000) break
          arrivals.push(arrival)
        }
        expect(arrivals.map(({ dueMs }) => dueMs)).toEqual(arrivals.map(({ dueMs }) => dueMs).toSorted((a, b) => a - b))
        for (const { id, perSecond, freshEvery, calls } of targets) {
          const mine = arrivals.filter(({ client }) => client === id)
          expect(Math.abs(mine.length - perSecond * 60)).toBeLessThanOrEqual(1)
          expect(Math.abs(mine.filter(({ connection }) => connection === 'fresh').length - mine.length / freshEvery)).toBeLessThanOrEqual(1)
          expect(new Set(mine.map(({ call }) => call)).size).toBe(calls.length)
        }
      }),
      { numRuns: 30 },
    )
  })
})

describe('judging an answer', () => {
  const verdict = (more: object) => JSON.stringify({ decision: 'allow', region: 'eu-west-1', reasons: [], ...more })
  const judge = (status: number, text: string, headers: Record<string, string> = {}) =>
    judgeAnswer({ status, headers, text }, { expect: 'allow', reason: undefined }, ['eu-west-1', 'eu-central-1'])

  test('the expected decision from an allowed region is a success', () => {
    expect(judge(200, verdict({ region: 'eu-central-1' }))).toEqual({
      ok: true,
      region: 'eu-central-1',
      wrongVerdict: false,
      residencyViolation: false,
    })
  })

  test.each([
    ['another decision', 200, verdict({ decision: 'deny' }), { failure: 'wrong_verdict', wrongVerdict: true, residencyViolation: false }],
    ['a foreign region', 200, verdict({ region: 'us-east-1' }), { failure: 'foreign_zone', wrongVerdict: false, residencyViolation: true }],
    [
      'both',
      200,
      verdict({ region: 'us-east-1', decision: 'deny' }),
      { failure: 'wrong_verdict', wrongVerdict: true, residencyViolation: true },
    ],
    ['a 200 without a verdict', 200, '<html>', { failure: 'bad_answer', wrongVerdict: true, residencyViolation: false }],
    ['a coded error', 503, '{"error":{"code":"not_ready"}}', { failure: 'http_503', detail: 'not_ready', wrongVerdict: false }],
    ['an error without a code', 502, 'oops', { failure: 'http_502', wrongVerdict: false }],
  ])('refuses %s', (_, status, text, expected) => {
    expect(judge(status, text)).toMatchObject({ ok: false, ...expected })
  })

  test('refuses a denial for another reason than the expected one', () => {
    const answer = { status: 200, headers: {}, text: verdict({ decision: 'deny', reasons: [{ code: 'policy_error' }] }) }
    expect(judgeAnswer(answer, { expect: 'deny', reason: 'tool_not_allowed' }, ['eu-west-1'])).toMatchObject({
      ok: false,
      wrongVerdict: true,
    })
    const right = { ...answer, text: verdict({ decision: 'deny', reasons: [{ code: 'tool_not_allowed' }] }) }
    expect(judgeAnswer(right, { expect: 'deny', reason: 'tool_not_allowed' }, ['eu-west-1'])).toMatchObject({ ok: true })
  })

  test.each([
    ['refused', 'refused'],
    ['reset', 'reset'],
    ['unresolved', 'dns'],
    ['no_route', 'other'],
  ])('takes the reason of the network for a connection that did not come about: %s', (reason, failure) => {
    expect(judge(502, 'nobody listens', { 'aegis-wan': reason })).toMatchObject({ ok: false, failure })
  })
})

describe('a call', () => {
  const closing: (() => Promise<void>)[] = []
  afterEach(async () => {
    for (const close of closing.splice(0)) await close()
  })

  /** A proxy as a client sees it, with the answers of a gateway behind it. */
  async function proxy(
    handle: (request: IncomingMessage, response: ServerResponse) => void,
  ): Promise<{ url: string; server: Server; connections: () => number }> {
    let connections = 0
    const server = createServer(handle)
    server.on('connection', () => {
      connections += 1
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    closing.push(async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    })
    return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, server, connections: () => connections }
  }

  const client = (proxyUrl: string, more: Partial<Client> = {}): Client => ({
    id: 'eu-agent',
    place: 'eu',
    host: 'eu.aegis.example',
    proxyUrl,
    agent: 'finance-agent',
    perSecond: 50,
    freshEvery: 4,
    timeoutMs: 200,
    calls: [{ id: 'pay', tool: 'stripe-payments', action: 'create_payment', arguments: { amount: 100 }, expect: 'allow' }],
    allowedRegions: ['eu-west-1'],
    ...more,
  })
  const arrival = (connection: 'fresh' | 'kept') => ({ client: 'eu-agent', dueMs: 0, call: 0, connection })
  const allow = (_: IncomingMessage, response: ServerResponse) => response.end(JSON.stringify({ decision: 'allow', region: 'eu-west-1' }))

  test('asks the proxy of its place for the name, with its token', async () => {
    const seen: { url?: string | undefined; host?: string | undefined; token?: string | undefined; body?: string } = {}
    const { url } = await proxy(async (request, response) => {
      let body = ''
      for await (const chunk of request) body += chunk
      Object.assign(seen, { url: request.url, host: request.headers.host, token: request.headers.authorization, body })
      allow(request, response)
    })
    const caller = openCaller(client(url), 'the-token')
    expect(await caller.call(arrival('kept'))).toMatchObject({ ok: true, region: 'eu-west-1', call: 'pay' })
    caller.close()
    expect(seen).toMatchObject({ url: 'http://eu.aegis.example/v1/decisions', host: 'eu.aegis.example', token: 'Bearer the-token' })
    expect(JSON.parse(seen.body ?? '')).toEqual({ tool: 'stripe-payments', action: 'create_payment', arguments: { amount: 100 } })
  })

  test('keeps its connection, opens one for a fresh call, and drops all of them after a failure', async () => {
    let failing = false
    const { url, connections } = await proxy((request, response) => {
      if (failing) response.writeHead(502, { 'aegis-wan': 'refused' }).end()
      else allow(request, response)
    })
    const caller = openCaller(client(url), 't')
    for (const kind of ['kept', 'kept', 'kept'] as const) {
      await caller.call(arrival(kind))
      // A connection is free for the next call only a turn of the event loop after its answer.
      await delay(5)
    }
    expect(connections()).toBe(1)
    await caller.call(arrival('fresh'))
    expect(connections()).toBe(2)
    failing = true
    expect(await caller.call(arrival('kept'))).toMatchObject({ ok: false, failure: 'refused' })
    failing = false
    expect(await caller.call(arrival('kept'))).toMatchObject({ ok: true })
    expect(connections()).toBe(3)
    caller.close()
  })

  test('names a silent, a dying and a missing far end by what the client sees', async () => {
    const silent = openCaller(client((await proxy(() => {})).url), 't')
    expect(await silent.call(arrival('kept'))).toMatchObject({ ok: false, failure: 'timeout' })
    const dying = openCaller(client((await proxy((request) => request.socket.resetAndDestroy())).url), 't')
    expect(await dying.call(arrival('kept'))).toMatchObject({ ok: false, failure: 'reset' })
    const { url, server } = await proxy(allow)
    closing.pop()
    await new Promise((resolve) => server.close(resolve))
    const missing = openCaller(client(url), 't')
    expect(await missing.call(arrival('fresh'))).toMatchObject({ ok: false, failure: 'proxy' })
    for (const caller of [silent, dying, missing]) caller.close()
  })

  describe('in a thread of its own', () => {
    async function resultsOf(probes: Probes, clients: Client[], ms: number): Promise<ProbeResult[]> {
      await probes.start(clients, { 'finance-agent': 'token' })
      await delay(ms)
      return [...probes.drain(), ...(await probes.stop())]
    }

    test('goes on at its rate while answers are slow, and waits for what is under way', async () => {
      const { url } = await proxy((request, response) => void setTimeout(() => allow(request, response), 100))
      const results = await resultsOf(workerProbes(), [client(url, { timeoutMs: 5000 })], 1200)
      // Closed-loop load could not have made more than a dozen.
      expect(results.length).toBeGreaterThan(20)
      expect(results.every(({ ok, doneMs, sentMs }) => ok && doneMs - sentMs >= 95)).toBe(true)
      expect(results.every(({ sentMs, dueMs }) => sentMs > dueMs - 2)).toBe(true)
    })

    test('does not send late because the main thread is busy', async () => {
      const { url } = await proxy(allow)
      const probes = workerProbes()
      await probes.start([client(url, { timeoutMs: 5000, perSecond: 100 })], { 'finance-agent': 'token' })
      await delay(600)
      probes.drain()
      const busyFromMs = performance.timeOrigin + performance.now()
      while (performance.timeOrigin + performance.now() < busyFromMs + 500);
      const results = await probes.stop()
      const sentMeanwhile = results.filter(({ sentMs }) => sentMs > busyFromMs + 50 && sentMs < busyFromMs + 450)
      expect(sentMeanwhile.length).toBeGreaterThan(10)
    })

    test('is told apart from a fault when it dies', async () => {
      const probes = workerProbes()
      await probes.start([client('not a url')], { 'finance-agent': 'token' })
      for (let waited = 0; waited < 5000; waited += 50) {
        await delay(50)
        try {
          probes.drain()
        } catch (error) {
          expect((error as Error).message).toMatch(/^the probe died: /)
          await probes.stop()
          return
        }
      }
      throw new Error('the death of the probe went unnoticed')
    })
  })
})
