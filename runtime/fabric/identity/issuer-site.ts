import { once } from 'node:events'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'

/** What the world needs to serve an OpenID provider. Plain data: the key that signs stays with the supervisor. */
export interface IssuerSite {
  host: string
  port: number
  /** Bodies by path. */
  documents: Readonly<Record<string, object>>
}

/** The provider's public documents over TLS on a loopback port. */
export async function startIssuerSite(
  documents: IssuerSite['documents'],
  { cert, key }: { cert: string; key: string },
): Promise<{ localPort: number; close: () => Promise<void> }> {
  const server = createServer({ cert, key, keepAliveTimeout: 120_000 }, (request, response) => {
    const path = request.url?.split('?')[0] ?? ''
    const found = request.method === 'GET' && Object.hasOwn(documents, path) ? documents[path] : undefined
    request.resume()
    response.writeHead(found === undefined ? 404 : 200, { 'content-type': 'application/json' })
    response.end(JSON.stringify(found ?? { error: 'not_found' }))
  })
  server.listen({ host: '127.0.0.1', port: 0 })
  await once(server, 'listening')
  return {
    localPort: (server.address() as AddressInfo).port,
    async close() {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    },
  }
}
