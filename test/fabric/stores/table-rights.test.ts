import { DynamoDBClient, GetItemCommand, PutItemCommand, QueryCommand, ScanCommand } from '@aws-sdk/client-dynamodb'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { mayTouch, type TableRight } from '../../../runtime/fabric/stores/access/table-rights.ts'
import { GATEWAY_ACCESS_KEY_ID } from '../../../runtime/fabric/stores/credential-scope.ts'
import { type Stores, startStores } from '../../../runtime/fabric/stores/region-stores.ts'
import { cleanup, table } from './support.ts'

const RIGHTS: TableRight[] = [
  { table: 'global', actions: ['GetItem', 'Query'], partitions: ['kills', 'vouchers#eu-west-1', 'wants#*'] },
  { table: 'global', actions: ['PutItem'], partitions: ['kills', 'vouchers#*'] },
  { table: 'chains', actions: ['GetItem', 'UpdateItem'] },
]
const key = (pk: string) => ({ pk: { S: pk }, sk: { S: 'x' } })
const query = (expression: string, pk: string) => ({
  TableName: 'global',
  KeyConditionExpression: expression,
  ExpressionAttributeNames: { '#p': 'pk' },
  ExpressionAttributeValues: { ':v': { S: pk }, ':s': { S: 'a' } },
})

test.each([
  ['GetItem', { TableName: 'global', Key: key('kills') }],
  ['GetItem', { TableName: 'arn:aws:dynamodb:eu-west-1:222222222222:table/global', Key: key('wants#us-east-1') }],
  ['PutItem', { TableName: 'global', Item: key('vouchers#us-east-1') }],
  ['Query', query('pk = :v', 'kills')],
  ['Query', query('#p=:v AND sk > :s', 'vouchers#eu-west-1')],
  ['UpdateItem', { TableName: 'chains', Key: key('anything') }],
])('allows %s %j', (operation, input) => {
  expect(mayTouch(RIGHTS, operation, input, 'pk')).toBe(true)
})

test.each([
  ['another partition', 'GetItem', { TableName: 'global', Key: key('pointer#us-east-1') }],
  ['a partition that only begins alike', 'GetItem', { TableName: 'global', Key: key('kills2') }],
  ['reading what may only be put', 'GetItem', { TableName: 'global', Key: key('vouchers#us-east-1') }],
  ['changing what may only be put', 'UpdateItem', { TableName: 'global', Key: key('kills') }],
  ['deleting', 'DeleteItem', { TableName: 'global', Key: key('kills') }],
  ['a whole table', 'Scan', { TableName: 'global' }],
  ['a batch', 'BatchWriteItem', { RequestItems: {} }],
  ['a transaction', 'TransactWriteItems', { TransactItems: [] }],
  [
    'no partition',
    'Query',
    { TableName: 'global', KeyConditionExpression: 'sk = :v', ExpressionAttributeValues: { ':v': { S: 'kills' } } },
  ],
  ['an index', 'Query', { ...query('pk = :v', 'kills'), IndexName: 'by-status' }],
  ['another table', 'GetItem', { TableName: 'approvals', Key: key('a') }],
])('refuses %s', (_what, operation, input) => {
  expect(mayTouch(RIGHTS, operation, input, 'pk')).toBe(false)
})

const opened = cleanup()
let stores: Stores
beforeEach(async () => {
  stores = opened.add(await startStores({ region: 'eu-west-1', tables: [table('global'), table('chains')], gatewayRights: RIGHTS }))
})
afterEach(() => opened.closeAll())

const clientOf = (accessKeyId: string) => {
  const credentials = { accessKeyId, secretAccessKey: 'x' }
  return opened.add(new DynamoDBClient({ endpoint: stores.url, region: 'eu-west-1', credentials, maxAttempts: 1 }))
}

test('holds a gateway to its policy, and nobody else', async () => {
  const gateway = clientOf(GATEWAY_ACCESS_KEY_ID)
  await gateway.send(new PutItemCommand({ TableName: 'global', Item: key('kills') }))
  expect((await gateway.send(new QueryCommand(query('#p = :v AND sk > :s', 'kills')))).Count).toBe(1)
  for (const command of [
    new PutItemCommand({ TableName: 'global', Item: key('pointer#eu-west-1') }),
    new GetItemCommand({ TableName: 'global', Key: key('pointer#eu-west-1') }),
    new ScanCommand({ TableName: 'global' }),
  ]) {
    await expect(gateway.send(command as ScanCommand)).rejects.toMatchObject({ name: 'AccessDeniedException' })
  }
  expect(stores.stats().refusedRights).toHaveLength(3)
  await clientOf('local').send(new PutItemCommand({ TableName: 'global', Item: key('pointer#eu-west-1') }))
})
