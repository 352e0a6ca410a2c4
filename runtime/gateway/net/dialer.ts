import { request as httpRequest } from 'node:http'
import { connect as netConnect, type Socket } from 'node:net'
import { connect as tlsConnect } from 'node:tls'
import { Pool } from 'undici'
import type { Dialer } from '../../model/ports.ts'

export interface DialerOptions {
  /** HTTP proxy to go through by CONNECT. Default: direct. */
  proxy?: string | undefined
  connectTimeoutMs?: number
  /** Most pools of kept connections, one for each origin and address. */
  maxPools?: number
}

/**
 * Dials tools at checked addresses: the name is only used for TLS (SNI and certificate) and the Host header, so that a
 * second DNS answer can change nothing. Redirects are answers like any other. The first address that connects is used.
 */
export function pinnedDialer({ proxy, connectTimeoutMs = 3000, maxPools = 256 }: DialerOptions): Dialer {
  const pools = new Map<string, Pool>()

  const poolOf = (url: URL, address: string, maxResponseBytes: number) => {
    const key = `${url.origin}|${address}|${maxResponseBytes}`
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
      connect: (_options, callback) => {
        openSocket(url, address, proxy, connectTimeoutMs).then(
          (socket) => callback(null, socket),
          (error) => callback(error, null),
        )
      },
    })
    pools.set(key, pool)
    return pool
  }

  return {
    async dial({ url, method, headers, body, addresses, timeoutMs, maxResponseBytes }) {
      const address = addresses[0]
      if (address === undefined) throw new Error(`no address to dial for ${url.host}`)
      const signal = AbortSignal.timeout(timeoutMs)
      const answer = await poolOf(url, address, maxResponseBytes).request({
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
      return { status: answer.statusCode, headers: flat, body: new Uint8Array(await answer.body.arrayBuffer()) }
    },
    async close() {
      await Promise.all([...pools.values()].map((pool) => pool.destroy()))
      pools.clear()
    },
  }
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
