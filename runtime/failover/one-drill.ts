import { closeSync, mkdirSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { isProcessAlive } from '../fabric/process-alive.ts'
import { RunbookError } from './runbook.ts'

/**
 * Lets one drill at a time run on a fabric: a second one would take the first one's fault for a left-over and undo it.
 * A lock whose drill has died is taken over.
 * @returns a function that gives the fabric free again
 * @throws RunbookError when another drill runs
 */
export function claimFabric(stateDir: string): () => void {
  mkdirSync(stateDir, { recursive: true, mode: 0o700 })
  const file = join(stateDir, 'drill.lock')
  const owner = ownerOf(file)
  if (owner !== undefined && isProcessAlive(owner)) {
    throw new RunbookError([`a drill already runs here (pid ${owner}, ${file}); wait for it, or end it with Ctrl-C`])
  }
  rmSync(file, { force: true })
  const lock = openSync(file, 'wx', 0o600)
  writeSync(lock, String(process.pid))
  closeSync(lock)
  return () => rmSync(file, { force: true })
}

function ownerOf(file: string): number | undefined {
  try {
    const pid = Number(readFileSync(file, 'utf8'))
    return Number.isSafeInteger(pid) && pid > 0 ? pid : undefined
  } catch {
    return undefined
  }
}
