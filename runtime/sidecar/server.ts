import type { AddressInfo } from 'node:net'
import closeWithGrace from 'close-with-grace'
import { buildSidecar } from './app.ts'
import { loadConfig, type SidecarConfig } from './config.ts'
import { gatewayLink } from './gateway-link.ts'

// The process of one sidecar. It owns signals, the port and the exit code. It has no keys, reads no policy and knows no AWS:
// whatever it would answer by itself is a refusal.

/** Not configurable: whoever listens elsewhere opens the task's door to its network. */
const HOST = '127.0.0.1'

try {
  await serve(loadConfig())
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exit(2)
}

async function serve({ gatewayUrl, port, connectTimeoutMs, answerTimeoutMs }: SidecarConfig): Promise<void> {
  const gateway = gatewayLink({ url: gatewayUrl, connectTimeoutMs, answerTimeoutMs })
  const log = (event: object) => console.log(JSON.stringify({ time: new Date().toISOString(), ...event }))
  const app = buildSidecar({ gateway, log })
  closeWithGrace({ delay: 20_000, logger: false }, async ({ err }) => {
    if (err !== undefined) console.error(err)
    await app.close()
    await gateway.close()
  })
  await app.listen({ host: HOST, port })
  // As the system says it. Fastify writes 127.0.0.1 for every address of the machine.
  const bound = app.server.address() as AddressInfo
  log({ event: 'listening', address: `http://${bound.address}:${bound.port}`, gateway: gatewayUrl })
}
