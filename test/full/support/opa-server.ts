import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { freePort } from './foreign-server.ts'

export interface OpaServer {
  url: string
  /** What it has written so far, for messages of tests that fail. */
  output(): string
  close(): Promise<void>
}

// The shell ends OPA when its own input ends: by `close`, and also when this process dies in any way.
const TETHERED = '"$0" "$@" & opa=$!; cat > /dev/null; kill -9 "$opa"; wait'
const READY_MAX_MS = 30_000
const POLL_MS = 50

/** Starts `opa run --server` on a free port of 127.0.0.1 and waits until it answers, bundles loaded or not. */
export async function startOpa(opa: string, configFile: string): Promise<OpaServer> {
  const port = await freePort()
  const args = [
    'run',
    '--server',
    '--addr',
    `127.0.0.1:${port}`,
    '--config-file',
    configFile,
    '--skip-version-check',
    '--log-level',
    'error',
  ]
  const child = spawn('sh', ['-c', TETHERED, opa, ...args], { stdio: ['pipe', 'pipe', 'pipe'] })
  const written: string[] = []
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => written.push(chunk.toString()))
  const url = `http://127.0.0.1:${port}`
  const close = async () => {
    if (child.exitCode !== null) return
    const ended = once(child, 'exit')
    child.stdin.end()
    await ended
  }
  const deadline = performance.now() + READY_MAX_MS
  while (!(await answers(`${url}/health`))) {
    if (performance.now() > deadline) {
      await close()
      throw new Error(`opa did not answer at ${url}: ${written.join('')}`)
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS))
  }
  return { url, output: () => written.join(''), close }
}

async function answers(url: string): Promise<boolean> {
  try {
    return (await fetch(url, { signal: AbortSignal.timeout(1000) })).ok
  } catch {
    return false
  }
}
