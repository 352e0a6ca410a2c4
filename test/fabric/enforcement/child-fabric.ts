import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findFabric, type RunningFabric } from '../../../runtime/cli/fabric-client.ts'

const CLI = join(import.meta.dirname, '../../../runtime/cli/aegis.ts')

export interface ChildFabric {
  fabric: RunningFabric
  /** Runs `aegis` on it, to the end. */
  aegis(...args: string[]): { status: number | null; stdout: string; stderr: string }
  stop(): Promise<void>
}

/** A fabric of its own, in processes of its own, as `aegis up` starts it. Rejects when it ends before it is ready. */
export async function startChildFabric(...options: string[]): Promise<ChildFabric> {
  const dir = mkdtempSync(join(tmpdir(), 'aegis-enforcement-'))
  const child = spawn(process.execPath, [CLI, 'up', '--state-dir', dir, ...options], { stdio: ['ignore', 'pipe', 'pipe'] })
  try {
    await ready(child)
  } catch (error) {
    await end(child)
    rmSync(dir, { recursive: true, force: true })
    throw error
  }
  return {
    fabric: findFabric(dir),
    aegis: (...args) => spawnSync(process.execPath, [CLI, ...args, '--state-dir', dir], { encoding: 'utf8' }),
    async stop() {
      await end(child)
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

function ready(child: ChildProcess): Promise<void> {
  let output = ''
  return new Promise((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (text: Buffer) => {
        output += text.toString()
        if (output.includes('Ready in')) resolve()
      })
    }
    child.once('exit', (code) => reject(new Error(`up ended with ${code}:\n${output}`)))
  })
}

/** By its own signal, so that every process that it started ends too. */
async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGINT')
  await ended
}
