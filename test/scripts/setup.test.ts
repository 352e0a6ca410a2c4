import { spawn } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'

// scripts/setup.mjs in a folder of its own, with an npm that only writes down how it was called.

const FAKE_NPM = `
import { appendFileSync, chmodSync, mkdirSync, writeFileSync } from 'node:fs'
appendFileSync('calls', process.argv.slice(2).join(' ') + '\\n')
console.log('npm says this on its stdout')
await new Promise((resolve) => setTimeout(resolve, 300))
if (process.env.FAKE_NPM_FAILS) process.exit(7)
mkdirSync('node_modules/.bin', { recursive: true })
writeFileSync('node_modules/.bin/node', '#!/bin/sh\\necho v24.21.0\\n')
chmodSync('node_modules/.bin/node', 0o755)
`

let root: string

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'aegis-setup-'))
  mkdirSync(join(root, 'scripts'))
  mkdirSync(join(root, 'npm'))
  cpSync(join(import.meta.dirname, '../../scripts/setup.mjs'), join(root, 'scripts/setup.mjs'))
  writeFileSync(join(root, 'npm/package.json'), '{"type":"module"}')
  writeFileSync(join(root, 'npm/npm-cli.js'), FAKE_NPM)
  writePackage({ dependencies: { a: '1.0.0' } })
})

afterEach(() => rmSync(root, { recursive: true, force: true }))

test('installs on a fresh clone, then says and does nothing more', async () => {
  const first = await setup()
  expect(first).toMatchObject({ code: 0, stdout: '' })
  expect(first.stderr).toMatch(/^aegis: installing what package.json names/)
  expect(await setup()).toEqual({ code: 0, stdout: '', stderr: '' })
  expect(calls()).toHaveLength(1)
  expect(calls()[0]).toMatch(/^install --no-save /)
})

test('installs again when a dependency or the lockfile changes, not when a script does', async () => {
  await setup()
  writePackage({ dependencies: { a: '1.0.0' }, scripts: { new: 'true' } })
  await setup()
  expect(calls()).toHaveLength(1)
  writePackage({ dependencies: { a: '1.0.1' } })
  await setup()
  expect(calls()).toHaveLength(2)
  writeFileSync(join(root, 'package-lock.json'), '{}')
  await setup()
  expect(calls()).toHaveLength(3)
})

test('runs one installation when two scripts start at once', async () => {
  const both = await Promise.all([setup(), setup()])
  expect(both.map(({ code }) => code)).toEqual([0, 0])
  expect(both.map(({ stderr }) => stderr).join('')).toMatch(/waiting for the installation that process \d+ runs/)
  expect(calls()).toHaveLength(1)
})

test('takes over the lock of a process that is gone, and leaves none behind', async () => {
  const gone = spawn(process.execPath, ['-e', ''])
  await new Promise((resolve) => gone.once('exit', resolve))
  mkdirSync(join(root, 'node_modules'))
  writeFileSync(join(root, 'node_modules/.aegis-setup.lock'), String(gone.pid))
  const several = await Promise.all([setup(), setup(), setup()])
  expect(several.map(({ code }) => code)).toEqual([0, 0, 0])
  expect(calls()).toHaveLength(1)
  expect(readdirSync(join(root, 'node_modules')).filter((name) => name.includes('lock'))).toEqual([])
})

test('refuses an installation that npm did not finish, and tries again the next time', async () => {
  const failed = await setup({ FAKE_NPM_FAILS: '1' })
  expect(failed.code).toBe(1)
  expect(failed.stderr).toContain('aegis: npm install ended with code 7')
  expect(existsSync(join(root, 'node_modules/.aegis-setup.lock'))).toBe(false)
  expect((await setup()).code).toBe(0)
  expect(calls()).toHaveLength(2)
})

function setup(env: Record<string, string> = {}): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const child = spawn(process.execPath, [join(root, 'scripts/setup.mjs')], {
    cwd: tmpdir(),
    env: { ...process.env, npm_execpath: join(root, 'npm/npm-cli.js'), ...env },
  })
  const output = { stdout: '', stderr: '' }
  child.stdout.on('data', (chunk) => {
    output.stdout += chunk
  })
  child.stderr.on('data', (chunk) => {
    output.stderr += chunk
  })
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, ...output })))
}

function writePackage(content: object): void {
  writeFileSync(join(root, 'package.json'), JSON.stringify(content))
}

function calls(): string[] {
  return readFileSync(join(root, 'calls'), 'utf8').trim().split('\n')
}
