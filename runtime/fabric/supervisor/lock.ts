import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, connect, createServer, type Server } from 'node:net'
import { dirname } from 'node:path'
import { z } from 'zod'
import { isProcessAlive } from '../process-alive.ts'

export interface Lock {
  release(): void
}

export class FabricRunningError extends Error {
  override name = 'FabricRunningError'
}

const ownerSchema = z.object({ pid: z.int().positive(), port: z.int().min(1).max(65535) })
type Owner = z.infer<typeof ownerSchema>

/**
 * Takes the one lock of a state folder for this process. A lock whose owner is gone is cleared. An owner counts as
 * alive when its pid exists and the port that it wrote down accepts connections: pids are reused after a reboot, while a hung
 * or stopped owner still accepts (the kernel does).
 * @throws FabricRunningError with one line when another fabric holds it
 */
export async function takeLock(path: string): Promise<Lock> {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  const sign = createServer((socket) => socket.destroy()).unref()
  sign.listen({ host: '127.0.0.1', port: 0 })
  await once(sign, 'listening')
  try {
    return await contend(path, sign)
  } catch (error) {
    sign.close()
    throw error
  }
}

const ATTEMPTS = 5

async function contend(path: string, sign: Server): Promise<Lock> {
  const mine = JSON.stringify({ pid: process.pid, port: (sign.address() as AddressInfo).port })
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    if (linkExclusively(path, mine)) return { release: () => releaseLock(path, mine, sign) }
    const seen = readLock(path)
    if (seen === undefined) continue
    const owner = parseOwner(seen)
    if (owner !== undefined && (await isAlive(owner))) {
      throw new FabricRunningError(`a fabric already runs here (pid ${owner.pid}, ${path}); end it with Ctrl-C, or use another --state-dir`)
    }
    clearStale(path, seen)
  }
  throw new FabricRunningError(`the lock ${path} changes hands faster than it can be taken; is another start under way?`)
}

/** A hard link appears whole or not at all, so nobody ever reads a half-written lock. */
function linkExclusively(path: string, content: string): boolean {
  const beside = `${path}.${process.pid}.${randomBytes(4).toString('hex')}`
  writeFileSync(beside, content, { mode: 0o600 })
  try {
    linkSync(beside, path)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  } finally {
    rmSync(beside, { force: true })
  }
}

/** Moves the stale lock away, and back if another start was quicker and it is no longer the one that was judged. */
function clearStale(path: string, judged: string): void {
  const aside = `${path}.stale.${process.pid}.${randomBytes(4).toString('hex')}`
  try {
    renameSync(path, aside)
  } catch {
    return
  }
  if (readLock(aside) !== judged) linkQuietly(aside, path)
  rmSync(aside, { force: true })
}

function linkQuietly(from: string, to: string): void {
  try {
    linkSync(from, to)
  } catch {
    // A third start has taken the lock meanwhile: the one that was moved will notice when it releases.
  }
}

function releaseLock(path: string, mine: string, sign: Server): void {
  sign.close()
  if (readLock(path) === mine) rmSync(path, { force: true })
}

function readLock(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}

function parseOwner(text: string): Owner | undefined {
  try {
    return ownerSchema.parse(JSON.parse(text))
  } catch {
    return undefined
  }
}

async function isAlive({ pid, port }: Owner): Promise<boolean> {
  return isProcessAlive(pid) && (await accepts(port))
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port, timeout: 1000 })
    const settle = (answer: boolean) => {
      socket.destroy()
      resolve(answer)
    }
    socket.once('connect', () => settle(true))
    socket.once('error', () => settle(false))
    socket.once('timeout', () => settle(false))
  })
}
