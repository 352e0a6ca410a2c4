import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { opaConfig } from '../../runtime/policy/config.ts'
import { findOpa, OPA_VERSION } from '../../runtime/policy/opa.ts'

let dir: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'aegis-opa-'))
})
afterEach(() => rmSync(dir, { recursive: true, force: true }))

/** A stand-in that says which version it is. */
function fakeOpa(name: string, version: string): string {
  const path = join(dir, name)
  writeFileSync(path, `#!/bin/sh\necho "Version: ${version}"\n`)
  chmodSync(path, 0o755)
  return path
}

test('the first opa of the pinned version is used', async () => {
  const old = fakeOpa('old', '1.4.2')
  const right = fakeOpa('right', OPA_VERSION)
  expect(await findOpa({ named: undefined, candidates: [join(dir, 'none'), old, right] })).toBe(right)
  expect(await findOpa({ named: undefined, candidates: [old] })).toBeUndefined()
  expect(await findOpa({ named: right, candidates: [] })).toBe(right)
})

test('refuses a named binary of another version, instead of passing it over', async () => {
  const right = fakeOpa('right', OPA_VERSION)
  await expect(findOpa({ named: fakeOpa('old', '1.4.2'), candidates: [right] })).rejects.toThrow(/is opa 1.4.2/)
  await expect(findOpa({ named: join(dir, 'none'), candidates: [right] })).rejects.toThrow(/is not opa/)
})

test('OPA_BIN names a binary, PATH is searched after the cache', () => {
  const { named, candidates } = opaConfig('/cache', { OPA_BIN: '/opt/opa', PATH: '/a:/b' })
  expect(named).toBe('/opt/opa')
  expect(candidates.slice(0, 3)).toEqual(['/cache/opa', '/a/opa', '/b/opa'])
})
