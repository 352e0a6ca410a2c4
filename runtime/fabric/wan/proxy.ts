import { once } from 'node:events'
import { Agent, createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { DialError, type DialRequest } from './dial.ts'

/** A proxy that stands for "a client at this place": CONNECT, and plain HTTP in absolute form. */
export interface PlaceProxy {
  port: number
  close(): Promise<void>
}

type Dial = (request: Omit<DialRequest, 'from'>) => Promise<Duplex>

/**
 * Listens on 127.0.0.1. A connection that does not come about is a 502 with the header `aegis-wan` saying why (DialFailure);
 * what happens to a connection afterwards happens to the client's too: a reset is a reset, silence is silence.
 */
export async function startProxy(dial: Dial, port = 0): Promise<PlaceProxy> {
  // The far end decides how long an idle connection lives, so this one has no limits of its own.
  const server = createServer({ keepAliveTimeout: 0, requestTimeout: 0, noDelay: true })
  const clients = new Map<Socket, Client>()
  server.on('connection', (socket: Socket) => {
    const client = newClient(socket, dial)
    clients.set(socket, client)
    socket.on('close', () => {
      clients.delete(socket)
      client.gone.abort()
      client.agent.destroy()
    })
  })
  server.on('request', (req, res) => {
    const client = clients.get(req.socket)
    if (client !== undefined) forward(req, res, client)
  })
  server.on('connect', (req, socket: Socket, head: Buffer) => {
    const client = clients.get(socket)
    if (client !== undefined) void tunnel(req, socket, head, dial, client.gone.signal)
  })
  server.on('clientError', (_error, socket) => socket.destroy())
  server.listen(port, '127.0.0.1')
  await listening(server, port)
  return {
    port: (server.address() as AddressInfo).port,
    close: async () => {
      const closed = once(server, 'close')
      server.close()
      for (const socket of clients.keys()) socket.destroy()
      await closed
    },
  }
}

/** One client connection with its own far connections: a new one always asks DNS again, an old one stays where it is. */
interface Client {
  socket: Socket
  agent: Agent
  gone: AbortController
  /** The far connection that carried the newest request. */
  far: Duplex | undefined
  requests: number
}

/** What node:http sets on the sockets that it keeps, and a stream does not have. */
const SOCKET_OPTIONS = { ref: () => {}, unref: () => {}, setKeepAlive: () => {}, setNoDelay: () => {}, setTimeout: () => {} }

function newClient(socket: Socket, dial: Dial): Client {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const client: Client = { socket, agent, gone: new AbortController(), far: undefined, requests: 0 }
  agent.createConnection = (options, connected) => {
    const { host, port } = options as { host: string; port: number }
    dial({ host, port, allowHalfOpen: false, signal: client.gone.signal }).then(
      (far) => {
        client.far = Object.assign(far, SOCKET_OPTIONS)
        // An idle server that hangs up hangs up on the client, who would otherwise find out by a failed request.
        far.on('close', () => {
          if (client.far === far && client.requests === 0) socket.end()
        })
        connected?.(null, far)
      },
      (error: Error) => connected?.(error, undefined as never),
    )
    return undefined
  }
  return client
}

function forward(req: IncomingMessage, res: ServerResponse, client: Client): void {
  const url = URL.canParse(req.url ?? '') ? new URL(req.url as string) : undefined
  if (url?.protocol !== 'http:') {
    refuse(res, 400, 'this is a proxy: ask in absolute form (http://name/path), or CONNECT for TLS')
    return
  }
  client.requests++
  res.on('close', () => {
    client.requests--
  })
  const onward = request({
    agent: client.agent,
    host: url.hostname,
    port: Number(url.port || 80),
    method: req.method,
    // As it came: URL would have tidied it up.
    path: (req.url as string).replace(/^http:\/\/[^/?#]*/i, '').replace(/^(?!\/)/, '/'),
    headers: endToEnd(req.rawHeaders),
    setDefaultHeaders: false,
  })
  onward.on('response', (reply) => {
    res.writeHead(reply.statusCode ?? 502, reply.statusMessage, endToEnd(reply.rawHeaders))
    reply.on('error', () => client.socket.resetAndDestroy())
    reply.pipe(res)
  })
  onward.on('error', (error) => {
    if (error instanceof DialError && !res.headersSent) refuse(res, 502, error.message, error.reason)
    else client.socket.resetAndDestroy()
  })
  res.on('close', () => {
    if (!res.writableFinished) onward.destroy()
  })
  req.on('error', () => onward.destroy())
  req.pipe(onward)
}

/** Headers of one hop only (RFC 9110, section 7.6.1). All others pass as they came, doubled ones too: judging them is the gateway's task. */
const HOP_BY_HOP = new Set(['connection', 'keep-alive', 'proxy-connection', 'proxy-authenticate', 'proxy-authorization', 'te', 'upgrade'])

function endToEnd(rawHeaders: string[]): string[] {
  const kept: string[] = []
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const [name, value] = rawHeaders.slice(index, index + 2)
    if (name !== undefined && value !== undefined && !HOP_BY_HOP.has(name.toLowerCase())) kept.push(name, value)
  }
  return kept
}

async function tunnel(req: IncomingMessage, client: Socket, head: Buffer, dial: Dial, signal: AbortSignal): Promise<void> {
  const target = /^(\[[^\]]+\]|[^:]+):(\d{1,5})$/.exec(req.url ?? '')
  // Until the far end is there, a client that fails only ends the attempt (its close aborts the signal).
  client.on('error', () => client.destroy())
  if (target?.[1] === undefined) {
    client.end(refusal(400, 'Bad Request', 'CONNECT takes host:port'))
    return
  }
  try {
    const far = await dial({ host: target[1], port: Number(target[2]), allowHalfOpen: true, signal })
    client.write('HTTP/1.1 200 Connection Established\r\n\r\n')
    join(client, far, head)
  } catch (error) {
    if (!(error instanceof DialError)) client.destroy()
    else client.end(refusal(502, 'Bad Gateway', error.message, error.reason))
  }
}

function join(client: Socket, far: Duplex, head: Buffer): void {
  far.on('error', () => client.resetAndDestroy())
  client.on('close', (hadError) => {
    if (hadError || !client.readableEnded) far.destroy()
  })
  if (client.destroyed) {
    far.destroy()
    return
  }
  if (head.length > 0) far.write(head)
  client.pipe(far)
  far.pipe(client)
}

function refuse(res: ServerResponse, status: number, message: string, reason?: string): void {
  res.writeHead(status, { 'content-type': 'text/plain', ...(reason !== undefined && { 'aegis-wan': reason }) }).end(`${message}\n`)
}

function refusal(status: number, phrase: string, message: string, reason?: string): string {
  const body = `${message}\n`
  const why = reason === undefined ? '' : `aegis-wan: ${reason}\r\n`
  return `HTTP/1.1 ${status} ${phrase}\r\ncontent-type: text/plain\r\ncontent-length: ${Buffer.byteLength(body)}\r\n${why}connection: close\r\n\r\n${body}`
}

async function listening(server: Server, port: number): Promise<void> {
  try {
    await once(server, 'listening')
  } catch (error) {
    throw new Error(`wan: cannot listen on 127.0.0.1:${port}: ${(error as Error).message}`, { cause: error })
  }
}
