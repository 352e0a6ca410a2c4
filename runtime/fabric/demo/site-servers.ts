import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { nowMs } from '../supervisor/events.ts'
import { answerOf, type DemoAnswer } from './answers.ts'
import { DEFINITION_PATH, definitionOf } from './definitions.ts'
import type { Site } from './sites.ts'

/** A call that a site was sent: what tests and drills compare with what it should have been sent. Asking for its definition is no call. */
export interface Received {
  at_ms: number
  host: string
  /** The region that the server stands in: where the bytes really went, whatever they say. */
  region: string
  tool: string | null
  method: string
  path: string
  headers: Record<string, string>
  /** The first 64 KB as text. */
  body: string
}

export interface SiteServers {
  /** Local port of each site, in the order given. */
  sites: (Site & { localPort: number })[]
  /** The latest calls, oldest first, of the sites that match. */
  received(filter: { host?: string; region?: string; tool?: string }): Received[]
  forget(): void
  /** From now on a tool's sites serve another definition than was registered, or that one again. */
  setDrift(tool: string, drifted: boolean): void
  close(): Promise<void>
}

const KEPT = 2000
const BODY_BYTES_KEPT = 64 * 1024

/** One TLS server a site on a loopback port of its own: the WAN alone decides which address leads to which. */
export async function startSiteServers(sites: readonly Site[], { cert, key }: { cert: string; key: string }): Promise<SiteServers> {
  const received: Received[] = []
  const remember = (call: Received) => {
    received.push(call)
    if (received.length >= 2 * KEPT) received.splice(0, received.length - KEPT)
  }
  const drifted = new Set<string>()
  const servers: Server[] = []
  const started = await Promise.all(
    sites.map(async (site) => {
      // Longer than a gateway keeps an idle connection, so that it never sends into one that just closed.
      const server = createServer({ cert, key, keepAliveTimeout: 120_000 }, (request, response) => {
        const definition = request.url === DEFINITION_PATH ? definitionOf(site.tool, drifted.has(site.tool ?? '')) : undefined
        if (request.method === 'GET' && definition !== undefined) return answer(response, { status: 200, body: definition })
        serve(site, request, response, remember).catch(() => response.destroy())
      })
      servers.push(server)
      server.listen({ host: '127.0.0.1', port: 0 })
      await once(server, 'listening')
      return { ...site, localPort: (server.address() as AddressInfo).port }
    }),
  )
  return {
    sites: started,
    received: ({ host, region, tool }) =>
      received.filter(
        (call) =>
          (host === undefined || call.host === host) &&
          (region === undefined || call.region === region) &&
          (tool === undefined || call.tool === tool),
      ),
    forget: () => void received.splice(0),
    setDrift: (tool, isDrifted) => void (isDrifted ? drifted.add(tool) : drifted.delete(tool)),
    async close() {
      await Promise.all(
        servers.map((server) => {
          const closed = once(server, 'close')
          server.close()
          server.closeAllConnections()
          return closed
        }),
      )
    },
  }
}

async function serve(site: Site, request: IncomingMessage, response: ServerResponse, remember: (call: Received) => void): Promise<void> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    if (bytes < BODY_BYTES_KEPT) chunks.push(chunk.subarray(0, BODY_BYTES_KEPT - bytes))
    bytes += chunk.length
  }
  const call: Received = {
    at_ms: nowMs(),
    host: site.host,
    region: site.region,
    tool: site.tool ?? null,
    method: request.method ?? '',
    path: request.url ?? '',
    headers: Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)])),
    body: Buffer.concat(chunks).toString(),
  }
  remember(call)
  answer(response, answerOf(call))
}

function answer(response: ServerResponse, { status, headers, body }: DemoAnswer): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body))
}
