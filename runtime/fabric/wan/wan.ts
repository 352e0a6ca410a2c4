import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { type StubResolver, stubResolver } from '../dns/resolver.ts'
import type { AddressPlan } from './addresses.ts'
import { type Destination, type DialRequest, dial } from './dial.ts'
import type { Links } from './links.ts'
import { type PlaceProxy, startProxy } from './proxy.ts'

export interface WanOptions {
  plan: AddressPlan
  links: Links
  dnsPort: number
  destination: (address: string, port: number) => Destination | undefined
  /** Ports of the proxies by place. Default: ephemeral. */
  ports?: Record<string, number>
}

export interface Wan {
  /** Port of each place's proxy. */
  ports: Record<string, number>
  dial(request: DialRequest): Promise<Duplex>
  /** Empties the cache of one place's resolver, or of all. */
  flushDns(place?: string): void
  close(): Promise<void>
}

/** The wide-area network of the fabric: a proxy and a resolver for each place, over one set of links. */
export async function startWan({ plan, links, dnsPort, destination, ports = {} }: WanOptions): Promise<Wan> {
  const resolvers = new Map<string, StubResolver>()
  const sockets = new Set<Socket>()
  // Checkers dial from places without a proxy, or a subnet of their own: they ask from nowhere in particular.
  const resolver = (place: string) => {
    const known = resolvers.get(place)
    if (known !== undefined) return known
    const subnet = plan.places.find(({ id }) => id === place)?.subnet
    const made = stubResolver({ server: { host: '127.0.0.1', port: dnsPort }, ...(subnet && { subnet }) })
    resolvers.set(place, made)
    return made
  }
  const opened = (socket: Socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  }
  const dialFrom = (request: DialRequest) => dial(request, { resolver, destination, links, opened })
  const proxies = new Map<string, PlaceProxy>()
  const close = async () => {
    await Promise.all([...proxies.values()].map((proxy) => proxy.close()))
    for (const socket of sockets) socket.destroy()
  }
  try {
    for (const { id } of plan.places) proxies.set(id, await startProxy((request) => dialFrom({ ...request, from: id }), ports[id]))
  } catch (error) {
    await close()
    throw error
  }
  return {
    ports: Object.fromEntries([...proxies].map(([id, { port }]) => [id, port])),
    dial: dialFrom,
    flushDns: (place) => {
      if (place === undefined) for (const each of resolvers.values()) each.flush()
      else resolver(place).flush()
    },
    close,
  }
}
