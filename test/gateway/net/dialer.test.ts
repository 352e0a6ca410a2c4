import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { type AddressInfo, connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { gzipSync } from 'node:zlib'
import { ensureToolCertificate } from '../../../runtime/fabric/supervisor/authority.ts'
import { stateLayout } from '../../../runtime/fabric/supervisor/layout.ts'
import { NotConnectedError, pinnedDialer } from '../../../runtime/gateway/net/dialer.ts'

const open: Server[] = []
afterEach(() => {
  for (const server of open.splice(0)) {
    server.closeAllConnections()
    server.close()
  }
})

async function listening(server: Server): Promise<number> {
  open.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}

const request = (url: string, more: object = {}) => ({
  url: new URL(url),
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: Buffer.from('{"a":1}'),
  addresses: ['127.0.0.1'],
  timeoutMs: 2000,
  maxResponseBytes: 1000,
  ...more,
})

async function bodyOf(message: IncomingMessage) {
  const chunks = []
  for await (const chunk of message) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}

test('connects to the checked address whatever the name would resolve to, and says the name in Host', async () => {
  const port = await listening(
    createServer(async (message, response) => response.end(JSON.stringify({ host: message.headers.host, body: await bodyOf(message) }))),
  )
  const dialer = pinnedDialer({})
  const answer = await dialer.dial(request(`http://no-such-name.invalid:${port}/x`))
  expect(JSON.parse(Buffer.from(answer.body).toString())).toEqual({ host: `no-such-name.invalid:${port}`, body: '{"a":1}' })
  await dialer.close()
})

test('goes through the egress proxy by CONNECT to the address, never by name', async () => {
  const port = await listening(createServer((_message, response) => response.end('ok')))
  const asked: (string | undefined)[] = []
  const proxy = createServer()
  proxy.on('connect', (message, client) => {
    asked.push(message.url)
    const upstream = connect(port, '127.0.0.1', () => {
      client.write('HTTP/1.1 200 OK\r\n\r\n')
      client.pipe(upstream).pipe(client)
    })
  })
  const dialer = pinnedDialer({ proxy: `http://127.0.0.1:${await listening(proxy)}` })
  const answer = await dialer.dial(request('http://tool.example:8443/x', { addresses: ['44.128.1.20'] }))
  expect(answer.status).toBe(200)
  expect(asked).toEqual(['44.128.1.20:8443'])
  await dialer.close()
})

test('hands a redirect back instead of following it', async () => {
  let calls = 0
  const port = await listening(
    createServer((_message, response) => {
      calls++
      response.writeHead(302, { location: 'http://169.254.169.254/latest' }).end()
    }),
  )
  const dialer = pinnedDialer({})
  const answer = await dialer.dial(request(`http://tool.example:${port}/x`))
  expect(answer.status).toBe(302)
  expect(calls).toBe(1)
  await dialer.close()
})

test('refuses an answer larger than the limit', async () => {
  const port = await listening(createServer((_message, response) => response.end('x'.repeat(5000))))
  const dialer = pinnedDialer({})
  // The watch over pinned tools tells this from a connection that broke.
  await expect(dialer.dial(request(`http://tool.example:${port}/x`))).rejects.toMatchObject({ code: 'UND_ERR_RES_EXCEEDED_MAX_SIZE' })
  await dialer.close()
})

test('refuses to wait longer than the timeout', async () => {
  const port = await listening(createServer(() => {}))
  const dialer = pinnedDialer({})
  await expect(dialer.dial(request(`http://tool.example:${port}/x`, { timeoutMs: 50 }))).rejects.toThrow()
  await dialer.close()
})

test('refuses when no address was checked, when nobody listens, and when the proxy says no', async () => {
  const dialer = pinnedDialer({})
  await expect(dialer.dial(request('http://tool.example/x', { addresses: [] }))).rejects.toThrow('no address')
  await expect(dialer.dial(request('http://tool.example:1/x'))).rejects.toThrow()
  const proxy = createServer()
  proxy.on('connect', (_message, client) => client.end('HTTP/1.1 403 Forbidden\r\n\r\n'))
  const proxied = pinnedDialer({ proxy: `http://127.0.0.1:${await listening(proxy)}` })
  await expect(proxied.dial(request('http://tool.example/x'))).rejects.toThrow('403')
  await dialer.close()
  await proxied.close()
})

test('takes the first address that connects, and says so when none does', async () => {
  const port = await listening(createServer((_message, response) => response.end('ok')))
  const dialer = pinnedDialer({})
  // Nobody listens at 127.0.0.2: the server is bound to 127.0.0.1.
  const answer = await dialer.dial(request(`http://tool.example:${port}/x`, { addresses: ['127.0.0.2', '127.0.0.1'] }))
  expect(answer.status).toBe(200)
  const refused = dialer.dial(request(`http://tool.example:${port}/x`, { addresses: ['127.0.0.2', '127.0.0.3'] }))
  await expect(refused).rejects.toThrow(NotConnectedError)
  await dialer.close()
})

test('refuses to say that nothing left, once a request was sent', async () => {
  const port = await listening(createServer((message) => message.socket.destroy()))
  const dialer = pinnedDialer({})
  const error = await dialer.dial(request(`http://tool.example:${port}/x`)).catch((thrown: unknown) => thrown)
  expect(error).toBeInstanceOf(Error)
  expect(error).not.toBeInstanceOf(NotConnectedError)
  await dialer.close()
})

test('refuses an answer that drips past the timeout, though bytes keep coming', async () => {
  const port = await listening(
    createServer((_message, response) => {
      const drip = setInterval(() => response.write('.'), 10)
      response.once('close', () => clearInterval(drip))
    }),
  )
  const dialer = pinnedDialer({})
  await expect(dialer.dial(request(`http://tool.example:${port}/x`, { timeoutMs: 150 }))).rejects.toThrow()
  await dialer.close()
})

test('refuses headers larger than the limit', async () => {
  const port = await listening(
    createServer((_message, response) => {
      for (let n = 0; n < 10; n++) response.setHeader(`x-${n}`, 'y'.repeat(4000))
      response.end('ok')
    }),
  )
  const dialer = pinnedDialer({})
  await expect(dialer.dial(request(`http://tool.example:${port}/x`))).rejects.toThrow()
  await dialer.close()
})

test('a compressed answer stays as small as it came', async () => {
  const bomb = gzipSync(Buffer.alloc(500_000))
  const port = await listening(createServer((_message, response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end(bomb)))
  const dialer = pinnedDialer({})
  const answer = await dialer.dial(request(`http://tool.example:${port}/x`))
  expect(answer.body.length).toBe(bomb.length)
  await dialer.close()
})

test('a connection kept for one address is not used for another', async () => {
  const reached: string[] = []
  const port = await listening(
    createServer((message, response) => {
      reached.push(message.socket.localAddress ?? '')
      response.end('ok')
    }),
  )
  const dialer = pinnedDialer({})
  await dialer.dial(request(`http://rebinding.example:${port}/x`, { addresses: ['127.0.0.1'] }))
  const second = dialer.dial(request(`http://rebinding.example:${port}/x`, { addresses: ['127.0.0.2'] }))
  await expect(second).rejects.toThrow(NotConnectedError)
  expect(reached).toEqual(['127.0.0.1'])
  await dialer.close()
})

test('refuses a server whose certificate is not for the name, though the address was checked', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'aegis-dialer-'))
  const trusted = getCACertificates('default')
  const { cert, key, ca } = await ensureToolCertificate(stateLayout(directory).authority, ['tool.example'])
  setDefaultCACertificates([...trusted, ca])
  try {
    const names: (string | false)[] = []
    const server = createTlsServer({ cert, key }, (_message, response) => response.end('ok'))
    server.on('secureConnection', (socket) => names.push((socket as { servername?: string | false }).servername ?? false))
    const port = await listening(server)
    const dialer = pinnedDialer({})
    const answer = await dialer.dial(request(`https://tool.example:${port}/x`))
    expect([answer.status, names]).toEqual([200, ['tool.example']])
    await expect(dialer.dial(request(`https://other.example:${port}/x`))).rejects.toThrow(NotConnectedError)
    await dialer.close()
  } finally {
    setDefaultCACertificates(trusted)
    rmSync(directory, { recursive: true })
  }
})

test('answers that are read at the same time share a limit, which the end of one gives back', async () => {
  const ends: (() => void)[] = []
  const port = await listening(
    createServer((_message, response) => {
      response.write('a'.repeat(600))
      ends.push(() => response.end())
    }),
  )
  const dialer = pinnedDialer({ maxReadingBytes: 1000 })
  const url = `http://tool.invalid:${port}/x`
  const first = dialer.dial(request(url))
  while (ends.length < 1) await sleep(5)
  await sleep(50)
  await expect(dialer.dial(request(url))).rejects.toThrow('more at once')
  ends[0]?.()
  expect((await first).body).toHaveLength(600)
  const third = dialer.dial(request(url))
  while (ends.length < 3) await sleep(5)
  ends[2]?.()
  expect((await third).status).toBe(200)
  await dialer.close()
})
