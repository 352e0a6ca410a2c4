import { once } from 'node:events'
import type { RequestListener } from 'node:http'
import { connect } from 'node:net'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { get, httpServer, oneConnection, type SmallWan, silent, smallWan } from './small-wan.ts'

// Plain HTTP in absolute form: how clients reach gateways behind a load balancer.

let wan: SmallWan
let proxy: number
beforeEach(async () => {
  wan = await smallWan()
  proxy = wan.ports.eu as number
  wan.name('eu.test.example', '44.128.1.10')
})
afterEach(() => wan.close())

async function serve(listener: RequestListener, address = '44.128.1.10', region = 'eu-west-1') {
  const server = await httpServer(listener)
  wan.onClose(server.close)
  wan.put(address, 80, server.port, region)
  return server
}

test('request and response pass unchanged, doubled headers and untidy paths too', async () => {
  await serve((req, res) => {
    res.writeHead(201, ['x-one', '1', 'x-one', '2'])
    res.end(JSON.stringify({ url: req.url, authorization: req.rawHeaders.filter((name) => name.toLowerCase() === 'authorization').length }))
  })
  const headers = ['host', 'eu.test.example', 'authorization', 'a', 'authorization', 'b', 'proxy-connection', 'keep-alive']
  const reply = await get(proxy, 'http://eu.test.example/a/../b?q=%7e', { headers })
  expect(reply.status).toBe(201)
  expect(reply.headers['x-one']).toBe('1, 2')
  expect(JSON.parse(reply.body)).toEqual({ url: '/a/../b?q=%7e', authorization: 2 })
})

test('a body streams through, chunked or with a length', async () => {
  await serve((req, res) => req.pipe(res))
  const socket = connect(proxy, '127.0.0.1')
  socket.write(
    'POST http://eu.test.example/ HTTP/1.1\r\nhost: eu.test.example\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n5\r\nhello\r\n',
  )
  socket.write('6\r\n world\r\n0\r\n\r\n')
  let text = ''
  for await (const chunk of socket) text += chunk
  expect(text).toMatch(/^HTTP\/1\.1 200 OK/)
  expect(text.replace(/\r\n[0-9a-f]+\r\n/g, '')).toContain('hello world')
})

test('a kept connection keeps its far connection through many requests, and leaves no listener behind', async () => {
  const server = await serve((_req, res) => res.end('ok'))
  const agent = oneConnection()
  const warnings: Error[] = []
  const warn = (warning: Error) => warnings.push(warning)
  process.on('warning', warn)
  for (let count = 0; count < 15; count++) await get(proxy, 'http://eu.test.example/', { agent })
  await new Promise(setImmediate)
  process.off('warning', warn)
  expect(server.sockets.size).toBe(1)
  expect(warnings).toEqual([])
  agent.destroy()
})

test('a changed name holds for new connections, while a kept one stays where it is', async () => {
  await serve((_req, res) => res.end('old'))
  await serve((_req, res) => res.end('new'), '44.128.2.10', 'us-east-1')
  const kept = oneConnection()
  const ask = async (agent = oneConnection()) => (await get(proxy, 'http://eu.test.example/', { agent })).body
  expect(await ask(kept)).toBe('old')
  wan.name('eu.test.example', '44.128.2.10')
  const fresh = oneConnection()
  expect([await ask(kept), await ask(fresh)]).toEqual(['old', 'new'])
  kept.destroy()
  fresh.destroy()
})

test.each([
  ['a name that does not exist', 'http://nope.test.example/', 'unresolved'],
  ['a port that nobody has', 'http://eu.test.example:81/', 'no_route'],
  ['a gateway that is down', 'http://eu.test.example/', 'refused'],
])('refuses %s with 502 and the reason', async (_what, url, reason) => {
  wan.put('44.128.1.10', 80, undefined, 'eu-west-1')
  const reply = await get(proxy, url)
  expect([reply.status, reply.headers['aegis-wan']]).toEqual([502, reason])
})

test('refuses https in absolute form and requests to itself', async () => {
  expect((await get(proxy, 'https://eu.test.example/')).status).toBe(400)
  expect((await get(proxy, '/health', { headers: ['host', 'x'] })).status).toBe(400)
})

test('a server that dies during a request is a reset, never an answer', async () => {
  const arrived = Promise.withResolvers<void>()
  const server = await serve(() => arrived.resolve())
  const asked = get(proxy, 'http://eu.test.example/')
  await arrived.promise
  server.kill()
  await expect(asked).rejects.toMatchObject({ code: 'ECONNRESET' })
})

test('a server that dies during its answer is a reset, never a short answer', async () => {
  const server = await serve((_req, res) => {
    res.writeHead(200, { 'content-length': '100' }).write('half', () => setTimeout(() => server.kill(), 20))
  })
  await expect(get(proxy, 'http://eu.test.example/')).rejects.toMatchObject({ code: 'ECONNRESET' })
})

test('an idle server that hangs up hangs up on the client', async () => {
  const server = await serve((_req, res) => res.end('ok'))
  const agent = oneConnection()
  await get(proxy, 'http://eu.test.example/', { agent })
  const [kept] = Object.values(agent.freeSockets).flatMap((sockets) => sockets ?? [])
  const closed = once(kept as NonNullable<typeof kept>, 'close')
  for (const socket of server.sockets) socket.end()
  await closed
  agent.destroy()
})

test('a stalled server is silence, and a client that gives up frees the far connection', async () => {
  const server = await serve(() => {})
  const agent = oneConnection()
  const asked = get(proxy, 'http://eu.test.example/', { agent })
  expect(await silent(asked)).toBe(true)
  const [far] = server.sockets
  const freed = once(far as NonNullable<typeof far>, 'close').catch(() => {})
  agent.destroy()
  await Promise.all([freed, expect(asked).rejects.toThrow()])
})

test('a request into a blackhole is silence, and goes on when the link heals', async () => {
  await serve((_req, res) => res.end('at last'))
  wan.links.isolate('eu-west-1', 'blackhole')
  const asked = get(proxy, 'http://eu.test.example/')
  expect(await silent(asked)).toBe(true)
  wan.links.restore()
  expect((await asked).body).toBe('at last')
})

test('a region whose links reset answers 502, and its open connections break', async () => {
  await serve((req, res) => (req.url === '/wait' ? undefined : res.end('ok')))
  const waiting = get(proxy, 'http://eu.test.example/wait')
  expect(await silent(waiting)).toBe(true)
  wan.links.isolate('eu-west-1', 'reset')
  await expect(waiting).rejects.toMatchObject({ code: 'ECONNRESET' })
  const reply = await get(proxy, 'http://eu.test.example/')
  expect([reply.status, reply.headers['aegis-wan']]).toEqual([502, 'reset'])
})
