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
