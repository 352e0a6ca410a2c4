import { once } from 'node:events'
import { Agent, createServer as createHttpServer, type IncomingMessage, type RequestListener, request } from 'node:http'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { resolveDeployment } from '../../../config/resolve.ts'
import { startDnsServer } from '../../../runtime/fabric/dns/server.ts'
import { type ZoneData, zonesOf } from '../../../runtime/fabric/dns/zone.ts'
import { addressPlan } from '../../../runtime/fabric/wan/addresses.ts'
import type { Destination } from '../../../runtime/fabric/wan/dial.ts'
import { createLinks, type Links } from '../../../runtime/fabric/wan/links.ts'
import { startWan, type Wan } from '../../../runtime/fabric/wan/wan.ts'

/** Clients `eu` are near eu-west-1 and far from us-east-1. */
export const twoZones = resolveDeployment({
  name: 'aegis',
  domain: 'aegis.example',
  zones: { eu: { regions: ['eu-west-1'] }, us: { regions: ['us-east-1'] } },
  homeRegion: 'eu-west-1',
  routingRegion: 'eu-north-1',
  environments: { test: { accounts: { control: '111111111111', workload: '222222222222' } } },
})
export const RTT_MS = { near: 10, far: 60 }

export interface SmallWan extends Wan {
  links: Links
  /** Puts a loopback port at an address; undefined: nobody listens. */
  put(address: string, port: number, localPort: number | undefined, region: string): void
  /** Changes what a name resolves to. Names have TTL 0. */
  name(host: string, address: string): void
  /** Calls and closes in reverse order at the end of the test. */
  onClose(close: () => Promise<unknown> | unknown): void
}

/** DNS and WAN with two regions, and names under test.example that a test may move. */
export async function smallWan(): Promise<SmallWan> {
  const closers: (() => Promise<unknown> | unknown)[] = []
  const table = new Map<string, Destination>()
  const links = createLinks((from, to) => (from.slice(0, 2) === to.slice(0, 2) ? RTT_MS.near : RTT_MS.far))
  const data: ZoneData = { zones: [], balancerAddresses: {}, rttMs: () => 1 }
  const names = new Map<string, string>()
  const dns = await startDnsServer({
    data,
    health: () => ({ failedChecks: new Set(), failedBalancers: new Set() }),
    placeOf: () => undefined,
    defaultPlace: 'eu',
  })
  const wan = await startWan({
    plan: addressPlan(twoZones),
    links,
    dnsPort: dns.port,
    destination: (address, port) => table.get(`${address}:${port}`),
  })
  return {
    ...wan,
    links,
    put: (address, port, localPort, region) => table.set(`${address}:${port}`, { localPort, region }),
    name: (host, address) => {
      names.set(host, address)
      const records = [...names].map(([name, value]) => ({ name, type: 'A' as const, ttlS: 0, values: [value] }))
      data.zones = zonesOf({ hostedZones: [], records: [] }, [{ name: 'test.example', records }], 'deployed')
    },
    onClose: (close) => closers.unshift(close),
    close: async () => {
      await wan.close()
      await dns.close()
      for (const close of closers) await close()
    },
  }
}

export interface LocalServer {
  port: number
  sockets: Set<Socket>
  /** As a SIGKILL does: every connection is reset, and the port refuses. */
  kill(): void
  close(): Promise<void>
}

export async function httpServer(listener: RequestListener): Promise<LocalServer> {
  return manage(createHttpServer({ keepAliveTimeout: 60_000 }, listener))
}

export async function tcpServer(onConnection: (socket: Socket) => void): Promise<LocalServer> {
  return manage(createServer({ allowHalfOpen: true }, onConnection))
}

async function manage(server: Server): Promise<LocalServer> {
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const end = () => {
    server.close()
    for (const socket of sockets) socket.resetAndDestroy()
  }
  return {
    port: (server.address() as AddressInfo).port,
    sockets,
    kill: end,
    close: async () => {
      if (!server.listening) return
      const closed = once(server, 'close')
      end()
      await closed
    },
  }
}

export interface Reply {
  status: number
  headers: IncomingMessage['headers']
  body: string
}

/** One plain request in absolute form. Rejects with the error of the connection. */
export function get(proxyPort: number, url: string, options: { agent?: Agent; headers?: string[] } = {}): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const asked = request(
      {
        host: '127.0.0.1',
        port: proxyPort,
        path: url,
        agent: options.agent ?? false,
        headers: options.headers ?? ['host', new URL(url).host],
      },
      (reply) => {
        let body = ''
        reply.on('data', (chunk) => (body += chunk))
        reply.on('error', reject)
        reply.on('end', () => resolve({ status: reply.statusCode ?? 0, headers: reply.headers, body }))
      },
    )
    asked.on('error', reject)
    asked.end()
  })
}

/** An agent with one connection, kept. */
export function oneConnection(): Agent {
  return new Agent({ keepAlive: true, maxSockets: 1 })
}

/** A CONNECT tunnel: the socket after the 200, or the whole refusal as text. */
export function tunnel(proxyPort: number, target: string): Promise<Socket | string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port: proxyPort, host: '127.0.0.1', allowHalfOpen: true })
    let head = ''
    socket.on('error', reject)
    socket.write(`CONNECT ${target} HTTP/1.1\r\nhost: ${target}\r\n\r\n`)
    const onData = (chunk: Buffer) => {
      head += chunk.toString('latin1')
      if (head !== 'HTTP/1.1 200 Connection Established\r\n\r\n') return
      socket.removeListener('data', onData)
      socket.removeAllListeners('end')
      socket.pause()
      resolve(socket)
    }
    socket.on('data', onData)
    socket.on('end', () => {
      socket.end()
      resolve(head)
    })
  })
}

export async function openTunnel(proxyPort: number, target: string): Promise<Socket> {
  const opened = await tunnel(proxyPort, target)
  if (typeof opened === 'string') throw new Error(`no tunnel: ${opened}`)
  return opened
}

export async function readAll(socket: Socket): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of socket) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

/** True when a promise is still pending after some time that is long beside the round trips of these tests. */
export async function silent(promise: Promise<unknown>): Promise<boolean> {
  const nothing = Symbol('nothing')
  return (await Promise.race([promise.catch(() => 'failed'), new Promise((wake) => setTimeout(wake, 250, nothing))])) === nothing
}
