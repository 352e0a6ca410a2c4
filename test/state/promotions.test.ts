import { PutItemCommand } from '@aws-sdk/client-dynamodb'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { globalHeartbeats } from '../../runtime/state/heartbeats.ts'
import { globalPromotions, type Promotion, regionRows } from '../../runtime/state/promotions.ts'
import { type TestTables, testTables } from '../support/dynamodb.ts'

let tables: TestTables
beforeAll(async () => {
  tables = await testTables('global', 'region', 'odd')
})
afterAll(() => tables.close())

const promotion: Promotion = { tenant: 'clinic', epoch: 1, region: 'eu-b', by: 'op', atMs: 1000, homeLost: true }

test('a promotion is read back as it was inserted, in its zone only, and never overwritten', async () => {
  const eu = globalPromotions(tables.client, 'global', 'eu')
  expect(await eu.insert(promotion)).toBe(true)
  expect(await eu.insert({ ...promotion, by: 'another' })).toBe(false)
  expect(await eu.readAll()).toEqual([promotion])
  expect(await globalPromotions(tables.client, 'global', 'us').readAll()).toEqual([])
})

test('two regions that were promoted to one epoch both stand', async () => {
  const eu = globalPromotions(tables.client, 'global', 'eu')
  expect(await eu.insert({ ...promotion, region: 'eu-c' })).toBe(true)
  expect((await eu.readAll()).map(({ region }) => region)).toEqual(['eu-b', 'eu-c'])
})

test('of two releases to one epoch one is written, and a later one replaces it', async () => {
  const rows = regionRows(tables.client, 'region')
  const release = { tenant: 'clinic', epoch: 1, to: 'eu-b', by: 'op', atMs: 1000 }
  const wins = await Promise.all(['eu-b', 'eu-c', 'eu-d'].map((to) => rows.release({ ...release, to })))
  expect(wins.filter(Boolean)).toHaveLength(1)
  expect(await rows.release({ ...release, epoch: 3 })).toBe(true)
  expect(await rows.release({ ...release, epoch: 2 })).toBe(false)
  await rows.renewFreshness('*', 1234.5)
  await rows.renewFreshness('clinic', 99)
  const found = await rows.readAll()
  expect(found.releases).toEqual([{ ...release, epoch: 3 }])
  expect([...found.freshAtMs]).toEqual([
    ['*', 1235],
    ['clinic', 99],
  ])
})

test('refuses to read rows of which one may be a release and is not readable', async () => {
  await tables.client.send(
    new PutItemCommand({ TableName: 'odd', Item: { pk: { S: 'homes' }, sk: { S: 'release#x' }, kind: { S: 'release' } } }),
  )
  await expect(regionRows(tables.client, 'odd').readAll()).rejects.toThrow()
})

test('of two processes that beat at once one is heard', async () => {
  const heartbeats = globalHeartbeats(tables.client, 'global')
  const beat = { region: 'eu-a', beat: 1, challenges: ['one'], seen: new Map([['eu-b', ['x', 'y']]]), promotions: [promotion] }
  const wins = await Promise.all([heartbeats.write(beat), heartbeats.write({ ...beat, challenges: ['two'] })])
  expect(wins.filter(Boolean)).toHaveLength(1)
  expect(await heartbeats.write({ ...beat, beat: 3 })).toBe(false)
  expect(await heartbeats.write({ ...beat, beat: 2 })).toBe(true)
  expect(await heartbeats.readAll()).toEqual([{ ...beat, beat: 2 }])
})

test('a heartbeat that cannot be read is of a region that has run and echoes nobody', async () => {
  const Item = { pk: { S: 'heartbeats' }, sk: { S: 'eu-x' }, beat: { N: '7' }, said: { S: '{"seen":' } }
  await tables.client.send(new PutItemCommand({ TableName: 'odd', Item }))
  const [found] = await globalHeartbeats(tables.client, 'odd').readAll()
  expect(found).toEqual({ region: 'eu-x', beat: 7, challenges: [], seen: new Map(), promotions: [] })
})
