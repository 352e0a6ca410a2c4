import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { openFabric } from '../../runtime/failover/fabric-process.ts'
import { FabricUnreachable } from '../../runtime/failover/faults/fabric.ts'
import { RunbookError } from '../../runtime/failover/runbook.ts'

let root: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'aegis-up-'))
  mkdirSync(join(root, 'runtime', 'cli'), { recursive: true })
  mkdirSync(join(root, '.aegis'))
})
afterEach(() => rmSync(root, { recursive: true }))

const start = (signal = new AbortController().signal) => ({
  root,
  stateDir: join(root, '.aegis'),
  profile: 'compressed' as const,
  logFile: join(root, 'logs', 'fabric.log'),
  signal,
  say: () => undefined,
})

/** Puts a program where `aegis up` would be. */
const standIn = (code: string) => writeFileSync(join(root, 'runtime', 'cli', 'aegis.ts'), code)

const FABRIC = `
import { createServer } from 'node:http'
import { writeFileSync } from 'node:fs'
const timings = { health_check_interval_ms: 1000, health_check_failure_threshold: 3, record_ttl_ms: 3000, client_timeout_ms: 1000 }
const status = () => ({ now_ms: Date.now(), profile: { name: process.argv[4], ...timings, deployed: timings }, regions: [], versions: {}, templates: 'x', checks: [] })
const server = createServer((request, response) => response.end(JSON.stringify(status())))
server.listen(0, '127.0.0.1', () => {
  writeFileSync('.aegis/pid', String(process.pid))
  writeFileSync('.aegis/supervisor.json', JSON.stringify({ url: 'http://127.0.0.1:' + server.address().port, token: 't' }))
  writeFileSync('.aegis/fabric.json', JSON.stringify({ names: {}, wan: {}, demo_tokens: {} }))
})
process.on('SIGINT', () => process.exit(0))
`

const isAlive = (pid: number) => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

describe('a drill without a running fabric', () => {
  test('starts one, and ends it afterwards', async () => {
    standIn(FABRIC)
    const { fabric, close } = await openFabric(start())
    const pid = Number(readFileSync(join(root, '.aegis', 'pid'), 'utf8'))
    expect(fabric.profile.name).toBe('compressed')
    // A second drill uses it, and leaves it running.
    const second = await openFabric(start())
    await second.close()
    expect(isAlive(pid)).toBe(true)
    await close()
    expect(isAlive(pid)).toBe(false)
  })

  test('refuses with the last words of a fabric that does not start', async () => {
    standIn(`console.log('config/deployment.ts: zones: needs at least one zone'); process.exitCode = 2`)
    await expect(openFabric(start())).rejects.toThrow(/^config\/deployment\.ts: zones/)
    await expect(openFabric(start())).rejects.toThrow(RunbookError)
    standIn(`console.log('no port is free'); process.exitCode = 1`)
    await expect(openFabric(start())).rejects.toThrow(/ended with exit code 1 before it was ready: no port is free/)
    await expect(openFabric(start())).rejects.toThrow(FabricUnreachable)
  })

  test('takes its fabric along when it is killed itself', async () => {
    // It leaves a note, as an orphan's pid may stay taken until init gets round to it.
    standIn(`${FABRIC}\nprocess.on('SIGTERM', () => { writeFileSync('.aegis/ended', ''); process.exit(0) })`)
    const module = new URL('../../runtime/failover/fabric-process.ts', import.meta.url).href
    const drill = `import { openFabric } from ${JSON.stringify(module)}
      const { root, stateDir, profile, logFile } = ${JSON.stringify(start())}
      await openFabric({ root, stateDir, profile, logFile, signal: new AbortController().signal, say: () => {} })
      process.kill(process.pid, 'SIGKILL')`
    const killed = spawn(process.execPath, ['--input-type=module', '--eval', drill], { stdio: 'ignore' })
    await once(killed, 'exit')
    const ended = () => existsSync(join(root, '.aegis', 'ended'))
    for (let waitedMs = 0; !ended() && waitedMs < 4000; waitedMs += 20) await delay(20)
    expect(ended()).toBe(true)
  })

  test('ends a fabric that is still starting when it is interrupted', async () => {
    standIn(`import { writeFileSync } from 'node:fs'\nwriteFileSync('.aegis/pid', String(process.pid))\nsetInterval(() => {}, 1000)`)
    const interrupt = new AbortController()
    const opening = openFabric(start(interrupt.signal))
    const pid = async () => {
      for (;;) {
        try {
          return Number(readFileSync(join(root, '.aegis', 'pid'), 'utf8'))
        } catch {
          await delay(20)
        }
      }
    }
    const started = await pid()
    interrupt.abort()
    await expect(opening).rejects.toThrow(/interrupted while the fabric was starting/)
    expect(isAlive(started)).toBe(false)
  })
})
