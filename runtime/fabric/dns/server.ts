import { createSocket, type Socket as UdpSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import { answer } from './answer.ts'
import type { Health } from './routing.ts'
import { type ClientSubnet, decodeQuery, encodeAnswer, encodeRefusal } from './wire.ts'
import type { ZoneData } from './zone.ts'

export interface DnsServerOptions {
  data: ZoneData
  health: () => Health
  /** Place of a querier by the address in its client subnet; undefined when the address is nobody's. */
  placeOf: (address: string) => string | undefined
  /** Place of a querier that sends no subnet, or a strange one. */
  defaultPlace: string
  /** Default: ephemeral, the same for UDP and TCP. */
  port?: number
}

export interface DnsServer {
  port: number
  close(): Promise<void>
}

/** Longest that a TCP querier may be silent (RFC 7766, section 6.2.3, leaves the number to us). */
const TCP_IDLE_MS = 10_000
const TCP_BYTES_MAX = 65_535

/** Authoritative DNS on 127.0.0.1, UDP and TCP on one port. No packet, however malformed, ends it. */
export async function startDnsServer(options: DnsServerOptions): Promise<DnsServer> {
  const respond = responder(options)
  const { tcp, udp, port } = await listen(options.port ?? 0)
  udp.on('message', (bytes, { address, port: to }) => {
    const reply = respond(bytes, 'udp')
    // The querier may have gone: an ICMP error on the way back is its own affair.
    if (reply !== undefined) udp.send(reply, to, address, () => {})
  })
  udp.on('error', () => {})
  const sockets = new Set<Socket>()
  tcp.on('connection', (socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    serveTcp(socket, respond)
  })
  return {
    port,
    close: async () => {
      for (const socket of sockets) socket.destroy()
      await Promise.all([new Promise<void>((done) => udp.close(done)), new Promise<void>((done) => tcp.close(() => done()))])
    },
  }
}

type Respond = (bytes: Buffer, transport: 'udp' | 'tcp') => Buffer | undefined

function responder({ data, health, placeOf, defaultPlace }: DnsServerOptions): Respond {
  // Alternating records count per name, so that one name's queries do not shift another's.
  const served = new Map<string, number>()
  const place = (subnet: ClientSubnet | undefined) => (subnet === undefined ? undefined : placeOf(subnet.ip)) ?? defaultPlace
  return (bytes, transport) => {
    const decoded = decodeQuery(bytes)
    if ('refusal' in decoded) return decoded.refusal && encodeRefusal(decoded.refusal)
    const { query } = decoded
    try {
      const key = query.name.toLowerCase()
      const serial = served.get(key) ?? 0
      const result = answer(data, health(), { ...query, place: place(query.subnet), roll: Math.random(), serial })
      // Names outside the zones are not counted: the map must not grow with what strangers ask.
      if (result.answers.length > 0) served.set(key, serial + 1)
      const scopePrefixLength = result.placed ? (query.subnet?.prefixLength ?? 0) : 0
      return encodeAnswer(query, { ...result, scopePrefixLength }, transport === 'udp' ? query.udpBytesMax : TCP_BYTES_MAX)
    } catch {
      // A name that decodes but cannot be encoded again, such as a label with a dot in it.
      return encodeRefusal({ id: query.id, rcode: 'SERVFAIL' })
    }
  }
}

/** Messages with a two-byte length before each (RFC 1035, section 4.2.2). */
function serveTcp(socket: Socket, respond: Respond): void {
  let pending = Buffer.alloc(0)
  socket.setTimeout(TCP_IDLE_MS, () => socket.destroy())
  socket.on('error', () => socket.destroy())
  socket.on('data', (chunk) => {
    pending = Buffer.concat([pending, chunk])
    while (pending.length >= 2 && pending.length >= 2 + pending.readUInt16BE(0)) {
      const end = 2 + pending.readUInt16BE(0)
      const reply = respond(pending.subarray(2, end), 'tcp')
      pending = pending.subarray(end)
      if (reply === undefined) return socket.destroy()
      const length = Buffer.alloc(2)
      length.writeUInt16BE(reply.length)
      socket.write(Buffer.concat([length, reply]))
    }
  })
}

/** An ephemeral TCP port may be taken for UDP: try another. A given port is taken or not. */
async function listen(port: number): Promise<{ tcp: Server; udp: UdpSocket; port: number }> {
  for (let attempt = 0; ; attempt++) {
    const tcp = createServer()
    const udp = createSocket('udp4')
    try {
      tcp.listen(port, '127.0.0.1')
      await once(tcp, 'listening')
      const bound = (tcp.address() as { port: number }).port
      udp.bind(bound, '127.0.0.1')
      await once(udp, 'listening')
      return { tcp, udp, port: bound }
    } catch (error) {
      tcp.close()
      udp.close()
      if (port !== 0 || attempt === 9)
        throw new Error(`dns: cannot listen on 127.0.0.1:${port}: ${(error as Error).message}`, { cause: error })
    }
  }
}
