import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { describeError } from './describe-error.ts'
import type { FabricControl } from './faults/control.ts'
import { connectFabric, FabricUnreachable } from './faults/fabric.ts'
import { RunbookError } from './runbook.ts'

export interface OpenFabric {
  fabric: FabricControl
  /** Ends the fabric if it was started here. */
  close(): Promise<void>
}

export interface StartFabric {
  /** Root of the repository. */
  root: string
  /** Where the fabric keeps its files. */
  stateDir: string
  profile: 'compressed' | 'deployed'
  /** Output of the fabric. */
  logFile: string
  signal: AbortSignal
  say: (line: string) => void
}

const READY_WITHIN_MS = 120_000
const LOOK_MS = 200
const END_GRACE_MS = 15_000

/**
 * Uses the fabric that runs, or starts one and ends it afterwards.
 * @throws FabricUnreachable when none can be had
 */
export async function openFabric(start: StartFabric): Promise<OpenFabric> {
  const running = await connectFabric(start.stateDir).catch(() => undefined)
  if (running !== undefined) return { fabric: running, close: async () => undefined }
  start.say('no fabric runs here; starting one')
  const child = spawnFabric(start)
  const endWithUs = () => void child.kill('SIGTERM')
  process.once('exit', endWithUs)
  const close = async () => {
    process.removeListener('exit', endWithUs)
    await endChild(child)
  }
  try {
    return { fabric: await untilReady(child, start), close }
  } catch (error) {
    await close()
    throw error
  }
}

/**
 * A process group of its own: Ctrl-C in the terminal must reach the drill alone, which still needs the fabric to
 * roll back. `end-with-drill.ts` and the channel end it when the drill dies without a word.
 */
function spawnFabric({ root, stateDir, profile, logFile }: StartFabric): ChildProcess {
  mkdirSync(dirname(logFile), { recursive: true })
  const log = openSync(logFile, 'a')
  const tie = new URL('./end-with-drill.ts', import.meta.url).href
  const child = spawn(process.execPath, ['--import', tie, 'runtime/cli/aegis.ts', 'up', '--profile', profile, '--state-dir', stateDir], {
    cwd: root,
    detached: true,
    stdio: ['ignore', log, log, 'ipc'],
  })
  closeSync(log)
  return child
}

async function untilReady(child: ChildProcess, { stateDir, signal, logFile }: StartFabric): Promise<FabricControl> {
  const ended = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message))
    child.once('exit', (code, killedBy) => resolve(`ended with ${killedBy ?? `exit code ${code}`}`))
  })
  const giveUpMs = performance.now() + READY_WITHIN_MS
  let why = ''
  for (;;) {
    const looked = await Promise.race([ended, delay(LOOK_MS).then(() => undefined)])
    // Bad configuration is not the fabric's fault, and no reason to call the drill inconclusive.
    if (looked === 'ended with exit code 2') throw new RunbookError([lastLine(logFile)])
    if (looked !== undefined) throw new FabricUnreachable(`the fabric ${looked} before it was ready: ${lastLine(logFile)}`)
    if (signal.aborted) throw new FabricUnreachable('interrupted while the fabric was starting')
    if (performance.now() > giveUpMs) throw new FabricUnreachable(`the fabric was not ready after ${READY_WITHIN_MS / 1000} s: ${why}`)
    try {
      return await connectFabric(stateDir)
    } catch (error) {
      why = describeError(error)
    }
  }
}

/** What it said last is nearly always why. */
function lastLine(logFile: string): string {
  const lines = readFileSync(logFile, 'utf8').trim().split('\n')
  return lines.at(-1) || `it said nothing in ${logFile}`
}

async function endChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  child.kill('SIGINT')
  const ended = await Promise.race([exited.then(() => true), delay(END_GRACE_MS, false, { ref: false })])
  if (ended) return
  child.kill('SIGKILL')
  await exited
}
