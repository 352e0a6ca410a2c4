import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { FabricRunningError, takeLock } from '../../../runtime/fabric/supervisor/lock.ts'

let dir: string
let listener: Server
let port: number
beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'aegis-lock-'))
  listener = createServer().listen(0, '127.0.0.1')
  await once(listener, 'listening')
  port = (listener.address() as AddressInfo).port
})
afterEach(() => {
  listener.close()
  rmSync(dir, { recursive: true })
})

const path = () => join(dir, 'lock')
const closedPort = async () => {
  const other = createServer().listen(0, '127.0.0.1')
  await once(other, 'listening')
  const { port } = other.address() as AddressInfo
  other.close()
  await once(other, 'close')
  return port
}

test('refuses to start twice, in one clear line', async () => {
  await takeLock(path())
  await expect(takeLock(path())).rejects.toThrow(/^a fabric already runs here \(pid \d+, .*lock\); end it with Ctrl-C/)
  await expect(takeLock(path())).rejects.toBeInstanceOf(FabricRunningError)
})

test('a released lock is free again, and leaves nothing behind', async () => {
  const lock = await takeLock(path())
  lock.release()
  expect(readdirSync(dir)).toEqual([])
  await takeLock(path())
})

test('the lock of a process that is gone is taken over', async () => {
  writeFileSync(path(), JSON.stringify({ pid: 2 ** 22 + 1, port }))
  await takeLock(path())
})

test('the lock of a reused pid is taken over: its port is closed', async () => {
  writeFileSync(path(), JSON.stringify({ pid: process.pid, port: await closedPort() }))
  await takeLock(path())
})

test('a lock that is not readable as one is taken over', async () => {
  writeFileSync(path(), '{"pid":')
  await takeLock(path())
})

test('of many starts at once exactly one gets the lock, stale lock or not', async () => {
  for (const stale of [false, true]) {
    if (stale) writeFileSync(path(), JSON.stringify({ pid: 2 ** 22 + 1, port }))
    else rmSync(path(), { force: true })
    const tries = await Promise.allSettled(Array.from({ length: 8 }, () => takeLock(path())))
    expect(tries.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
  }
})

test('a release does not take away the lock of somebody else', async () => {
  const lock = await takeLock(path())
  writeFileSync(path(), JSON.stringify({ pid: process.pid, port: 1 }))
  lock.release()
  expect(existsSync(path())).toBe(true)
})
