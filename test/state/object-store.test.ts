import { s3ObjectStore } from '../../runtime/state/object-store.ts'
import { testBucketAndKey } from '../support/stores.ts'

let cell: Awaited<ReturnType<typeof testBucketAndKey>>
beforeAll(async () => {
  cell = await testBucketAndKey('bucket', 'alias/test')
})
afterAll(() => cell.close())

test('gives back the very bytes that were put', async () => {
  const store = s3ObjectStore(cell.s3, 'bucket')
  const bytes = Uint8Array.from({ length: 70_000 }, (_, i) => i % 256)
  await store.put('bundles/a.tar.gz', bytes)
  expect(Buffer.from((await store.get('bundles/a.tar.gz')) ?? [])).toEqual(Buffer.from(bytes))
})

test('an object that is not there is undefined, a bucket that is not there an error', async () => {
  expect(await s3ObjectStore(cell.s3, 'bucket').get('nothing')).toBeUndefined()
  await expect(s3ObjectStore(cell.s3, 'no-such-bucket').get('nothing')).rejects.toThrow()
})

test('refuses an object over the limit', async () => {
  const store = s3ObjectStore(cell.s3, 'bucket', 10)
  await store.put('large', new Uint8Array(11))
  await expect(store.get('large')).rejects.toThrow('over 10')
})

test('of two that create one object the first has it, and what it holds stays', async () => {
  const store = s3ObjectStore(cell.s3, 'bucket')
  const took = await Promise.all(['one', 'two'].map((text) => store.create('ledger/1', Buffer.from(text))))
  expect(took.toSorted()).toEqual([false, true])
  expect(await store.create('ledger/1', Buffer.from('three'))).toBe(false)
  expect(Buffer.from((await store.get('ledger/1')) ?? []).toString()).toBe(took[0] ? 'one' : 'two')
})

test('lists keys in order, after a key, and past the size of a page', async () => {
  const store = s3ObjectStore(cell.s3, 'bucket')
  const keys = Array.from({ length: 1003 }, (_, index) => `many/${String(index).padStart(4, '0')}`)
  for (let at = 0; at < keys.length; at += 50) await Promise.all(keys.slice(at, at + 50).map((key) => store.put(key, Buffer.from('x'))))
  expect(await store.list('many/')).toEqual(keys)
  expect(await store.list('many/', 'many/1000')).toEqual(['many/1001', 'many/1002'])
  expect(await store.list('none/')).toEqual([])
})
