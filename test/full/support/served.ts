import { spawn } from 'node:child_process'
import { once } from 'node:events'

export interface Served {
  /** What it wrote so far. */
  output(): string
  close(): Promise<void>
}

const POLL_MS = 100

/**
 * Starts a server of ours and waits until a URL of it answers 200.
 * @throws Error with the end of what it wrote, when it ends before, or its time is over; it has ended then
 */
export async function serve(
  script: string,
  { cwd, env, ready, timeoutMs }: { cwd: string; env: Readonly<Record<string, string>>; ready: string; timeoutMs: number },
): Promise<Served> {
  const child = spawn(process.execPath, [script], { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] })
  const written: Buffer[] = []
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => written.push(chunk))
  const output = () => Buffer.concat(written).toString()
  const ended = () => child.exitCode !== null || child.signalCode !== null
  const close = async () => {
    if (ended()) return
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
  const deadline = performance.now() + timeoutMs
  while (!(await isOk(ready))) {
    if (ended() || performance.now() > deadline) {
      await close()
      throw new Error(`${script} was not ready at ${ready}: ${output().slice(-3000)}`)
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS))
  }
  return { output, close }
}

async function isOk(url: string): Promise<boolean> {
  try {
    return (await fetch(url, { signal: AbortSignal.timeout(1000) })).ok
  } catch {
    return false
  }
}
