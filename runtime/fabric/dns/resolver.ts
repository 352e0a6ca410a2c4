import { randomInt } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { connect } from 'node:net'
import dnsPacket, { type DecodedPacket } from 'dns-packet'
import { type ClientSubnet, encodeQuery } from './wire.ts'

export interface StubResolverOptions {
  server: { host: string; port: number }
  /** Tells the server where this client is. */
  subnet?: ClientSubnet
  /** Default: two seconds, then once more. */
  timeoutMs?: number
  /** Longest that "no such name" is remembered, in seconds. A zone's own 15 minutes would outlast any drill. */
  negativeTtlMaxS?: number
  /** Milliseconds that never run back. */
  monotonicMs?: () => number
}

export interface StubResolver {
  /** IPv4 addresses of a name; empty when there are none. Rejects with a ResolveError when no answer came. */
  resolve(host: string): Promise<string[]>
  /** Forgets everything. */
  flush(): void
}

export class ResolveError extends Error {
  override name = 'ResolveError'
}

/** A CNAME that leaves the server's zone is asked for again, this often. */
const CHAIN_MAX = 8

/** The resolver of one client place: caches each answer for exactly as long as its TTL says, and asks with its own subnet. */
export function stubResolver(options: StubResolverOptions): StubResolver {
  const { timeoutMs = 2000, negativeTtlMaxS = 30, monotonicMs = () => performance.now() } = options
  const cache = new Map<string, { addresses: string[]; untilMs: number }>()
  const inFlight = new Map<string, Promise<string[]>>()
  let epoch = 0

  const ask = async (name: string): Promise<Outcome> => {
    for (let attempt = 0; ; attempt++) {
      try {
        return outcomeOf(await exchange(name, { ...options, timeoutMs }), name, negativeTtlMaxS)
      } catch (error) {
        if (attempt > 0) throw error
      }
    }
  }

  const lookUp = async (host: string, started: number): Promise<string[]> => {
    let ttlS = Number.POSITIVE_INFINITY
    let name = host
    for (let links = 0; links < CHAIN_MAX; links++) {
      const outcome = await ask(name)
      // A chain may be kept as long as its shortest part.
      ttlS = Math.min(ttlS, outcome.ttlS)
      if (outcome.next === undefined) {
        // A flush during the query means that the caller wants what comes after it.
        if (ttlS > 0 && started === epoch) cache.set(host, { addresses: outcome.addresses, untilMs: monotonicMs() + ttlS * 1000 })
        return outcome.addresses
      }
      name = outcome.next
    }
    throw new ResolveError(`${host}: the chain of names is longer than ${CHAIN_MAX}`)
  }

  return {
    resolve: (input) => {
      const host = input.toLowerCase().replace(/\.$/, '')
      const cached = cache.get(host)
      if (cached !== undefined && monotonicMs() < cached.untilMs) return Promise.resolve(cached.addresses)
      cache.delete(host)
      const running = inFlight.get(host)
      if (running !== undefined) return running
      const query = lookUp(host, epoch).finally(() => {
        if (inFlight.get(host) === query) inFlight.delete(host)
      })
      inFlight.set(host, query)
      return query
    },
    flush: () => {
      epoch++
      cache.clear()
      inFlight.clear()
    },
  }
}

interface Outcome {
  addresses: string[]
  ttlS: number
  /** The name to ask for next, when the chain leaves the answer. */
  next?: string
}

function outcomeOf(packet: DecodedPacket, asked: string, negativeTtlMaxS: number): Outcome {
  const rcode = (packet.flags ?? 0) & 0xf
  if (rcode !== 0 && rcode !== 3) throw new ResolveError(`${asked}: the server answered with code ${rcode}`)
  let name = asked
  let ttlS = Number.POSITIVE_INFINITY
  const answers = packet.answers ?? []
  for (const { name: owner, type, ttl = 0, data } of answers as { name: string; type: string; ttl?: number; data: string }[]) {
    if (type !== 'CNAME' || owner.toLowerCase() !== name) continue
    name = data.toLowerCase()
    ttlS = Math.min(ttlS, ttl)
  }
  const final = answers.filter((record) => record.type === 'A' && record.name.toLowerCase() === name) as { ttl?: number; data: string }[]
  if (final.length > 0) return { addresses: final.map(({ data }) => data), ttlS: Math.min(ttlS, ...final.map(({ ttl = 0 }) => ttl)) }
  const soa = (packet.authorities ?? []).find(({ type }) => type === 'SOA') as { ttl?: number; data: { minimum?: number } } | undefined
  if (soa === undefined && name !== asked) return { addresses: [], ttlS, next: name }
  const negativeS = soa === undefined ? 0 : Math.min(soa.ttl ?? 0, soa.data.minimum ?? 0, negativeTtlMaxS)
  return { addresses: [], ttlS: Math.min(ttlS, negativeS) }
}

type ExchangeOptions = Required<Pick<StubResolverOptions, 'server' | 'timeoutMs'>> & Pick<StubResolverOptions, 'subnet'>

async function exchange(name: string, options: ExchangeOptions): Promise<DecodedPacket> {
  const id = randomInt(0x10000)
  const query = encodeQuery(id, name, 'A', options.subnet)
  const packet = await overUdp(query, id, name, options)
  return packet.flag_tc ? overTcp(query, id, name, options) : packet
}

function overUdp(query: Buffer, id: number, name: string, { server, timeoutMs }: ExchangeOptions): Promise<DecodedPacket> {
  return new Promise((resolve, reject) => {
    const socket = createSocket('udp4')
    let done = false
    const finish = (act: () => void) => {
      if (done) return
      done = true
      clearTimeout(timer)
      socket.close()
      act()
    }
    const timer = setTimeout(() => finish(() => reject(new ResolveError(`${name}: no answer in ${timeoutMs} ms`))), timeoutMs)
    socket.on('error', (error) => finish(() => reject(new ResolveError(`${name}: ${error.message}`))))
    // A connected socket hears that nobody listens, instead of waiting for the time-out.
    socket.connect(server.port, server.host, () => socket.send(query))
    socket.on('message', (bytes) => {
      const packet = decodeReply(bytes, id, name)
      if (packet !== undefined) finish(() => resolve(packet))
    })
  })
}

function overTcp(query: Buffer, id: number, name: string, { server, timeoutMs }: ExchangeOptions): Promise<DecodedPacket> {
  return new Promise((resolve, reject) => {
    const socket = connect(server.port, server.host)
    let bytes = Buffer.alloc(0)
    const fail = (why: string) => {
      socket.destroy()
      reject(new ResolveError(`${name}: ${why}`))
    }
    socket.setTimeout(timeoutMs, () => fail(`no answer in ${timeoutMs} ms`))
    socket.on('error', (error) => fail(error.message))
    socket.on('close', () => fail('the server closed the connection'))
    const length = Buffer.alloc(2)
    length.writeUInt16BE(query.length)
    socket.write(Buffer.concat([length, query]))
    socket.on('data', (chunk) => {
      bytes = Buffer.concat([bytes, chunk])
      if (bytes.length < 2 || bytes.length < 2 + bytes.readUInt16BE(0)) return
      const packet = decodeReply(bytes.subarray(2), id, name)
      if (packet === undefined) return fail('the server answered something else')
      resolve(packet)
      socket.destroy()
    })
  })
}

/** A reply counts only for its own question; anything else is ignored. */
function decodeReply(bytes: Buffer, id: number, name: string): DecodedPacket | undefined {
  try {
    const packet = dnsPacket.decode(bytes)
    const asked = packet.questions?.[0]?.name.toLowerCase() ?? ''
    return packet.flag_qr && packet.id === id && (asked === name || asked === '') ? packet : undefined
  } catch {
    return undefined
  }
}
