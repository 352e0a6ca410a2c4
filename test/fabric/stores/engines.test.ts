import type { Server } from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import { PutItemCommand, QueryCommand, ScanCommand, UpdateItemCommand } from '@aws-sdk/client-dynamodb'
import { afterEach, expect, test } from '@jest/globals'
import { type Stores, startStores } from '../../../runtime/fabric/stores/region-stores.ts'
import { dynaliteEngine } from '../../../runtime/fabric/stores/tables/dynalite-engine.ts'
import { tableService } from '../../../runtime/fabric/stores/tables/tables.ts'
import { BY_STATUS, cleanup, dynamo, eventually, SECRET, table } from './support.ts'

const opened = cleanup()
const [EU, US] = ['eu-west-1', 'us-east-1']
const shared = table('global', [EU, US], [BY_STATUS])
const key = (pk: string) => ({ pk: { S: pk }, sk: { S: 'x' } })
afterEach(() => opened.closeAll())

/** dynalite by its own HTTP server: an engine in another place, as DynamoDB Local would be. */
async function foreignEngine(): Promise<string> {
  const dynalite = createRequire(import.meta.url)('dynalite') as (options: object) => Server
  const server = dynalite({ createTableMs: 0 })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  opened.onClose(() => {
    server.closeAllConnections()
    return new Promise((resolve) => server.close(resolve))
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const items = async (stores: Stores) =>
  (await opened.add(dynamo(stores.url, stores.region)).send(new ScanCommand({ TableName: 'global' }))).Items

test('an engine at an endpoint replicates like the one in the process, and stays consistent over a restart', async () => {
  const tableEndpoint = await foreignEngine()
  const dataDir = await opened.folder()
  const us = opened.add(await startStores({ region: US, tables: [shared], replication: { secret: SECRET } }))
  const config = {
    region: EU,
    dataDir,
    tableEndpoint,
    tables: [shared, table('slices')],
    replication: { secret: SECRET, peers: { [US]: us.url } },
  }
  const first = await startStores(config)
  us.setPeers({ [EU]: first.url })
  const writer = opened.add(dynamo(first.url, EU))
  await writer.send(new PutItemCommand({ TableName: 'global', Item: { ...key('a'), n: { N: '1' }, status: { S: 'open' } } }))
  await writer.send(new PutItemCommand({ TableName: 'slices', Item: { ...key('s'), n: { N: '50' } } }))
  const decrement = {
    UpdateExpression: 'SET n = n - :one',
    ConditionExpression: 'n >= :one',
    ExpressionAttributeValues: { ':one': { N: '1' } },
  }
  const spend = () => writer.send(new UpdateItemCommand({ TableName: 'slices', Key: key('s'), ...decrement }))
  const spent = await Promise.allSettled(Array.from({ length: 100 }, spend))
  expect(spent.filter(({ status }) => status === 'fulfilled')).toHaveLength(50)
  await opened.add(dynamo(us.url, US)).send(new PutItemCommand({ TableName: 'global', Item: key('b') }))
  const same = async (one: Stores) => (await items(one))?.length === 2 && (await items(us))?.length === 2
  await eventually('both have both items', () => same(first))
  const byStatus = {
    KeyConditionExpression: '#s = :s',
    ExpressionAttributeNames: { '#s': 'status' },
    ExpressionAttributeValues: { ':s': { S: 'open' } },
  }
  expect((await writer.send(new QueryCommand({ TableName: 'global', IndexName: 'by-status', ...byStatus }))).Count).toBe(1)
  await first.close()
  const again = opened.add(await startStores(config))
  await eventually('the link is live again', () => again.stats().links.every(({ state, pending }) => state === 'live' && pending === 0))
  expect(again.stats().links[0]?.sent).toBe(0)
  expect(await same(again)).toBe(true)
})

test('an engine that lost its tables gets the items of the global ones back', async () => {
  const dataDir = await opened.folder()
  const us = opened.add(await startStores({ region: US, tables: [shared], replication: { secret: SECRET } }))
  const config = { region: EU, dataDir, tables: [shared], replication: { secret: SECRET, peers: { [US]: us.url } } }
  const first = await startStores({ ...config, tableEndpoint: await foreignEngine() })
  await opened.add(dynamo(first.url, EU)).send(new PutItemCommand({ TableName: 'global', Item: key('a') }))
  await eventually('the peer has it', async () => (await items(us))?.length === 1)
  await first.close()
  const again = opened.add(await startStores({ ...config, tableEndpoint: await foreignEngine() }))
  us.setPeers({ [EU]: again.url })
  await eventually('it is back', async () => (await items(again))?.length === 1)
})

test('refuses every write once the storage has failed, and acknowledges none', async () => {
  const engine = await dynaliteEngine({ region: EU, account: '000000000000', tables: [table('slices')], path: await opened.folder() })
  await engine.ensureTable(table('slices'))
  const service = tableService({ tables: [table('slices')], engine })
  expect(await service('PutItem', { TableName: 'slices', Item: key('a') })).toMatchObject({ status: 200 })
  await engine.close()
  await expect(service('PutItem', { TableName: 'slices', Item: key('b') })).rejects.toThrow()
  await expect(service('DeleteItem', { TableName: 'slices', Key: key('a') })).rejects.toThrow()
})
