import { spawn } from 'node:child_process'

export interface Ended {
  /** Undefined: ended by a signal, or by the time it was given. */
  code: number | undefined
  /** What it wrote, to both. */
  output: string
}

interface Bounds {
  cwd: string
  env: Readonly<Record<string, string>>
  timeoutMs: number
}

/** Runs a command with this environment and no other, and kills it when its time is over. The event loop goes on meanwhile. */
export function runBounded([file = '', ...args]: readonly string[], { cwd, env, timeoutMs }: Bounds): Promise<Ended> {
  const child = spawn(file, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'], timeout: timeoutMs, killSignal: 'SIGKILL' })
  const output: Buffer[] = []
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => output.push(chunk))
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => resolve({ code: code ?? undefined, output: Buffer.concat(output).toString() }))
  })
}

/** The same, for a command that must succeed. @throws Error with the end of what it wrote */
export async function runWell(command: readonly string[], bounds: Bounds): Promise<string> {
  const { code, output } = await runBounded(command, bounds)
  if (code === 0) return output
  throw new Error(`${command.join(' ')} ended with ${code ?? `a signal, after ${bounds.timeoutMs} ms at most`}:\n${output.slice(-4000)}`)
}
