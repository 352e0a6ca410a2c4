import { createServer } from 'node:net'
import { UsageError } from './usage-error.ts'

/** Hands out loopback ports, each once. A part that comes back after a fault finds its port as it left it. */
export interface Ports {
  next(): Promise<number>
}

// Below the range that Linux (32768) and macOS (49152) take client ports from: a port freed for a while by a drill
// is not lost to somebody's outgoing connection.
const LOWEST = 20_000
const HIGHEST = 32_000

/**
 * @param base first port to use; every later one follows in order and a taken one is an error, so that the ports are known beforehand.
 *   Default: from a random place on, whatever is free.
 */
export function ports(base?: number, random = Math.random): Ports {
  let at = base ?? LOWEST + Math.floor(random() * (HIGHEST - LOWEST - 1000))
  return {
    async next() {
      for (; ; at++) {
        if (at > 65535) throw new UsageError(`no free port from ${base ?? LOWEST} on`)
        if (await isFree(at)) return at++
        if (base !== undefined) throw new UsageError(`port ${at} is in use; choose another --port-base`)
      }
    },
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen({ host: '127.0.0.1', port, exclusive: true }, () => server.close(() => resolve(true)))
  })
}
