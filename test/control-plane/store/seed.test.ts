import { beforeEach, describe, expect, test } from '@jest/globals'
import { NothingCopiedError, seedStore } from '../../../runtime/control-plane/store/seed.ts'
import { type MemoryArchive, memoryArchive } from '../memory-archive.ts'
import { demoSources, sourcesWithLimit, type TestPlane, testPlane } from '../test-plane.ts'

let lost: TestPlane
let copy: MemoryArchive
let store: MemoryArchive
const ledger = (archive: MemoryArchive) => [...archive.objects.keys()].filter((key) => key.startsWith('ledger/')).sort()

beforeEach(async () => {
  lost = await testPlane()
  await lost.publish(demoSources())
  await lost.publish(sourcesWithLimit(800_000))
  await lost.untilEnd()
  copy = memoryArchive(new Map(lost.store.objects))
  store = memoryArchive()
})

describe('the store of a rebuilt control plane', () => {
  test('begins with everything that a whole copy has', async () => {
    const entries = ledger(copy).length
    expect(await seedStore(copy, store)).toEqual({ entries, left: 0 })
    expect([...store.objects].sort()).toEqual([...copy.objects].sort())
  })

  test('ends before the first entry that was not copied, as a ledger is one line', async () => {
    const keys = ledger(copy)
    copy.objects.delete(keys[3] as string)
    expect(await seedStore(copy, store)).toEqual({ entries: 3, left: keys.length - 4 })
    expect(ledger(store)).toEqual(keys.slice(0, 3))
  })

  test('ends before an entry whose bundle was not copied', async () => {
    const { active } = lost.plane.kernel.state()
    const entries = ledger(copy).length
    copy.objects.delete(`objects/${active?.zones.eu?.bundle}`)
    const seeded = await seedStore(copy, store)
    expect(seeded.entries).toBeLessThan(entries)
    expect(seeded.entries).toBeGreaterThan(0)
    expect(seeded.entries + seeded.left).toBe(entries)
  })

  test('goes on where it was cut off, and takes over what was copied late', async () => {
    const keys = ledger(copy)
    for (const key of keys.slice(0, 2)) store.objects.set(key, copy.objects.get(key) as Uint8Array)
    expect((await seedStore(copy, store)).entries).toBe(keys.length)
    expect([...store.objects].sort()).toEqual([...copy.objects].sort())
  })

  test('takes over nothing more once it has an entry of its own', async () => {
    const keys = ledger(copy)
    for (const key of keys.slice(0, 2)) store.objects.set(key, copy.objects.get(key) as Uint8Array)
    store.objects.set(keys[2] as string, Buffer.from('its own'))
    expect((await seedStore(copy, store)).entries).toBe(3)
    expect(ledger(store)).toEqual(keys.slice(0, 3))
  })

  test('stops where another process wrote an own entry meanwhile', async () => {
    const keys = ledger(copy)
    const { create } = store
    store.create = async (key, body) => {
      if (key === keys[2]) store.objects.set(key, Buffer.from('its own'))
      return create(key, body)
    }
    await seedStore(copy, store)
    expect(ledger(store)).toEqual(keys.slice(0, 3))
  })

  test('refuses to begin with nothing, over regions that were told something', async () => {
    await expect(seedStore(memoryArchive(), store)).rejects.toThrow(NothingCopiedError)
    copy.objects.delete(ledger(copy)[0] as string)
    await expect(seedStore(copy, store)).rejects.toThrow(NothingCopiedError)
  })
})
