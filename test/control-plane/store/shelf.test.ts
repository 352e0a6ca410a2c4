import { expect, test } from '@jest/globals'
import { StoreDamagedError } from '../../../runtime/control-plane/store/ledger.ts'
import { openShelf } from '../../../runtime/control-plane/store/shelf.ts'
import { memoryArchive } from '../memory-archive.ts'

test('gives back what was put, also to who opens it later', async () => {
  const store = memoryArchive()
  const digest = await openShelf(store).put(Buffer.from('bundle'))
  expect(Buffer.from(await openShelf(store).get(digest)).toString()).toBe('bundle')
  expect(await openShelf(store).put(Buffer.from('bundle'))).toBe(digest)
})

test('refuses what is missing, half written or another', async () => {
  const store = memoryArchive()
  const digest = await openShelf(store).put(Buffer.from('bundle'))
  for (const spoilt of [undefined, 'bund', 'Bundle']) {
    if (spoilt === undefined) store.objects.delete(`objects/${digest}`)
    else store.objects.set(`objects/${digest}`, Buffer.from(spoilt))
    await expect(openShelf(store).get(digest)).rejects.toThrow(StoreDamagedError)
  }
})
