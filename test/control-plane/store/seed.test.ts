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

  describe('refuses an entry whose revision could not be signed anew,', () => {
    const spoilt: [string, (revision: Record<string, string>) => string][] = [
      ['as its sources were not copied', ({ sources }) => `objects/${sources}`],
      ['as its module was not copied', ({ modules }) => `modules/${modules}.json`],
      [
        'as the code of its module was not copied',
        ({ modules }) => `objects/${(parsed(`modules/${modules}.json`) as { wasm: string }).wasm}`,
      ],
    ]
    const parsed = (key: string) => JSON.parse(Buffer.from(copy.objects.get(key) as Uint8Array).toString()) as Record<string, string>

    test.each(spoilt)('%s', async (_why, keyOf) => {
      const { active } = lost.plane.kernel.state()
      const entries = ledger(copy).length
      copy.objects.delete(keyOf(parsed(`revisions/${active?.revision}.json`)))
      // Where no entry before has it either, there is nothing to begin with.
      const seeded = await seedStore(copy, store).catch((error: unknown) => {
        expect(error).toBeInstanceOf(NothingCopiedError)
        return { entries: 0, left: entries }
      })
      expect(seeded.entries).toBeLessThan(entries)
      expect(seeded.entries + seeded.left).toBe(entries)
    })
  })

  test('refuses an object that is not what its name says, and does not keep it for good', async () => {
    const key = `objects/${lost.plane.kernel.state().active?.zones.eu?.bundle}`
    const [entries, whole] = [ledger(copy).length, copy.objects.get(key) as Uint8Array]
    copy.objects.set(key, whole.subarray(0, whole.length - 1))
    expect((await seedStore(copy, store)).entries).toBeLessThan(entries)
    expect(store.objects.has(key)).toBe(false)
    // Copied whole at last, before anything was decided here.
    copy.objects.set(key, whole)
    expect(await seedStore(copy, store)).toEqual({ entries, left: 0 })
  })

  test.each([1, -1])('ends before entry %d when it is none', async (at) => {
    const keys = ledger(copy)
    const key = keys.at(at) as string
    copy.objects.set(key, Buffer.from('{"n":'))
    const { entries, left } = await seedStore(copy, store)
    expect([entries, left]).toEqual([keys.indexOf(key), keys.length - keys.indexOf(key)])
    expect(ledger(store)).toEqual(keys.slice(0, entries))
  })

  test('takes what was copied late beside the ledger, also after it has an entry of its own', async () => {
    const late = `objects/${'0'.repeat(64)}`
    const [key] = [...copy.objects.keys()].filter((name) => name.startsWith('revisions/'))
    const record = copy.objects.get(key as string) as Uint8Array
    await seedStore(copy, store)
    store.objects.set(`ledger/${String(ledger(store).length + 1).padStart(12, '0')}.json`, Buffer.from('its own'))
    store.objects.delete(key as string)
    copy.objects.set(late, Buffer.from('not what its name says'))
    await seedStore(copy, store)
    expect([store.objects.get(key as string), store.objects.has(late)]).toEqual([record, false])
  })

  test('refuses to begin with nothing, over regions that were told something', async () => {
    await expect(seedStore(memoryArchive(), store)).rejects.toThrow(NothingCopiedError)
    copy.objects.delete(ledger(copy)[0] as string)
    await expect(seedStore(copy, store)).rejects.toThrow(NothingCopiedError)
  })
})
