import { type AttributeValue, PutItemCommand } from '@aws-sdk/client-dynamodb'
import { type Candidate, claimTerm, type Pointer, readPointers, writeCandidate, writePointer } from '../../runtime/state/pointers.ts'
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

const candidate: Candidate = {
  region: 'eu-west-1',
  rollout: 'r1',
  bundleDigest: 'c'.repeat(64),
  bundleSeq: 9,
  sharePercent: 10,
  compare: true,
  withdrawn: false,
  updatedAt: 1_700_000_000_001,
}

const read = (region: string) => readPointers(tables.client, 'global', region, 'stable')

test('a pointer and a candidate are read back as they were written, per region', async () => {
  await writePointer(tables.client, 'global', pointer, 1)
  expect(await read('eu-west-1')).toEqual({ term: 0, stable: pointer, candidate: undefined })
  await writeCandidate(tables.client, 'global', candidate, 1)
  expect(await read('eu-west-1')).toEqual({ term: 0, stable: pointer, candidate })
  expect(await read('us-east-1')).toEqual({ term: 0, stable: undefined, candidate: undefined })
})

test('a region obeys the highest term that ever claimed it, and each region for itself', async () => {
  const claim = (term: number, region = 'ap-southeast-1') => claimTerm(tables.client, 'global', region, term, 'store')
  expect([await claim(1), await claim(1), await claim(2)]).toEqual([true, true, true])
  expect(await claim(1)).toBe(false)
  expect((await read('ap-southeast-1')).term).toBe(2)
  expect((await read('eu-west-1')).term).toBe(0)
})

test.each<[string, AttributeValue]>([
  ['is text', { S: 'mine' }],
  ['is negative', { N: '-1' }],
  ['is above all that there may be', { N: '1000001' }],
  ['is above what a number holds', { N: '1e100' }],
])('a term that nobody could have claimed, as it %s, is none and keeps nobody from claiming', async (_what, term) => {
  const region = 'eu-south-1'
  await tables.client.send(new PutItemCommand({ TableName: 'global', Item: { pk: { S: `pointer#${region}` }, sk: { S: 'term' }, term } }))
  expect((await read(region)).term).toBe(0)
  expect(await claimTerm(tables.client, 'global', region, 1, 'store')).toBe(true)
  expect(await read(region)).toMatchObject({ term: 1, store: 'store' })
})

test('refuses a second control plane of one term, and not the one of a higher term', async () => {
  const claim = (term: number, store: string) => claimTerm(tables.client, 'global', 'eu-south-2', term, store)
  expect(await claim(1, 'home')).toBe(true)
  expect(await claim(1, 'standby')).toBe(false)
  expect(await claim(1, 'home')).toBe(true)
  expect(await claim(2, 'standby')).toBe(true)
  expect(await claim(2, 'home')).toBe(false)
})

test('refuses to write over what a control plane of a higher term has put', async () => {
  const moved = (bundleSeq: number, term: number) =>
    writePointer(tables.client, 'global', { ...pointer, region: 'eu-central-2', bundleSeq }, term)
  const named = (sharePercent: number, term: number) =>
    writeCandidate(tables.client, 'global', { ...candidate, region: 'eu-central-2', sharePercent }, term)
  expect([await moved(3, 1), await moved(4, 2), await moved(9, 1)]).toEqual([true, true, false])
  expect([await named(1, 1), await named(2, 2), await named(3, 1)]).toEqual([true, true, false])
  const { stable, candidate: found } = await read('eu-central-2')
  expect([stable?.bundleSeq, found?.sharePercent]).toEqual([4, 2])
})

test('a malformed candidate does not keep a region from its pointer', async () => {
  await writePointer(tables.client, 'global', { ...pointer, region: 'eu-north-1' }, 1)
  await writeCandidate(tables.client, 'global', { ...candidate, region: 'eu-north-1', sharePercent: 101 }, 1)
  const { stable, candidate: found, candidateFault } = await read('eu-north-1')
  expect([stable?.bundleSeq, found]).toEqual([3, undefined])
  expect(candidateFault).toMatch(/is over 100/)
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
  await expect(read('us-east-1')).rejects.toThrow('malformed')
})
