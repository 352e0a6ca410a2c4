import { createHash } from 'node:crypto'
import { readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import {
  DeleteObjectCommand,
  GetObjectCommand,
  GetObjectTaggingCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  NoSuchBucket,
  NoSuchKey,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3'
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals'
import fc from 'fast-check'
import { openObjects } from '../../../runtime/fabric/stores/bucket/objects.ts'
import { startStores } from '../../../runtime/fabric/stores/region-stores.ts'
import { cleanup, s3 } from './support.ts'

const opened = cleanup()
const region = 'eu-west-1'
const Bucket = 'aegis-prod-eu-west-1-bundles-222222222222'
let client: S3Client
let url: string
let dataDir: string

beforeEach(async () => {
  dataDir = await opened.folder()
  const stores = opened.add(await startStores({ region, dataDir, buckets: [Bucket] }))
  url = stores.url
  client = opened.add(s3(url, region))
})
afterEach(() => opened.closeAll())

const md5 = (body: string | Buffer) => `"${createHash('md5').update(body).digest('hex')}"`

test('returns what was put, byte for byte, with its ETag and metadata', async () => {
  const Body = Buffer.from(Array.from({ length: 70_000 }, (_, at) => at % 256))
  const put = await client.send(
    new PutObjectCommand({ Bucket, Key: 'bundles/abc.tar.gz', Body, ContentType: 'application/gzip', Metadata: { zone: 'eu' } }),
  )
  expect(put.ETag).toBe(md5(Body))
  const got = await client.send(new GetObjectCommand({ Bucket, Key: 'bundles/abc.tar.gz' }))
  expect(Buffer.from((await got.Body?.transformToByteArray()) ?? [])).toEqual(Body)
  expect(got).toMatchObject({ ETag: md5(Body), ContentType: 'application/gzip', ContentLength: Body.length, Metadata: { zone: 'eu' } })
  const head = await client.send(new HeadObjectCommand({ Bucket, Key: 'bundles/abc.tar.gz' }))
  expect(head).toMatchObject({ ETag: md5(Body), ContentLength: Body.length })
  await client.send(new HeadBucketCommand({ Bucket }))
})

test('takes a stream in chunks, and each checksum that the SDK sends', async () => {
  const chunked = new PutObjectCommand({
    Bucket,
    Key: 'stream',
    Body: Readable.from([Buffer.from('one '), Buffer.from('two')]),
    ContentLength: 7,
  })
  await client.send(chunked)
  for (const ChecksumAlgorithm of ['CRC32', 'CRC32C', 'SHA1', 'SHA256'] as const) {
    await client.send(new PutObjectCommand({ Bucket, Key: ChecksumAlgorithm, Body: 'one two', ChecksumAlgorithm }))
  }
  for (const Key of ['stream', 'CRC32', 'CRC32C', 'SHA1', 'SHA256']) {
    const got = await client.send(new GetObjectCommand({ Bucket, Key }))
    expect(await got.Body?.transformToString()).toBe('one two')
  }
})

test('lets one of many conditional writers have a key', async () => {
  const writers = Array.from({ length: 20 }, (_, at) =>
    client.send(new PutObjectCommand({ Bucket, Key: 'k', Body: `writer ${at}`, IfNoneMatch: '*' })),
  )
  const outcomes = await Promise.allSettled(writers)
  const winner = outcomes.findIndex(({ status }) => status === 'fulfilled')
  expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
  for (const outcome of outcomes) if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ name: 'PreconditionFailed' })
  const got = await client.send(new GetObjectCommand({ Bucket, Key: 'k' }))
  expect(await got.Body?.transformToString()).toBe(`writer ${winner}`)
})

test('keeps any key apart from any other, inside its folder', async () => {
  const keys = fc.uniqueArray(
    fc.oneof(
      fc.string({ minLength: 1, maxLength: 40, unit: 'grapheme' }),
      fc.constantFrom('..', '../up', '/', '//', 'a/../b', 'b', './b', '%2e%2e', '-'),
    ),
    {
      minLength: 1,
      maxLength: 4,
    },
  )
  const now = () => 0
  const inside = await openObjects(join(dataDir, 'property'), now)
  const options = { contentType: 'text/plain', metadata: {}, onlyIfAbsent: false }
  const before = await readdir(dataDir)
  await fc.assert(
    fc.asyncProperty(keys, async (list) => {
      for (const key of list) await inside.put(key, Buffer.from(key), options)
      for (const key of list) expect((await inside.get(key))?.body.toString()).toBe(key)
    }),
    { numRuns: 50 },
  )
  expect(await readdir(dataDir)).toEqual(before)
})

test('keeps a key with dots and slashes on its way over HTTP', async () => {
  for (const Key of ['a/../../b', 'a b+c%20d/é', '..', 'x?y#z']) {
    await client.send(new PutObjectCommand({ Bucket, Key, Body: Key }))
    const got = await client.send(new GetObjectCommand({ Bucket, Key }))
    expect(await got.Body?.transformToString()).toBe(Key)
  }
})

test('lists by prefix, in order, page by page', async () => {
  for (const Key of ['b/2', 'a', 'b/1', 'b/3', 'c&<']) await client.send(new PutObjectCommand({ Bucket, Key, Body: Key }))
  const first = await client.send(new ListObjectsV2Command({ Bucket, Prefix: 'b/', MaxKeys: 2 }))
  expect(first.Contents?.map(({ Key, ETag, Size }) => [Key, ETag, Size])).toEqual([
    ['b/1', md5('b/1'), 3],
    ['b/2', md5('b/2'), 3],
  ])
  const second = await client.send(
    new ListObjectsV2Command({ Bucket, Prefix: 'b/', MaxKeys: 2, ContinuationToken: first.NextContinuationToken }),
  )
  expect([second.Contents?.map(({ Key }) => Key), second.IsTruncated]).toEqual([['b/3'], false])
  expect((await client.send(new ListObjectsV2Command({ Bucket, Prefix: 'c' }))).Contents?.[0]?.Key).toBe('c&<')
})

test('a listing reads no file again, and knows what was put since, and before it, and meanwhile', async () => {
  const dir = join(dataDir, 'listed')
  const options = { contentType: 'text/plain', metadata: {}, onlyIfAbsent: false }
  const before = await openObjects(dir, () => 1)
  for (let n = 0; n < 20; n++) await before.put(`old/${n}`, Buffer.from('old'), options)
  const objects = await openObjects(dir, () => 2)
  const [first] = await Promise.all([objects.list('old/'), objects.put('old/7', Buffer.from('newer'), options)])
  expect(first).toHaveLength(20)
  for (const name of await readdir(dir)) await writeFile(join(dir, name), 'no object')
  const second = await objects.list('old/')
  expect(second.map(({ key, bytes }) => [key, bytes])).toEqual(
    Array.from({ length: 20 }, (_, n) => [`old/${n}`, n === 7 ? 5 : 3]).sort(([a], [b]) => (String(a) < String(b) ? -1 : 1)),
  )
  await objects.put('old/new', Buffer.from('x'), options)
  expect(await objects.list('old/n')).toMatchObject([{ key: 'old/new', lastModifiedMs: 2 }])
})

test('of many writers of one key, the listing shows the one whose content is there', async () => {
  const objects = await openObjects(join(dataDir, 'writers'), Date.now)
  await objects.list('')
  const options = { contentType: 'text/plain', metadata: {}, onlyIfAbsent: false }
  await Promise.all(Array.from({ length: 24 }, (_, n) => objects.put('k', Buffer.from('x'.repeat(n)), options)))
  const [listed] = await objects.list('k')
  expect(listed?.md5).toBe((await objects.get('k'))?.meta.md5)
})

test('has its objects again after a restart, and no torn ones', async () => {
  await client.send(new PutObjectCommand({ Bucket, Key: 'k', Body: 'kept' }))
  await writeFile(join(dataDir, 'buckets', Bucket, 'torn.tmp'), 'half an obj')
  const again = await openObjects(join(dataDir, 'buckets', Bucket), Date.now)
  expect((await again.list('')).map(({ key }) => key)).toEqual(['k'])
})

describe('refuses', () => {
  test('keys and buckets that are not there', async () => {
    await expect(client.send(new GetObjectCommand({ Bucket, Key: 'nothing' }))).rejects.toBeInstanceOf(NoSuchKey)
    await expect(client.send(new GetObjectCommand({ Bucket: 'other-bucket', Key: 'k' }))).rejects.toBeInstanceOf(NoSuchBucket)
    await expect(client.send(new HeadObjectCommand({ Bucket, Key: 'nothing' }))).rejects.toMatchObject({ name: 'NotFound' })
    await expect(client.send(new PutObjectCommand({ Bucket: '..', Key: 'k', Body: 'x' }))).rejects.toThrow()
  })

  test("a caller that means another region's endpoint", async () => {
    const stray = opened.add(s3(url, 'us-east-1'))
    await expect(stray.send(new GetObjectCommand({ Bucket, Key: 'k' }))).rejects.toMatchObject({
      name: 'AuthorizationHeaderMalformed',
      $metadata: { httpStatusCode: 400 },
    })
  })

  test('what it does not know, instead of ignoring it', async () => {
    const refusal = { name: 'NotImplemented' }
    await expect(client.send(new DeleteObjectCommand({ Bucket, Key: 'k' }))).rejects.toMatchObject(refusal)
    await expect(client.send(new GetObjectTaggingCommand({ Bucket, Key: 'k' }))).rejects.toMatchObject(refusal)
    await expect(client.send(new PutObjectCommand({ Bucket, Key: 'k', Body: 'x', IfMatch: '"e"' }))).rejects.toMatchObject(refusal)
    await expect(client.send(new PutObjectCommand({ Bucket, Key: 'k', Body: 'x', IfNoneMatch: '"e"' }))).rejects.toMatchObject(refusal)
  })

  test('content that does not have its digest, and stores nothing', async () => {
    const put = client.send(
      new PutObjectCommand({ Bucket, Key: 'k', Body: 'x', ContentMD5: createHash('md5').update('y').digest('base64') }),
    )
    await expect(put).rejects.toMatchObject({ name: 'BadDigest' })
    const summed = client.send(
      new PutObjectCommand({ Bucket, Key: 'k', Body: 'x', ChecksumSHA256: createHash('sha256').update('y').digest('base64') }),
    )
    await expect(summed).rejects.toMatchObject({ name: 'BadDigest' })
    await expect(client.send(new GetObjectCommand({ Bucket, Key: 'k' }))).rejects.toBeInstanceOf(NoSuchKey)
  })

  test('to acknowledge a write that the disk did not take', async () => {
    const told = jest.spyOn(console, 'error').mockImplementation(() => {})
    await rm(join(dataDir, 'buckets', Bucket), { recursive: true })
    await writeFile(join(dataDir, 'buckets', Bucket), 'a file where the folder was')
    await expect(client.send(new PutObjectCommand({ Bucket, Key: 'k', Body: 'x' }))).rejects.toMatchObject({ name: 'InternalError' })
    expect(told).toHaveBeenCalled()
    told.mockRestore()
  })
})
