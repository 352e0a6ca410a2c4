import { request as httpRequest } from 'node:http'
import { connect as netConnect, type Socket } from 'node:net'
import { connect as tlsConnect } from 'node:tls'
import { Pool } from 'undici'
import type { Dialer } from '../../model/ports.ts'

export interface DialerOptions {
  /** HTTP proxy to go through by CONNECT. Default: direct. */
  proxy?: string | undefined
  connectTimeoutMs?: number
  /** Most bytes of all answers that are being read at once: what one call may have, many together may not. Default: 256 MiB. */
  maxReadingBytes?: number
  /** Most pools of kept connections, one for each origin and address. */
  maxPools?: number
}

/** No connection was made, so nothing of the request has left. */
export class NotConnectedError extends Error {
  override name = 'NotConnectedError'
}

/** Bytes of a response's status line and headers. */
const RESPONSE_HEADER_BYTES_MAX = 16 * 1024
const READING_BYTES_MAX = 256 * 1024 * 1024
/** Addresses of one answer that are tried, so that a long list does not become a long wait. */
const ADDRESSES_TRIED_MAX = 3

/**
 * Dials tools at checked addresses: the name is only used for TLS (SNI and certificate) and the Host header, so that a
 * second DNS answer can change nothing. Redirects are answers like any other, and no content coding is decoded: a small
 * answer stays small. The first address that connects is used.
 * `dial` rejects with a NotConnectedError when nothing has left; after any other rejection the tool may have acted.
 */
export function pinnedDialer(options: DialerOptions): Dialer {
  const { proxy, connectTimeoutMs = 3000, maxReadingBytes = READING_BYTES_MAX, maxPools = 256 } = options
  const pools = new Map<string, Pool>()
  let reading = 0

  const poolOf = (url: URL, addresses: readonly string[], maxResponseBytes: number) => {
    const key = `${url.origin}|${addresses.join()}|${maxResponseBytes}`
    const known = pools.get(key)
    if (known !== undefined) return known
    if (pools.size >= maxPools) {
      const [oldest, pool] = pools.entries().next().value as [string, Pool]
      pools.delete(oldest)
      void pool.close()
    }
    const pool = new Pool(url.origin, {
      connections: 64,
      maxResponseSize: maxResponseBytes,
      maxHeaderSize: RESPONSE_HEADER_BYTES_MAX,
      connect: (_options, callback) => {
        openFirst(url, addresses, proxy, connectTimeoutMs).then(
          (socket) => callback(null, socket),
          (error) => callback(error, null),
        )
      },
    })
    pools.set(key, pool)
    return pool
  }

  const bodyOf = async (body: AsyncIterable<Uint8Array>): Promise<Uint8Array> => {
    const chunks: Uint8Array[] = []
    let size = 0
    try {
      for await (const chunk of body) {
        size += chunk.length
        reading += chunk.length
        if (reading > maxReadingBytes) throw new Error('tools answer more at once than there is room for')
        chunks.push(chunk)
      }
      return Buffer.concat(chunks, size)
    } finally {
      reading -= size
    }
  }

  return {
    async dial({ url, method, headers, body, addresses, timeoutMs, maxResponseBytes }) {
      if (addresses.length === 0) throw new NotConnectedError(`no address to dial for ${url.host}`)
      const signal = AbortSignal.timeout(Math.ceil(timeoutMs))
      const answer = await poolOf(url, addresses.slice(0, ADDRESSES_TRIED_MAX), maxResponseBytes).request({
        method,
        path: url.pathname + url.search,
        headers,
        body: body ?? null,
        signal,
      })
      const flat = Object.fromEntries(
        Object.entries(answer.headers).flatMap(([key, value]) =>
          value === undefined ? [] : [[key, Array.isArray(value) ? value.join(', ') : value]],
        ),
      )
      return { status: answer.statusCode, headers: flat, body: await bodyOf(answer.body) }
    },
    async close() {
      await Promise.all([...pools.values()].map((pool) => pool.destroy()))
      pools.clear()
    },
  }
}

async function openFirst(url: URL, addresses: readonly string[], proxy: string | undefined, timeoutMs: number): Promise<Socket> {
  let cause: unknown
  for (const address of addresses) {
    try {
      return await openSocket(url, address, proxy, timeoutMs)
    } catch (error) {
      cause = error
    }
  }
  throw new NotConnectedError(`no connection: ${cause instanceof Error ? cause.message : cause}`, { cause })
}

async function openSocket(url: URL, address: string, proxy: string | undefined, timeoutMs: number): Promise<Socket> {
  const port = Number(url.port || (url.protocol === 'https:' ? 443 : 80))
  const plain =
    proxy === undefined
      ? await connected(netConnect({ host: address, port }), 'connect', timeoutMs)
      : await tunnel(proxy, address, port, timeoutMs)
  if (url.protocol !== 'https:') return plain
  return connected(tlsConnect({ socket: plain, servername: url.hostname, ALPNProtocols: ['http/1.1'] }), 'secureConnect', timeoutMs)
}

function connected<S extends Socket>(socket: S, event: 'connect' | 'secureConnect', timeoutMs: number): Promise<S> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => socket.destroy(new Error(`no connection within ${timeoutMs} ms`)), timeoutMs)
    socket.once('error', reject)
    socket.once('close', () => reject(new Error('the connection closed while it was made')))
    socket.once(event, () => {
      clearTimeout(timer)
      socket.removeListener('error', reject)
      resolve(socket)
    })
    socket.once('close', () => clearTimeout(timer))
  })
}

/** CONNECT (RFC 9110, section 9.3.6) to the checked address: the proxy gets no name that it could resolve anew. */
function tunnel(proxy: string, address: string, port: number, timeoutMs: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const authority = `${address.includes(':') ? `[${address}]` : address}:${port}`
    const asked = httpRequest(proxy, { method: 'CONNECT', path: authority, headers: { host: authority }, timeout: timeoutMs, agent: false })
    asked.once('connect', (response, socket) => {
      if (response.statusCode === 200) return resolve(socket)
      socket.destroy()
      reject(new Error(`the egress proxy answered CONNECT with ${response.statusCode}`))
    })
    asked.once('response', (response) => {
      response.resume()
      reject(new Error(`the egress proxy answered CONNECT with ${response.statusCode}`))
    })
    asked.once('timeout', () => asked.destroy(new Error(`the egress proxy did not answer within ${timeoutMs} ms`)))
    asked.once('error', reject)
    asked.end()
  })
}
