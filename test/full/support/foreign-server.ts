import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'

export interface ForeignServer {
  url: string
  close(): Promise<void>
}

const READY_MAX_MS = 60_000
const POLL_MS = 100

/**
 * Starts somebody else's server on a free port of 127.0.0.1 and waits until it answers HTTP, whatever the status.
 * Such servers cannot be asked for port 0, so a free one is found first and could be taken in between: that fails loudly.
 */
export async function startForeignServer(
  command: (port: number) => { file: string; args: string[]; env?: Record<string, string> },
): Promise<ForeignServer> {
  const port = await freePort()
  const { file, args, env } = command(port)
  const child = spawn(file, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
  const output: string[] = []
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => output.push(chunk.toString()))
  const url = `http://127.0.0.1:${port}`
  const close = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
  const deadline = performance.now() + READY_MAX_MS
  while (!(await answers(url))) {
    if (child.exitCode !== null || performance.now() > deadline) {
      await close()
      throw new Error(`${file} did not answer at ${url}: ${output.join('').trim().split('\n').slice(-5).join('\n')}`)
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS))
  }
  return { url, close }
}

async function answers(url: string): Promise<boolean> {
  try {
    await fetch(url, { signal: AbortSignal.timeout(1000) })
    return true
  } catch {
    return false
  }
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}
