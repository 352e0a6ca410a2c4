import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { call, requestOf } from '../../runtime/cli/call.ts'
import { CommandError } from '../../runtime/cli/exit-codes.ts'

let dir: string
let server: Server
let seen: { url: string; body: string; host: string | undefined; headers: IncomingHttpHeaders }[]
let answer: { status: number; headers: Record<string, string>; body: string }
let lines: string[]

const jwt = (claims: object) => `e30.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.x`

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'aegis-call-'))
  seen = []
  lines = []
  answer = { status: 200, headers: {}, body: '{"decision":"allow"}' }
  server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    seen.push({ url: request.url ?? '', body: Buffer.concat(chunks).toString(), host: request.headers.host, headers: request.headers })
    response.writeHead(answer.status, answer.headers).end(answer.body)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const here = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const fabric = {
    control_plane: here,
    dns: '127.0.0.1:53',
    profile: 'compressed',
    names: { global: 'http://global.aegis.example', eu: 'http://eu.aegis.example' },
    wan: { eu: here, us: here },
    regions: [{ region: 'eu-west-1', zone: 'eu', gateway: here }],
    demo_tokens: { 'finance-agent': jwt({ zone: 'eu' }), 'research-agent': jwt({ zone: 'global' }) },
  }
  writeFileSync(join(dir, 'fabric.json'), JSON.stringify(fabric))
  writeFileSync(join(dir, 'supervisor.json'), JSON.stringify({ url: here, token: 't', pid: process.pid }))
})
afterEach(() => {
  server.close()
  server.closeAllConnections()
  rmSync(dir, { recursive: true })
})

const make = (more: object) =>
  call({ stateDir: dir, agent: 'finance-agent', action: 'crm.read_contact', json: '{"id":"x"}', ...more }, (line) => lines.push(line))

test('the arguments reach the gateway byte by byte', async () => {
  const json = '{"amount": 1e400, "amount": 1, "x": 0.10}'
  await make({ json, region: 'eu-west-1' })
  expect(seen[0]?.body).toBe(`{"tool":"crm","action":"read_contact","arguments":${json}}`)
  await make({ json, region: 'eu-west-1', toolDoor: true })
  expect(seen[1]).toMatchObject({ url: '/v1/tools/crm/read_contact', body: json })
})

test("approval, chain and key go in the body, or in headers where the body is the tool's", async () => {
  const more = { region: 'eu-west-1', approval: 'o.v.r', chain: 'chn.eu-west-1.a.b', key: 'k"1' }
  await make(more)
  expect(JSON.parse(seen[0]?.body ?? '')).toEqual({
    tool: 'crm',
    action: 'read_contact',
    arguments: { id: 'x' },
    approval: 'o.v.r',
    chain: 'chn.eu-west-1.a.b',
    idempotency_key: 'k"1',
  })
  await make({ ...more, toolDoor: true })
  expect(seen[1]?.body).toBe('{"id":"x"}')
  expect(seen[1]?.headers).toMatchObject({
    'aegis-approval': 'o.v.r',
    'aegis-chain': 'chn.eu-west-1.a.b',
    'aegis-idempotency-key': 'k"1',
  })
})

test('the id of an approval is exchanged for its override token, in its region, as the agent', async () => {
  answer = { status: 200, headers: {}, body: '{"token":"o.v.r","expires_at":"soon"}' }
  await make({ region: 'eu-west-1', approval: 'apr.eu-west-1.abc' })
  expect(seen[0]).toMatchObject({ url: '/v1/approvals/apr.eu-west-1.abc/token', body: '{}' })
  expect(seen[0]?.headers.authorization).toBe(`Bearer ${jwt({ zone: 'eu' })}`)
  expect(JSON.parse(seen[1]?.body ?? '')).toMatchObject({ approval: 'o.v.r' })
})

test('refuses to call with an approval that gives no token', async () => {
  answer = { status: 409, headers: {}, body: '{"error":{"code":"in_progress","message":"nobody has decided yet"}}' }
  const call = make({ region: 'eu-west-1', approval: 'apr.eu-west-1.abc' })
  await expect(call).rejects.toThrow('no override token for apr.eu-west-1.abc: in_progress: nobody has decided yet')
  expect(seen).toHaveLength(1)
})

test('a new session is a new token', async () => {
  answer = { status: 200, headers: {}, body: JSON.stringify({ token: jwt({ zone: 'eu' }) }) }
  await make({ region: 'eu-west-1', newSession: true })
  expect(seen.map(({ url, body }) => [url, body])).toEqual([
    ['/tokens', '{"agent":"finance-agent"}'],
    ['/v1/decisions', expect.any(String)],
  ])
})

test('without a place a call takes the way of the agent: its zone, else the global name', async () => {
  await make({})
  await make({ agent: 'research-agent' })
  expect(seen.map(({ url, host }) => [url, host])).toEqual([
    ['http://eu.aegis.example/v1/decisions', 'eu.aegis.example'],
    ['http://global.aegis.example/v1/decisions', 'global.aegis.example'],
  ])
})

test('a deny is an answer; an error is a failure', async () => {
  await expect(make({})).resolves.toBe(0)
  answer = { status: 403, headers: { 'aegis-decision': 'deny' }, body: '{"decision":"deny"}' }
  await expect(make({ toolDoor: true })).resolves.toBe(0)
  answer = { status: 401, headers: {}, body: '{"error":{"code":"wrong_zone"}}' }
  await expect(make({})).resolves.toBe(1)
  expect(lines).toContain('HTTP 401')
})

test.each([
  [{ action: 'crm' }, /is not a tool\.action/],
  [{ action: '.x' }, /is not a tool\.action/],
  [{ action: 'crm.' }, /is not a tool\.action/],
  [{ agent: 'nobody' }, /no token for agent nobody; this fabric has them for finance-agent, research-agent/],
  [{ region: 'mars-1' }, /no region mars-1 runs here/],
  [{ via: 'mars' }, /no public name mars, there are global, eu/],
  [{ via: 'eu', from: 'mars' }, /no place mars, there are eu, us/],
  [{ via: 'eu', region: 'eu-west-1' }, /give one of them/],
  [{ from: 'us', region: 'eu-west-1' }, /--from is for calls by name/],
])('refuses %j', async (more, message) => {
  await expect(make(more)).rejects.toThrow(message)
  await expect(make(more)).rejects.toBeInstanceOf(CommandError)
})

test('refuses when no fabric runs, or the one that did was killed', async () => {
  writeFileSync(
    join(dir, 'supervisor.json'),
    JSON.stringify({ url: 'http://127.0.0.1:1', token: 't', pid: 2 ** 22 + 1, publish_token: 'p' }),
  )
  await expect(make({})).rejects.toThrow(/has ended; start one with npm start/)
  rmSync(join(dir, 'fabric.json'))
  await expect(make({})).rejects.toThrow(/no fabric runs here/)
})

test('dots in an action belong to the action', () => {
  expect(requestOf({ action: 'files.read.text', json: '{}', toolDoor: true }).path).toBe('/v1/tools/files/read.text')
})
