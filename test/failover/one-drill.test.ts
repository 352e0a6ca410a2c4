import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { claimFabric } from '../../runtime/failover/one-drill.ts'

let dir: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'aegis-drill-lock-'))
})
afterEach(() => rmSync(dir, { recursive: true, force: true }))

test('refuses a second drill on the same fabric while the first one lives', () => {
  const release = claimFabric(dir)
  expect(() => claimFabric(dir)).toThrow(`a drill already runs here (pid ${process.pid}`)
  release()
  claimFabric(dir)()
  expect(existsSync(join(dir, 'drill.lock'))).toBe(false)
})

test('takes over from a drill that died, and from a file that says nothing', () => {
  const dead = spawnSync(process.execPath, ['-e', '0']).pid
  for (const left of [String(dead), '', 'x']) {
    writeFileSync(join(dir, 'drill.lock'), left)
    claimFabric(dir)()
  }
})
