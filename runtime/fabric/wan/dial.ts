import { connect, isIP, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { StubResolver } from '../dns/resolver.ts'
import { wanConnection } from './connection.ts'
import type { Links } from './links.ts'

/** Why no connection came about. `reset` is a link that refuses, `refused` a server that is not there. */
export type DialFailure = 'unresolved' | 'no_route' | 'refused' | 'reset'

export class DialError extends Error {
  override name = 'DialError'
  readonly reason: DialFailure
  constructor(reason: DialFailure, message: string) {
    super(message)
    this.reason = reason
  }
}

/** Where a synthetic address and port really are. A known address without a local port is a machine where nobody listens. */
export interface Destination {
  region: string
  localPort: number | undefined
}

export interface DialRequest {
  from: string
  /** An address, or a name that the place's resolver looks up now. */
  host: string
  port: number
  allowHalfOpen: boolean
  signal: AbortSignal
}

export interface Dialling {
  resolver: (place: string) => StubResolver
  destination: (address: string, port: number) => Destination | undefined
  links: Links
  /** Told of every real connection, so that all can be ended. */
  opened: (socket: Socket) => void
}

/** Connects a place to a synthetic address. Takes one round trip, and for ever across a blackholed link: abort the signal to give up. */
export async function dial({ from, host, port, allowHalfOpen, signal }: DialRequest, net: Dialling): Promise<Duplex> {
  const addresses = await lookUp(host, from, net)
  const found = addresses.map((address) => net.destination(address, port)).find((destination) => destination !== undefined)
  if (found === undefined)
    throw new DialError('no_route', `nothing is known at ${addresses.join(', ')} port ${port} (asked as ${host}, from ${from})`)
  const to = found.region
  await handshake(net.links, from, to, signal)
  if (found.localPort === undefined) throw new DialError('refused', `nobody listens at ${host} port ${port} in ${to}`)
  const socket = await open(found.localPort, signal).catch((error: NodeJS.ErrnoException) => {
    signal.throwIfAborted()
    throw new DialError('refused', `${host} port ${port} in ${to}: ${error.code ?? error.message}`)
  })
  net.opened(socket)
  return wanConnection(socket, net.links, { from, to, allowHalfOpen })
}

async function lookUp(host: string, from: string, net: Dialling): Promise<string[]> {
  const literal = host.replace(/^\[(.*)\]$/, '$1')
  if (isIP(literal) !== 0) return [literal]
  const addresses = await net
    .resolver(from)
    .resolve(host)
    .catch((error: Error) => {
      throw new DialError('unresolved', error.message)
    })
  if (addresses.length === 0) throw new DialError('unresolved', `${host} has no address`)
  return addresses
}

/** SYN one way and SYN-ACK the other. A fault that comes or goes meanwhile counts, as it would on the wire. */
async function handshake(links: Links, from: string, to: string, signal: AbortSignal): Promise<void> {
  await passage(links, from, to, signal)
  await sleep(links.delayMs(from, to), signal)
  await passage(links, to, from, signal)
  await sleep(links.delayMs(to, from), signal)
  await passage(links, to, from, signal)
}

function passage(links: Links, from: string, to: string, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const look = () => {
      const { mode } = links.fault(from, to)
      if (mode === 'blackhole' && !signal.aborted) return
      unsubscribe()
      signal.removeEventListener('abort', look)
      if (signal.aborted) reject(signal.reason)
      else if (mode === 'reset') reject(new DialError('reset', `the link ${from} -> ${to} resets connections`))
      else resolve()
    }
    const unsubscribe = links.onChange(look)
    signal.addEventListener('abort', look)
    look()
  })
}

function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const wake = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', wake)
      if (signal.aborted) reject(signal.reason)
      else resolve()
    }
    const timer = setTimeout(wake, ms)
    signal.addEventListener('abort', wake)
    if (signal.aborted) wake()
  })
}

function open(port: number, signal: AbortSignal): Promise<Socket> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted()
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true })
    const abort = () => socket.destroy(signal.reason)
    signal.addEventListener('abort', abort)
    socket.once('error', reject)
    socket.once('close', () => signal.removeEventListener('abort', abort))
    socket.once('connect', () => {
      // From here on the connection outlives the wish to dial.
      signal.removeEventListener('abort', abort)
      socket.removeListener('error', reject)
      resolve(socket)
    })
  })
}
