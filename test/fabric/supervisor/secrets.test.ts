import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { ensureSecret } from '../../../runtime/fabric/supervisor/secrets.ts'

let dir: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'aegis-secrets-'))
})
afterEach(() => rmSync(dir, { recursive: true, force: true }))

test('makes a secret once, for its owner alone', () => {
  const path = join(dir, 'keys', 'secrets', 'zone-eu')
  const secret = ensureSecret(path)
  expect(Buffer.from(secret, 'base64').length).toBeGreaterThanOrEqual(32)
  expect(statSync(path).mode & 0o777).toBe(0o600)
  expect(ensureSecret(path)).toBe(secret)
  expect(ensureSecret(join(dir, 'keys', 'secrets', 'zone-us'))).not.toBe(secret)
})

test('refuses a file that was cut short', () => {
  const path = join(dir, 'torn')
  writeFileSync(path, 'c2hvcnQ=')
  expect(() => ensureSecret(path)).toThrow(/torn: is not a secret/)
})
