import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  BatchWriteItemCommand,
  ConditionalCheckFailedException,
  CreateTableCommand,
  DeleteItemCommand,
  DescribeTableCommand,
  type DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  QueryCommand,
  ScanCommand,
  TransactWriteItemsCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { startStores } from '../../../runtime/fabric/stores/region-stores.ts'
import { dynaliteEngine } from '../../../runtime/fabric/stores/tables/dynalite-engine.ts'
import { tableService } from '../../../runtime/fabric/stores/tables/tables.ts'
import { BY_STATUS, cleanup, dynamo, table } from './support.ts'

const opened = cleanup()
const region = 'eu-west-1'
const approvals = table('approvals', [], [BY_STATUS])
const key = (pk: string) => ({ pk: { S: pk }, sk: { S: 'x' } })
let client: DynamoDBClient
let url: string

beforeEach(async () => {
  const stores = opened.add(await startStores({ region, account: '222222222222', tables: [approvals, table('slices')] }))
  url = stores.url
  client = opened.add(dynamo(url, region))
})
afterEach(() => opened.closeAll())

test('makes the tables of the topology, active and in its region', async () => {
  const { Table } = await client.send(new DescribeTableCommand({ TableName: 'approvals' }))
  expect(Table).toMatchObject({
    TableStatus: 'ACTIVE',
    TableArn: 'arn:aws:dynamodb:eu-west-1:222222222222:table/approvals',
    GlobalSecondaryIndexes: [{ IndexName: 'by-status', IndexStatus: 'ACTIVE' }],
  })
})

test('keeps items and their index entries through put, update and delete', async () => {
  const byStatus = async (status: string) => {
    const found = await client.send(
      new QueryCommand({
        TableName: 'approvals',
        IndexName: 'by-status',
        KeyConditionExpression: '#s = :s',
        ExpressionAttributeNames: { '#s': 'status' },
        ExpressionAttributeValues: { ':s': { S: status } },
      }),
    )
    return found.Items?.map(({ pk }) => pk?.S)
  }
  await client.send(new PutItemCommand({ TableName: 'approvals', Item: { ...key('a'), status: { S: 'pending' } } }))
  await client.send(new PutItemCommand({ TableName: 'approvals', Item: { ...key('b'), status: { S: 'pending' } } }))
  expect((await byStatus('pending'))?.sort()).toEqual(['a', 'b'])
  await client.send(
    new UpdateItemCommand({
      TableName: 'approvals',
      Key: key('a'),
      UpdateExpression: 'SET #s = :s',
      ExpressionAttributeNames: { '#s': 'status' },
      ExpressionAttributeValues: { ':s': { S: 'approved' } },
    }),
  )
  await client.send(new DeleteItemCommand({ TableName: 'approvals', Key: key('b') }))
  expect(await byStatus('pending')).toEqual([])
  expect(await byStatus('approved')).toEqual(['a'])
})

test('lets exactly 50 of 100 racing conditional decrements of 50 through', async () => {
  await client.send(new PutItemCommand({ TableName: 'slices', Item: { ...key('s'), remaining: { N: '50' } } }))
  const decrement = new UpdateItemCommand({
    TableName: 'slices',
    Key: key('s'),
    UpdateExpression: 'SET remaining = remaining - :one',
    ConditionExpression: 'remaining >= :one',
    ExpressionAttributeValues: { ':one': { N: '1' } },
  })
  const outcomes = await Promise.allSettled(Array.from({ length: 100 }, () => client.send(decrement)))
  expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(50)
  for (const outcome of outcomes) if (outcome.status === 'rejected') expect(outcome.reason).toBeInstanceOf(ConditionalCheckFailedException)
  const { Item } = await client.send(new GetItemCommand({ TableName: 'slices', Key: key('s'), ConsistentRead: true }))
  expect(Item?.remaining).toEqual({ N: '0' })
})

test('the check sees a fault: the same race without locks lets more than 50 through', async () => {
  const slices = table('slices')
  const engine = opened.add(await dynaliteEngine({ region, account: '222222222222', tables: [slices] }))
  await engine.ensureTable(slices)
  const service = tableService({ tables: [slices], engine, withLocks: (_keys, run) => run() })
  await service('PutItem', { TableName: 'slices', Item: { ...key('s'), remaining: { N: '50' } } })
  const decrement = () => ({
    TableName: 'slices',
    Key: key('s'),
    UpdateExpression: 'SET remaining = remaining - :one',
    ConditionExpression: 'remaining >= :one',
    ExpressionAttributeValues: { ':one': { N: '1' } },
  })
  const replies = await Promise.all(Array.from({ length: 100 }, () => service('UpdateItem', decrement())))
  expect(replies.filter(({ status }) => status === 200).length).toBeGreaterThan(50)
})

test('returns the item that made a condition fail to who asks for it', async () => {
  await client.send(new PutItemCommand({ TableName: 'slices', Item: { ...key('s'), holder: { S: 'first' } } }))
  const second = client.send(
    new PutItemCommand({
      TableName: 'slices',
      Item: { ...key('s'), holder: { S: 'second' } },
      ConditionExpression: 'attribute_not_exists(pk)',
      ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
    }),
  )
  await expect(second).rejects.toMatchObject({ name: 'ConditionalCheckFailedException', Item: { holder: { S: 'first' } } })
})

test('writes a batch whole', async () => {
  const put = (pk: string) => ({ PutRequest: { Item: key(pk) } })
  await client.send(new BatchWriteItemCommand({ RequestItems: { slices: [put('a'), put('b')], approvals: [put('c')] } }))
  await client.send(new BatchWriteItemCommand({ RequestItems: { slices: [put('d'), { DeleteRequest: { Key: key('a') } }] } }))
  const { Items } = await client.send(new ScanCommand({ TableName: 'slices' }))
  expect(Items?.map(({ pk }) => pk?.S).sort()).toEqual(['b', 'd'])
})

test('refuses a batch with one malformed item, and writes none of it', async () => {
  const batch = new BatchWriteItemCommand({
    RequestItems: { slices: [{ PutRequest: { Item: key('a') } }, { PutRequest: { Item: { pk: { S: 'no sort key' } } } }] },
  })
  await expect(client.send(batch)).rejects.toMatchObject({ name: 'ValidationException' })
  expect((await client.send(new ScanCommand({ TableName: 'slices' }))).Count).toBe(0)
})

describe('refuses', () => {
  test("operations that it does not know, with the service's own error", async () => {
    const transaction = new TransactWriteItemsCommand({ TransactItems: [{ Put: { TableName: 'slices', Item: key('a') } }] })
    await expect(client.send(transaction)).rejects.toMatchObject({ name: 'UnknownOperationException' })
  })

  test('to make a table: the templates do', async () => {
    const { keySchema, attributeDefinitions } = table('other')
    const create = new CreateTableCommand({
      TableName: 'other',
      KeySchema: keySchema as never,
      AttributeDefinitions: attributeDefinitions as never,
      BillingMode: 'PAY_PER_REQUEST',
    })
    await expect(client.send(create)).rejects.toMatchObject({ name: 'AccessDeniedException' })
  })

  test('tables that the topology does not have', async () => {
    await expect(client.send(new GetItemCommand({ TableName: 'nothing', Key: key('a') }))).rejects.toMatchObject({
      name: 'ResourceNotFoundException',
    })
  })

  test("a caller that means another region's endpoint", async () => {
    const stray = opened.add(dynamo(url, 'us-east-1'))
    const read = stray.send(new GetItemCommand({ TableName: 'slices', Key: key('a') }))
    await expect(read).rejects.toMatchObject({ name: 'InvalidSignatureException', $metadata: { httpStatusCode: 400 } })
  })

  test('malformed requests, and goes on', async () => {
    const send = (body: string, headers: Record<string, string> = {}) =>
      fetch(url, {
        method: 'POST',
        body,
        headers: {
          'content-type': 'application/x-amz-json-1.0',
          'x-amz-target': 'DynamoDB_20120810.PutItem',
          authorization: `AWS4-HMAC-SHA256 Credential=a/20261122/${region}/dynamodb/aws4_request, SignedHeaders=host, Signature=0`,
          ...headers,
        },
      })
    for (const body of [
      '',
      '{',
      '[]',
      'null',
      '{"TableName":7}',
      '{"TableName":"slices","Item":[]}',
      '{"TableName":"slices","Item":{"pk":{"S":null}}}',
    ]) {
      expect((await send(body)).status).toBe(400)
    }
    expect((await send('{}', { authorization: 'Bearer x' })).status).toBe(400)
    expect((await send('{}', { 'x-amz-target': 'Nothing.Known' })).status).toBe(400)
    expect((await send('{}', { 'x-amz-target': 'TrentService.Sign' })).status).toBe(400)
    await client.send(new PutItemCommand({ TableName: 'slices', Item: key('still here') }))
  })

  test('to start with a table that it cannot hold, in one clear line', async () => {
    const numbered = { ...table('t'), attributeDefinitions: [{ AttributeName: 'pk', AttributeType: 'N' }] }
    await expect(startStores({ region, tables: [numbered] })).rejects.toThrow('key attribute pk has type N')
    await expect(startStores({ region, tables: [table('global', ['eu-west-1', 'us-east-1'])] })).rejects.toThrow('replication.secret')
    await expect(startStores({ region, buckets: ['b-b'], colour: 'red' } as never)).rejects.toThrow(/colour/)
  })
})

describe('with a folder', () => {
  test('has its items, versions and indexes again after a restart', async () => {
    const dataDir = await opened.folder()
    const first = await startStores({ region, dataDir, tables: [approvals] })
    const writer = dynamo(first.url, region)
    await writer.send(new PutItemCommand({ TableName: 'approvals', Item: { ...key('a'), status: { S: 'pending' } } }))
    writer.destroy()
    await first.close()
    const again = opened.add(await startStores({ region, dataDir, tables: [approvals] }))
    const reader = opened.add(dynamo(again.url, region))
    const { Items } = await reader.send(
      new QueryCommand({
        TableName: 'approvals',
        IndexName: 'by-status',
        KeyConditionExpression: '#s = :s',
        ExpressionAttributeNames: { '#s': 'status' },
        ExpressionAttributeValues: { ':s': { S: 'pending' } },
      }),
    )
    expect(Items).toEqual([{ ...key('a'), status: { S: 'pending' } }])
  })

  test('refuses to open it twice, and tables of another shape', async () => {
    const dataDir = await opened.folder()
    const first = await startStores({ region, dataDir, tables: [table('approvals')] })
    await expect(startStores({ region, dataDir, tables: [table('approvals')] })).rejects.toThrow('is another fabric running')
    await first.close()
    await expect(startStores({ region, dataDir, tables: [approvals] })).rejects.toThrow('--reset')
  })

  test('refuses to start where the folder is a file', async () => {
    const dataDir = await opened.folder()
    await mkdir(join(dataDir, 'x'))
    await writeFile(join(dataDir, 'x', 'tables'), '')
    await expect(startStores({ region, dataDir: join(dataDir, 'x'), tables: [approvals] })).rejects.toThrow()
  })
})
