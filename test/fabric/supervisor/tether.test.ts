import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'

const TETHER = join(import.meta.dirname, '../../../runtime/fabric/supervisor/tether.ts')
let dir: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'aegis-tether-'))
})
afterEach(() => rmSync(dir, { recursive: true }))

/** Starts a parent that starts a child, tethered or not, and kills the parent. @returns the child's pid */
async function orphan(tethered: boolean): Promise<number> {
  const child = join(dir, 'child.mjs')
  writeFileSync(child, 'process.send(process.pid); setInterval(() => {}, 1000)')
  const parent = join(dir, 'parent.mjs')
  const execArgv = tethered ? ['--import', TETHER] : []
  writeFileSync(
    parent,
    `import { fork } from 'node:child_process'
     fork(${JSON.stringify(child)}, { detached: true, execArgv: ${JSON.stringify(execArgv)} }).on('message', (pid) => console.log(pid))`,
  )
  const running: ChildProcess = spawn(process.execPath, [parent], { stdio: ['ignore', 'pipe', 'inherit'] })
  const pid = await new Promise<number>((resolve) => running.stdout?.once('data', (text: Buffer) => resolve(Number(text.toString()))))
  running.kill('SIGKILL')
  return pid
}

const isAlive = (pid: number) => {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

test('a tethered process ends when its parent is killed', async () => {
  const pid = await orphan(true)
  while (isAlive(pid)) await new Promise((resolve) => setTimeout(resolve, 20))
})

test('one without a tether would live on: the check can fail', async () => {
  const pid = await orphan(false)
  await new Promise((resolve) => setTimeout(resolve, 300))
  expect(isAlive(pid)).toBe(true)
  process.kill(pid, 'SIGKILL')
})
