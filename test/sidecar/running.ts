import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import { type AddressInfo, connect, createServer as createTcpServer, type Server } from 'node:net'
import { buildSidecar } from '../../runtime/sidecar/app.ts'
import { gatewayLink } from '../../runtime/sidecar/gateway-link.ts'

/** A sidecar on a port of its own, before whatever stands in for the gateway. */
export async function runningSidecar(url: string, timeouts: { connectTimeoutMs?: number; answerTimeoutMs?: number } = {}) {
  const gateway = gatewayLink({ url, connectTimeoutMs: 1000, answerTimeoutMs: 10_000, ...timeouts })
  const logged: string[] = []
  const app = buildSidecar({ gateway, log: (event) => logged.push(JSON.stringify(event)) })
  await app.listen({ host: '127.0.0.1', port: 0 })
  const { port } = app.server.address() as AddressInfo
  return {
    port,
    logged,
    url: `http://127.0.0.1:${port}`,
    async close() {
      app.server.closeAllConnections()
      await app.close()
      await gateway.close()
    },
  }
}

export interface Seen {
  method: string
  target: string
  /** Names and values in turn, as they came. */
  headers: string[]
  body: string
}

/** A gateway that keeps what it was asked, and answers as it is told. */
export async function fakeGateway(answer: RequestListener) {
  const seen: Seen[] = []
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const { method = '', url: target = '', rawHeaders: headers } = request
    seen.push({ method, target, headers, body: Buffer.concat(chunks).toString() })
    answer(request, response)
  })
  return { seen, ...(await listening(server)), close: () => void server.close().closeAllConnections() }
}

/** What speaks no HTTP, or not to its end: writes `bytes` when asked, then hangs up, or does nothing more. */
export async function rawGateway(bytes: string, { hangsUp }: { hangsUp: boolean }) {
  let asked = 0
  const server = createTcpServer((socket) => {
    socket.on('error', () => {})
    socket.once('data', () => {
      asked++
      socket.write(bytes, () => void (hangsUp && socket.destroySoon()))
    })
  })
  return { asked: () => asked, ...(await listening(server)), close: () => server.close() }
}

async function listening(server: Server): Promise<{ url: string }> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
}

/** What comes back for bytes that no HTTP client would send. */
export async function rawAnswer(port: number, text: string): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => {})
  socket.write(text)
  let answer = ''
  for await (const chunk of socket) answer += chunk
  return answer
}

/** Values of a header among raw ones. */
export function valuesOf(headers: readonly string[], name: string): string[] {
  return headers.flatMap((key, i) => (i % 2 === 0 && key.toLowerCase() === name ? [headers[i + 1] ?? ''] : []))
}
