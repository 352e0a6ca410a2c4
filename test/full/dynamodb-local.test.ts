import {
  ConditionalCheckFailedException,
  DeleteItemCommand,
  DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { type Stores, startStores } from '../../runtime/fabric/stores/region-stores.ts'
import { regionalHighWater } from '../../runtime/state/high-water.ts'
import { readPointers, writePointer } from '../../runtime/state/pointers.ts'
import { dynamo, eventually, SECRET, table } from '../fabric/stores/support.ts'
import { type ForeignServer, startForeignServer } from './support/foreign-server.ts'
import { suiteNeeding } from './support/needs.ts'

// The conditional writes that promises rest on, through the fabric's front, with AWS's own engine in the place of dynalite.
const jars = process.env.AEGIS_DYNAMODB_LOCAL
const suite = suiteNeeding('dynamodb-local', jars)

const HOME = 'eu-west-1'
const FAR = 'us-east-1'
const MAIN_CLASS = 'software.amazon.dynamodb.services.local.main.ServerRunner'
const START_TIMEOUT_MS = 90_000

suite('DynamoDB Local', () => {
  let engine: ForeignServer
  let stores: Stores[]
  let home: DynamoDBClient
  let far: DynamoDBClient

  beforeAll(async () => {
    engine = await startForeignServer((port) => ({
      file: 'java',
      args: ['-Xmx512m', '-cp', `${jars}/*`, MAIN_CLASS, '-inMemory', '-disableTelemetry', '-port', String(port)],
    }))
    // One process serves both: it keeps the tables of each region apart.
    stores = await Promise.all(
      [HOME, FAR].map((region) =>
        startStores({
          region,
          tables: [table('state'), table('shared', [HOME, FAR])],
          tableEndpoint: engine.url,
          replication: { secret: SECRET },
        }),
      ),
    )
    const urls = Object.fromEntries(stores.map(({ region, url }) => [region, url]))
    for (const store of stores) store.setPeers(urls)
    home = dynamo(urls[HOME] ?? '', HOME)
    far = dynamo(urls[FAR] ?? '', FAR)
  }, START_TIMEOUT_MS)

  afterAll(async () => {
    home?.destroy()
    far?.destroy()
    for (const store of stores ?? []) await store.close()
    await engine?.close()
  })

  test('is what holds the items, not the engine that is built in', async () => {
    const key = { pk: { S: 'probe' }, sk: { S: 'x' } }
    await home.send(new PutItemCommand({ TableName: 'state', Item: key }))
    // DynamoDB Local keeps tables apart by access key too, and `aegis` is the one that the front uses.
    const direct = new DynamoDBClient({ endpoint: engine.url, region: HOME, credentials: { accessKeyId: 'aegis', secretAccessKey: 'any' } })
    const { Item } = await direct.send(new GetItemCommand({ TableName: 'state', Key: key }))
    direct.destroy()
    expect(Item).toEqual(key)
  })

  test('refuses to lower a high-water mark, whoever comes first', async () => {
    const marks = regionalHighWater(home, 'state')
    const raised = await Promise.all([3, 9, 5, 7].map((seq) => marks.raise('bundle', seq)))
    expect(raised[1]).toBe(true)
    expect(await marks.read()).toEqual({ bundle: 9, directory: 0 })
    expect(await marks.raise('bundle', 8)).toBe(false)
    expect(await marks.raise('bundle', 9)).toBe(true)
    expect((await regionalHighWater(far, 'state').read()).bundle).toBe(0)
  })

  test('spends a budget of 50 exactly 50 times when 100 calls race', async () => {
    const key = { pk: { S: 'budget' }, sk: { S: 'slice' } }
    await home.send(new PutItemCommand({ TableName: 'state', Item: { ...key, left: { N: '50' } } }))
    const spend = () =>
      home.send(
        new UpdateItemCommand({
          TableName: 'state',
          Key: key,
          UpdateExpression: 'SET #left = #left - :one',
          ConditionExpression: '#left >= :one',
          ExpressionAttributeNames: { '#left': 'left' },
          ExpressionAttributeValues: { ':one': { N: '1' } },
        }),
      )
    expect(await successes(Array.from({ length: 100 }, spend))).toBe(50)
    const { Item } = await home.send(new GetItemCommand({ TableName: 'state', Key: key, ConsistentRead: true }))
    expect(Item?.left).toEqual({ N: '0' })
  })

  test('lets one of 20 racing redemptions through', async () => {
    const key = { pk: { S: 'approval' }, sk: { S: 'once' } }
    await home.send(new PutItemCommand({ TableName: 'state', Item: key }))
    const redeem = () => home.send(new DeleteItemCommand({ TableName: 'state', Key: key, ConditionExpression: 'attribute_exists(pk)' }))
    expect(await successes(Array.from({ length: 20 }, redeem))).toBe(1)
  })

  test('carries a pointer to the other region', async () => {
    const pointer = {
      region: FAR,
      ring: 'stable',
      bundleDigest: 'a'.repeat(64),
      bundleSeq: 4,
      directoryDigest: 'b'.repeat(64),
      directorySeq: 2,
      updatedAt: 1,
    }
    await writePointer(home, 'shared', pointer, 1)
    await eventually('the pointer arrives', async () => (await readPointers(far, 'shared', FAR, 'stable')).stable !== undefined)
    expect((await readPointers(far, 'shared', FAR, 'stable')).stable).toEqual(pointer)
  })

  test('converges on one item after both regions wrote it while apart', async () => {
    const key = { pk: { S: 'contended' }, sk: { S: 'x' } }
    const [first, second] = stores
    await Promise.all([first?.pauseReplication(FAR), second?.pauseReplication(HOME)])
    await home.send(new PutItemCommand({ TableName: 'shared', Item: { ...key, by: { S: HOME } } }))
    await far.send(new PutItemCommand({ TableName: 'shared', Item: { ...key, by: { S: FAR } } }))
    first?.resumeReplication(FAR)
    second?.resumeReplication(HOME)
    const writerAt = async (client: DynamoDBClient) =>
      (await client.send(new GetItemCommand({ TableName: 'shared', Key: key, ConsistentRead: true }))).Item?.by?.S
    // Last writer wins: the second write was the later one, and both clocks are this machine's.
    await eventually('both hold the later write', async () => (await writerAt(home)) === FAR && (await writerAt(far)) === FAR)
  })
})

/** How many of the writes were made; a failed condition is the only failure there may be. */
async function successes(writes: Promise<unknown>[]): Promise<number> {
  const results = await Promise.allSettled(writes)
  const failed = results.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []))
  expect(failed.every((error) => error instanceof ConditionalCheckFailedException)).toBe(true)
  return results.length - failed.length
}
