import { createServer, type IncomingMessage, type Server } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { pinnedDialer } from '../../../runtime/gateway/net/dialer.ts'

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
  await expect(dialer.dial(request(`http://tool.example:${port}/x`))).rejects.toThrow()
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
