import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { openSpool, type SpoolOptions } from '../../runtime/evidence/spool.ts'

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'aegis-spool-'))
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

const spoolOf = (options: Partial<SpoolOptions> = {}) => openSpool({ directory, log: 'log', retryMs: 5, ...options })
const lines = () => readFileSync(join(directory, 'log.jsonl'), 'utf8').split('\n').slice(0, -1)

/** A disk whose sync can be made to fail, and that counts its syncs. */
function disk() {
  const state = { failing: false, syncs: 0, halfWrites: 0 }
  const openFile: SpoolOptions['openFile'] = async (path) => {
    const file = await open(path, 'w')
    return {
      write: (async (buffer: Uint8Array, offset: number, length: number, position: number) => {
        if (state.failing && state.halfWrites-- > 0) return file.write(buffer, offset, Math.ceil(length / 2), position)
        if (state.failing) throw Object.assign(new Error('no space left'), { code: 'ENOSPC' })
        return file.write(buffer, offset, length, position)
      }) as never,
      datasync: async () => {
        state.syncs++
        await file.datasync()
      },
      close: () => file.close(),
    }
  }
  return { state, openFile }
}

test('a line is on disk once synced resolves', async () => {
  const spool = await spoolOf()
  const seq = spool.append('one')
  await spool.synced(seq)
  expect(lines()).toEqual(['one'])
  await spool.close()
})

test('lines of one turn share one sync', async () => {
  const { state, openFile } = disk()
  const spool = await spoolOf({ openFile })
  await Promise.all(Array.from({ length: 100 }, (_, i) => spool.synced(spool.append(`line ${i}`))))
  expect(state.syncs).toBeLessThan(5)
  expect(lines()).toHaveLength(100)
  await spool.close()
})

test('a line that nobody waits for is written all the same, and close loses nothing', async () => {
  const spool = await spoolOf({ lazySyncMs: 5 })
  spool.append('lazy')
  await sleep(100)
  expect(lines()).toEqual(['lazy'])
  spool.append('last')
  await spool.close()
  expect(lines()).toEqual(['lazy', 'last'])
})

test('refuses lines while the disk fails, and loses none when it recovers', async () => {
  const { state, openFile } = disk()
  const spool = await spoolOf({ openFile })
  await spool.synced(spool.append('before'))
  state.failing = true
  state.halfWrites = 1
  await expect(spool.synced(spool.append('during, long enough to be written by half'))).rejects.toMatchObject({ code: 'audit_unavailable' })
  expect(spool.healthy).toBe(false)
  expect(() => spool.append('refused')).toThrow(expect.objectContaining({ code: 'audit_unavailable' }))
  state.failing = false
  while (!spool.healthy) await sleep(5)
  await spool.synced(spool.append('after'))
  expect(lines()).toEqual(['before', 'during, long enough to be written by half', 'after'])
  await spool.close()
})

test('refuses a line beyond the file limit, and is then unhealthy', async () => {
  const spool = await spoolOf({ maxFileBytes: 10 })
  await spool.synced(spool.append('12345678'))
  expect(() => spool.append('9')).toThrow('full')
  expect(() => spool.append('')).toThrow('full')
  expect(spool.healthy).toBe(false)
  await spool.close()
})

test('refuses more lines than may wait for the disk', async () => {
  const spool = await spoolOf({ maxPendingBytes: 12 })
  spool.append('0123456789')
  expect(() => spool.append('0123456789')).toThrow('full')
  await spool.close()
})

test('never writes into another boot’s log', async () => {
  const first = await spoolOf()
  await expect(spoolOf()).rejects.toMatchObject({ code: 'EEXIST' })
  await first.close()
})
