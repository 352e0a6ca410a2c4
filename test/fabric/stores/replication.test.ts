import {
  BatchWriteItemCommand,
  DeleteItemCommand,
  type DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  QueryCommand,
  ScanCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import type { StoresConfigInput } from '../../../runtime/fabric/stores/config.ts'
import { type Stores, startStores } from '../../../runtime/fabric/stores/region-stores.ts'
import { BY_STATUS, cleanup, dynamo, eventually, REGIONS, SECRET, table } from './support.ts'

const opened = cleanup()
const [EU = '', US = '', AP = ''] = REGIONS
const shared = table('global', REGIONS, [BY_STATUS])
const pair = table('of-two', [EU, US])
const key = (pk: string) => ({ pk: { S: pk }, sk: { S: 'x' } })
let stores: Record<string, Stores>
let clients: Record<string, DynamoDBClient>

beforeEach(async () => {
  stores = {}
  clients = {}
  for (const region of REGIONS) await start(region)
  connect()
})
afterEach(() => opened.closeAll())

async function start(region: string, more: Partial<StoresConfigInput> = {}) {
  const tables = [shared, table(`${region}-state`), table('everywhere-alike'), ...(pair.replicas.includes(region) ? [pair] : [])]
  const started = opened.add(await startStores({ region, tables, replication: { secret: SECRET }, ...more }))
  stores[region] = started
  clients[region] = opened.add(dynamo(started.url, region))
}

function connect() {
  const peers = Object.fromEntries(Object.values(stores).map(({ region, url }) => [region, url]))
  for (const one of Object.values(stores)) one.setPeers(peers)
}

const at = (region: string) => clients[region] as DynamoDBClient
const of = (region: string) => stores[region] as Stores
const put = (region: string, pk: string, v: string, more = {}) =>
  at(region).send(new PutItemCommand({ TableName: 'global', Item: { ...key(pk), v: { S: v }, ...more } }))
const get = async (region: string, pk: string) =>
  (await at(region).send(new GetItemCommand({ TableName: 'global', Key: key(pk), ConsistentRead: true }))).Item
const link = (from: string, to: string) =>
  of(from)
    .stats()
    .links.find(({ peer }) => peer === to)
const everywhere = (pk: string, v: string | undefined) =>
  eventually(`${pk} is ${v} everywhere`, async () => {
    const values = await Promise.all(REGIONS.map((region) => get(region, pk)))
    return values.every((item) => item?.v?.S === v)
  })

test('carries puts, updates, batches and deletions to every replica, index entries too', async () => {
  await put(EU, 'a', '1', { status: { S: 'open' } })
  await everywhere('a', '1')
  await at(US).send(
    new UpdateItemCommand({
      TableName: 'global',
      Key: key('a'),
      UpdateExpression: 'SET v = :v, extra = list_append(if_not_exists(extra, :none), :some)',
      ConditionExpression: 'v = :was',
      ExpressionAttributeValues: { ':v': { S: '2' }, ':was': { S: '1' }, ':none': { L: [] }, ':some': { L: [{ N: '1.50' }] } },
    }),
  )
  await everywhere('a', '2')
  expect(await get(AP, 'a')).toEqual(await get(US, 'a'))
  const open = new QueryCommand({
    TableName: 'global',
    IndexName: 'by-status',
    KeyConditionExpression: '#s = :s',
    ExpressionAttributeNames: { '#s': 'status' },
    ExpressionAttributeValues: { ':s': { S: 'open' } },
  })
  expect((await at(AP).send(open)).Items).toEqual([await get(EU, 'a')])
  const requests = [{ PutRequest: { Item: { ...key('b'), v: { S: '1' } } } }, { DeleteRequest: { Key: key('a') } }]
  await at(AP).send(new BatchWriteItemCommand({ RequestItems: { global: requests } }))
  await everywhere('b', '1')
  await everywhere('a', undefined)
  expect((await at(EU).send(open)).Items).toEqual([])
})

test('judges conditions on the local replica alone', async () => {
  await of(EU).pauseReplication(US)
  const once = (region: string) =>
    at(region).send(
      new PutItemCommand({
        TableName: 'global',
        Item: { ...key('once'), v: { S: region } },
        ConditionExpression: 'attribute_not_exists(pk)',
      }),
    )
  await once(EU)
  await expect(once(EU)).rejects.toMatchObject({ name: 'ConditionalCheckFailedException' })
  await once(US)
  of(EU).resumeReplication(US)
  await everywhere('once', US)
})

test('leaves tables that are not global alone, even those of one name in every region', async () => {
  await at(EU).send(new PutItemCommand({ TableName: 'everywhere-alike', Item: key('private') }))
  await put(EU, 'marker', '1')
  await everywhere('marker', '1')
  for (const region of [US, AP]) expect((await at(region).send(new ScanCommand({ TableName: 'everywhere-alike' }))).Count).toBe(0)
})

test('holds writes back for the lag of the link, in order, and tells how many and how old', async () => {
  of(EU).setLag(US, 60_000)
  for (let n = 1; n <= 5; n += 1) await put(EU, 'lagging', String(n))
  await eventually('the other link has sent', async () => (await get(AP, 'lagging'))?.v?.S === '5')
  expect(await get(US, 'lagging')).toBeUndefined()
  expect(link(EU, US)).toMatchObject({ pending: 5, lagMs: 60_000, state: 'live' })
  expect(link(EU, US)?.oldestPendingMs).toBeGreaterThan(0)
  of(EU).setLag(US, 0)
  await everywhere('lagging', '5')
  await eventually('nothing is pending', () => link(EU, US)?.pending === 0)
  expect(link(EU, US)?.oldestPendingMs).toBe(0)
})

test('stops at a pause in that direction only, and catches up at the end of it', async () => {
  await of(EU).pauseReplication(US)
  for (let n = 0; n < 60; n += 1) await put(EU, `cut-${n}`, 'x')
  await put(US, 'back', 'y')
  await eventually('the other direction goes on', async () => (await get(EU, 'back'))?.v?.S === 'y')
  expect(link(EU, US)).toMatchObject({ pending: 60, state: 'paused', paused: true })
  expect(await get(US, 'cut-0')).toBeUndefined()
  of(EU).resumeReplication(US)
  await everywhere('cut-59', 'x')
  await everywhere('cut-0', 'x')
})

test('gives a region that forgot everything all items back, whoever wrote them', async () => {
  await put(EU, 'of-eu', '1')
  await put(US, 'of-us', '1')
  await put(AP, 'of-ap', '1')
  for (const name of ['of-eu', 'of-us', 'of-ap']) await everywhere(name, '1')
  await at(AP).send(new DeleteItemCommand({ TableName: 'global', Key: key('of-ap') }))
  await everywhere('of-ap', undefined)
  await of(AP).close()
  await put(EU, 'meanwhile', '2')
  await start(AP, { port: of(AP).port })
  // On its old port nobody is told: the links notice by themselves.
  of(AP).setPeers({ [EU]: of(EU).url, [US]: of(US).url })
  for (const name of ['of-eu', 'of-us']) await everywhere(name, '1')
  await everywhere('meanwhile', '2')
  await everywhere('of-ap', undefined)
})

test('lets a deletion win over an older write that arrives later', async () => {
  await put(EU, 'gone', '1')
  await everywhere('gone', '1')
  await of(EU).pauseReplication(AP)
  await put(EU, 'gone', '2')
  await eventually('one replica has it', async () => (await get(US, 'gone'))?.v?.S === '2')
  await at(US).send(new DeleteItemCommand({ TableName: 'global', Key: key('gone') }))
  await eventually('the others deleted it', async () => (await get(AP, 'gone')) === undefined && (await get(EU, 'gone')) === undefined)
  of(EU).resumeReplication(AP)
  await eventually('the old write has arrived', () => of(AP).stats().received.stale > 0 || link(EU, AP)?.pending === 0)
  expect(await get(AP, 'gone')).toBeUndefined()
})

describe('refuses', () => {
  const say = (message: unknown, secret = SECRET) =>
    fetch(`${of(EU).url}/_aegis/replication`, {
      method: 'POST',
      headers: { 'x-aegis-replication-secret': secret },
      body: JSON.stringify(message),
    })
  const change = (tableName: string, pk = 'evil') => ({
    table: tableName,
    key: key(pk),
    version: { ms: Date.now(), n: 0, region: US },
    image: key(pk),
  })

  test('who does not know the secret', async () => {
    expect((await say({ type: 'changes', from: US, changes: [change('global')] }, 'guessed')).status).toBe(403)
    expect((await say({ type: 'changes', from: US, changes: [change('global')] }, '')).status).toBe(403)
    expect(await get(EU, 'evil')).toBeUndefined()
  })

  test('items for a regional or unknown table, all that come with them, and strangers', async () => {
    for (const name of ['everywhere-alike', `${EU}-state`, 'unknown']) {
      expect((await say({ type: 'changes', from: US, changes: [change('global'), change(name)] })).status).toBe(409)
      expect((await say({ type: 'offer', from: US, table: name, entries: [] })).status).toBe(409)
    }
    expect((await say({ type: 'changes', from: 'sa-east-1', changes: [change('global')] })).status).toBe(409)
    expect((await say({ type: 'changes', from: EU, changes: [change('global')] })).status).toBe(409)
    expect((await say({ type: 'changes', from: AP, changes: [change('of-two')] })).status).toBe(409)
    expect((await say({ type: 'offer', from: AP, table: 'of-two', entries: [] })).status).toBe(409)
    expect((await say({ type: 'changes', from: US, changes: [change('of-two', 'welcome')] })).status).toBe(200)
    expect((await at(EU).send(new ScanCommand({ TableName: 'of-two' }))).Count).toBe(1)
    expect(await get(EU, 'evil')).toBeUndefined()
    expect((await at(EU).send(new ScanCommand({ TableName: 'everywhere-alike' }))).Count).toBe(0)
    expect(of(EU).stats().received.refused).toBeGreaterThan(0)
  })

  test('an item under the key of another, and what is no message', async () => {
    expect((await say({ type: 'changes', from: US, changes: [{ ...change('global'), key: key('other') }] })).status).toBe(409)
    for (const message of [
      null,
      [],
      { type: 'changes' },
      { type: 'changes', from: US, changes: [{ ...change('global'), version: { ms: -1, n: 0, region: US } }] },
    ]) {
      expect((await say(message)).status).toBe(400)
    }
    expect(await get(EU, 'other')).toBeUndefined()
  })
})
