import { createHash } from 'node:crypto'
import { describe, expect, test } from '@jest/globals'
import { OPA_VERSION } from '../../runtime/policy/opa.ts'
import { download, type OpaLock, readLock } from '../../scripts/tools.ts'

const bytes = Buffer.from('a release')
const sha256 = createHash('sha256').update(bytes).digest('hex')
const lock: OpaLock = {
  version: OPA_VERSION,
  module: 'example.com/opa',
  release: 'https://releases.example/v1/',
  files: { 'linux-x64': 'opa_linux' },
  sha256: { 'linux-x64': sha256 },
}
const asked: string[] = []
const get = (async (url: URL) => {
  asked.push(url.href)
  return new Response(bytes)
}) as unknown as typeof fetch

describe('a release download', () => {
  test('is taken with the pinned checksum', async () => {
    expect(Buffer.from(await download(lock, 'linux-x64', get))).toEqual(bytes)
    expect(asked.at(-1)).toBe('https://releases.example/v1/opa_linux')
  })

  test('is refused without a pinned checksum, before anything is asked for', async () => {
    const before = asked.length
    await expect(download({ ...lock, sha256: {} }, 'linux-x64', get)).rejects.toThrow(/no checksum in scripts\/tools.lock.json/)
    await expect(download(lock, 'aix-ppc64', get)).rejects.toThrow(/aix-ppc64/)
    expect(asked).toHaveLength(before)
  })

  test('is refused with another checksum', async () => {
    await expect(download({ ...lock, sha256: { 'linux-x64': '0'.repeat(64) } }, 'linux-x64', get)).rejects.toThrow(/it was not installed/)
  })

  test('is refused when it fails', async () => {
    const missing = (async () => new Response('', { status: 404 })) as unknown as typeof fetch
    await expect(download(lock, 'linux-x64', missing)).rejects.toThrow(/answered 404/)
  })
})

test('the lock file pins the version that builds policies', () => {
  expect(readLock().version).toBe(OPA_VERSION)
  expect(readLock().release).toContain(`/v${OPA_VERSION}/`)
})
