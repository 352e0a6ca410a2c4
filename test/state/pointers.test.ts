import { PutItemCommand } from '@aws-sdk/client-dynamodb'
import { type Pointer, readPointer, readPointers, writePointer } from '../../runtime/state/pointers.ts'
import { type TestTables, testTables } from '../support/dynamodb.ts'

let tables: TestTables
beforeAll(async () => {
  tables = await testTables('global')
})
afterAll(() => tables.close())

const pointer: Pointer = {
  region: 'eu-west-1',
  ring: 'stable',
  bundleDigest: 'a'.repeat(64),
  bundleSeq: 3,
  directoryDigest: 'b'.repeat(64),
  directorySeq: 4,
  updatedAt: 1_700_000_000_000,
}

test('a pointer is read back as it was written, per region and ring', async () => {
  await writePointer(tables.client, 'global', pointer)
  await writePointer(tables.client, 'global', { ...pointer, ring: 'canary', bundleSeq: 9 })
  expect(await readPointer(tables.client, 'global', 'eu-west-1', 'stable')).toEqual(pointer)
  expect(await readPointer(tables.client, 'global', 'us-east-1', 'stable')).toBeUndefined()
  expect((await readPointers(tables.client, 'global', 'eu-west-1')).map(({ bundleSeq }) => bundleSeq).sort()).toEqual([3, 9])
})

test.each([
  ['a digest that is a path', { bundle_digest: { S: '../../other' } }],
  ['a sequence number that is text', { bundle_seq: { S: '3' } }],
  ['a negative sequence number', { directory_seq: { N: '-1' } }],
  ['a missing digest', { directory_digest: undefined }],
])('refuses %s', async (_name, change) => {
  const item = {
    pk: { S: 'pointer#us-east-1' },
    sk: { S: 'stable' },
    bundle_digest: { S: 'a'.repeat(64) },
    bundle_seq: { N: '1' },
    directory_digest: { S: 'b'.repeat(64) },
    directory_seq: { N: '1' },
    updated_at: { N: '1' },
    ...change,
  }
  const kept = Object.fromEntries(Object.entries(item).filter(([, value]) => value !== undefined)) as never
  await tables.client.send(new PutItemCommand({ TableName: 'global', Item: kept }))
  await expect(readPointer(tables.client, 'global', 'us-east-1', 'stable')).rejects.toThrow('malformed')
})
