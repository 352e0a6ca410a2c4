import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { openTunnel, readAll, type SmallWan, silent, smallWan, tcpServer, tunnel } from './small-wan.ts'

// CONNECT: how gateways reach tools. Bytes, half-closes and deaths must pass as if nothing were in between, only later.

let wan: SmallWan
let proxy: number
beforeEach(async () => {
  wan = await smallWan()
  proxy = wan.ports.eu as number
})
afterEach(() => wan.close())

async function serve(onConnection: (socket: Socket) => void, address = '44.128.1.20', region = 'eu-west-1') {
  const server = await tcpServer(onConnection)
  wan.onClose(server.close)
  wan.put(address, 443, server.port, region)
  return server
}

test('bytes come back complete and in order', async () => {
  await serve((socket) => socket.pipe(socket))
  const socket = await openTunnel(proxy, '44.128.1.20:443')
  const sent = randomBytes(3_000_000)
  socket.end(sent)
  const digest = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex')
  expect(digest(await readAll(socket))).toBe(digest(sent))
})

test('a name is resolved by the fabric, and an IPv4 literal is not', async () => {
  await serve((socket) => socket.end('tool'))
  wan.name('tool.test.example', '44.128.1.20')
  expect((await readAll(await openTunnel(proxy, 'tool.test.example:443'))).toString()).toBe('tool')
})

test('a half-close reaches the server, which may still answer', async () => {
  await serve((socket) => {
    socket.resume().on('end', () => socket.end('you are done, and here is the answer'))
  })
  const socket = await openTunnel(proxy, '44.128.1.20:443')
  socket.end('question')
  expect((await readAll(socket)).toString()).toContain('the answer')
})

test('a far place is slower than a near one, by connecting and by each answer', async () => {
  await serve((socket) => socket.pipe(socket))
  await serve((socket) => socket.pipe(socket), '44.128.2.20', 'us-east-1')
  const time = async (target: string) => {
    const started = performance.now()
    const socket = await openTunnel(proxy, target)
    const connected = performance.now()
    socket.write('ping')
    await once(socket.resume(), 'data')
    const answered = performance.now()
    socket.destroy()
    return [connected - started, answered - connected] as const
  }
  const [near, far] = [await time('44.128.1.20:443'), await time('44.128.2.20:443')]
  expect(far[0]).toBeGreaterThan(near[0])
  expect(far[1]).toBeGreaterThan(near[1])
})

test.each([
  ['an address that nobody has', '44.128.1.99:443', 'no_route'],
  ['a loopback address: only synthetic ones exist here', '127.0.0.1:22', 'no_route'],
  ['a name that does not exist', 'nope.test.example:443', 'unresolved'],
  ['a server that is not there', '44.128.1.30:443', 'refused'],
  ['a server that died', '44.128.1.31:443', 'refused'],
])('refuses %s', async (_what, target, reason) => {
  wan.name('other.test.example', '44.128.1.20')
  wan.put('44.128.1.30', 443, undefined, 'eu-west-1')
  const dead = await serve(() => {}, '44.128.1.31')
  await dead.close()
  const reply = await tunnel(proxy, target)
  expect(reply).toMatch(new RegExp(`^HTTP/1.1 502 [^]*aegis-wan: ${reason}\r\n`))
})

test('refuses a target without a port', async () => {
  expect(await tunnel(proxy, 'tool.test.example')).toMatch(/^HTTP\/1\.1 400 /)
})

test('a killed server is a reset at the client', async () => {
  const server = await serve((socket) => socket.resume())
  const socket = await openTunnel(proxy, '44.128.1.20:443')
  const error = once(socket.resume(), 'close').catch((reason) => [reason])
  server.kill()
  expect((await error)[0]).toMatchObject({ code: 'ECONNRESET' })
})

test('a client that dies is a reset at the server', async () => {
  const gone = Promise.withResolvers<Error>()
  await serve((socket) => socket.on('error', gone.resolve).resume())
  const socket = await openTunnel(proxy, '44.128.1.20:443')
  socket.resetAndDestroy()
  expect(await gone.promise).toMatchObject({ code: 'ECONNRESET' })
})

test('a stalled server is silence', async () => {
  await serve((socket) => socket.pause())
  const socket = await openTunnel(proxy, '44.128.1.20:443')
  socket.write('anyone?')
  expect(await silent(once(socket.resume(), 'data'))).toBe(true)
  socket.destroy()
})

test('a client that does not read makes the server wait', async () => {
  let written = 0
  await serve((socket) => {
    const chunk = Buffer.alloc(256 * 1024)
    const more = () => {
      while (!socket.destroyed) {
        written += chunk.length
        if (!socket.write(chunk)) break
      }
    }
    socket.on('drain', more)
    more()
  })
  const socket = await openTunnel(proxy, '44.128.1.20:443')
  let before = -1
  // Buffers of the kernel and of the link fill up, then it stands still.
  while (before !== written) {
    before = written
    await new Promise((wake) => setTimeout(wake, 200))
  }
  expect(written).toBeLessThan(64 * 1024 * 1024)
  socket.destroy()
})

test('a blackholed link holds bytes until it heals, in the direction that is cut', async () => {
  const received: string[] = []
  await serve((socket) => socket.on('data', (bytes) => received.push(bytes.toString())).pipe(socket))
  const socket = await openTunnel(proxy, '44.128.1.20:443')
  wan.links.set('eu-west-1', 'eu', { mode: 'blackhole' })
  const answer = once(socket.resume(), 'data')
  socket.write('ping')
  expect(await silent(answer)).toBe(true)
  expect(received).toEqual(['ping'])
  wan.links.restore()
  expect(String((await answer)[0])).toBe('ping')
  socket.destroy()
})

test('a connection across a blackholed link is neither made nor refused until the link heals', async () => {
  await serve((socket) => socket.end('hello'))
  wan.links.isolate('eu-west-1', 'blackhole')
  const opening = tunnel(proxy, '44.128.1.20:443')
  expect(await silent(opening)).toBe(true)
  wan.links.restore()
  expect((await readAll((await opening) as Socket)).toString()).toBe('hello')
})

test('a link that resets breaks what is open and refuses what is new, and leaves other links alone', async () => {
  await serve((socket) => socket.pipe(socket))
  await serve((socket) => socket.end('untouched'), '44.128.2.20', 'us-east-1')
  const socket = await openTunnel(proxy, '44.128.1.20:443')
  const error = once(socket.resume(), 'close').catch((reason) => [reason])
  wan.links.isolate('eu-west-1', 'reset')
  expect((await error)[0]).toMatchObject({ code: 'ECONNRESET' })
  expect(await tunnel(proxy, '44.128.1.20:443')).toMatch(/aegis-wan: reset/)
  expect((await readAll(await openTunnel(proxy, '44.128.2.20:443'))).toString()).toBe('untouched')
})

test('an isolated region still reaches itself', async () => {
  await serve((socket) => socket.end('inside'))
  wan.links.isolate('eu-west-1', 'blackhole')
  expect((await readAll(await openTunnel(wan.ports['eu-west-1'] as number, '44.128.1.20:443'))).toString()).toBe('inside')
})

test('extra delay on a link slows it down', async () => {
  await serve((socket) => socket.pipe(socket))
  const socket = await openTunnel(proxy, '44.128.1.20:443')
  const ping = async () => {
    const started = performance.now()
    socket.write('ping')
    await once(socket.resume(), 'data')
    return performance.now() - started
  }
  const before = await ping()
  wan.links.set('eu', 'eu-west-1', { mode: 'ok', extraMs: 100 })
  expect(await ping()).toBeGreaterThan(before + 50)
  socket.destroy()
})
