import { mkdir } from 'node:fs/promises'
import type { Reply } from '../reply.ts'
import { type BatchOperation, createStore, type Level } from './dynalite.ts'
import type { Change, Stamp, TableEngine } from './engine.ts'
import { type Item, isGlobal, keyOf, keyText, type TableShape } from './shape.ts'
import { versionKey, versionRecords } from './version-records.ts'
import { writtenKeys } from './written-keys.ts'

export interface EndpointEngineOptions {
  region: string
  tables: readonly TableShape[]
  /**
   * URL of an engine that is this region's alone, such as AWS's DynamoDB Local. A user name in it is the access key id to come as: that
   * engine keeps tables apart by it.
   */
  endpoint: string
  /** Folder of the versions. Without it they are in memory, which fits an engine that is in memory too. */
  path?: string
}

/**
 * An engine in another process, by its own protocol. Item and version can't be stored in one step there, so a write to
 * a global table is announced on disk first: what is still announced at the next start gets a new version, whether or
 * not its write arrived, and the replicas agree on the item as it then is.
 */
export async function endpointEngine({ region, tables, endpoint, path }: EndpointEngineOptions): Promise<TableEngine> {
  if (path !== undefined) await mkdir(path, { recursive: true })
  const { db } = createStore({ createTableMs: 0, ...(path === undefined ? {} : { path }) })
  await db.open()
  const shapes = new Map(tables.map((table) => [table.name, table]))
  const call = (operation: string, input: object) => callEndpoint(endpoint, region, operation, input)
  const image = async (table: string, key: Item): Promise<Item | null> => {
    const { status, body } = await call('GetItem', { TableName: table, Key: key, ConsistentRead: true })
    if (status !== 200) throw new Error(`reading an item of ${table} at ${endpoint}: ${JSON.stringify(body)}`)
    return (body as { Item?: Item }).Item ?? null
  }
  const textOf = (table: string, key: Item) => {
    const shape = shapes.get(table)
    return (shape && keyText(shape, key)) ?? JSON.stringify(key)
  }
  const versionPut = ({ table, key, version }: Change): BatchOperation => ({
    type: 'put',
    key: versionKey(table, textOf(table, key)),
    value: { table, key, version },
  })

  return {
    ensureTable: (table) => ensureTable(call, db, table),
    read: call,
    async write(operation, input, stamp) {
      const targets = writtenKeys(shapes, operation, input as Record<string, unknown>)
        .filter(({ table }) => isGlobal(table))
        .map(({ table, text, item }) => ({ table: table.name, key: keyOf(table, item), intent: `intent~${table.name}~${text}` }))
      if (targets.length === 0) return { reply: await call(operation, input), changes: [] }
      const before = await Promise.all(targets.map(({ table, key }) => image(table, key)))
      await db.batch(targets.map(({ table, key, intent }) => ({ type: 'put', key: intent, value: { table, key } })))
      const reply = await call(operation, input)
      const after = await Promise.all(targets.map(({ table, key }) => image(table, key)))
      const changes = targets.flatMap(({ table, key }, at) => changed(table, key, before[at] ?? null, after[at] ?? null, stamp) ?? [])
      await db.batch([...changes.map(versionPut), ...targets.map(({ intent }): BatchOperation => ({ type: 'del', key: intent }))])
      return { reply, changes }
    },
    async apply(change) {
      const { table: TableName, key, image: Item } = change
      const { status, body } = await (Item === null ? call('DeleteItem', { TableName, Key: key }) : call('PutItem', { TableName, Item }))
      if (status !== 200) throw new Error(`replicated item refused by ${endpoint}: ${JSON.stringify(body)}`)
      await db.batch([versionPut(change)])
    },
    image,
    async *versions() {
      const announced: Change[] = []
      for await (const record of versionRecords(db)) yield record
      for await (const [, value] of db.iterator({ gte: 'intent~', lt: 'intent\x7f' })) {
        const { table, key } = value as { table: string; key: Item }
        // Later than any clock that a running region has shown here: this start's own time.
        announced.push({ table, key, version: { ms: Date.now(), n: 0, region }, image: null })
      }
      await db.batch(
        announced.flatMap((change) => [
          versionPut(change),
          { type: 'del', key: `intent~${change.table}~${textOf(change.table, change.key)}` },
        ]),
      )
      for (const { table, key, version } of announced) yield { table, key, version }
    },
    close: () => db.close(),
  }
}

type Call = (operation: string, input: object) => Promise<Reply>

function changed(table: string, key: Item, before: Item | null, after: Item | null, stamp: Stamp): Change | undefined {
  if (JSON.stringify(before) === JSON.stringify(after)) return undefined
  const version = stamp(table)
  return version === undefined ? undefined : { table, key, version, image: after }
}

async function ensureTable(call: Call, db: Level, table: TableShape): Promise<void> {
  const found = await call('DescribeTable', { TableName: table.name })
  if (found.status === 200) return
  const made = await call('CreateTable', {
    TableName: table.name,
    KeySchema: table.keySchema,
    AttributeDefinitions: table.attributeDefinitions,
    BillingMode: 'PAY_PER_REQUEST',
    ...(table.gsis.length === 0 ? {} : { GlobalSecondaryIndexes: table.gsis }),
  })
  if (made.status !== 200) throw new Error(`table ${table.name}: the engine refuses it: ${JSON.stringify(made.body)}`)
  // An engine that forgot the table forgot its items: without their versions the peers will send them again.
  const prefix = versionKey(table.name, '')
  const stale: BatchOperation[] = []
  for await (const [key] of db.iterator({ gte: prefix, lt: `${prefix.slice(0, -1)}\x7f` })) stale.push({ type: 'del', key })
  await db.batch(stale)
  for (;;) {
    const { body } = await call('DescribeTable', { TableName: table.name })
    if ((body as { Table?: { TableStatus?: string } }).Table?.TableStatus === 'ACTIVE') return
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

const ANSWER_MAX_MS = 10_000

async function callEndpoint(endpoint: string, region: string, operation: string, input: object): Promise<Reply> {
  const { origin, username } = new URL(endpoint)
  const date = new Date().toISOString().replace(/[-:]|\.\d+/g, '')
  const response = await fetch(origin, {
    method: 'POST',
    headers: {
      'content-type': 'application/x-amz-json-1.0',
      'x-amz-target': `DynamoDB_20120810.${operation}`,
      'x-amz-date': date,
      // Local engines read the region and the key id from here and verify no signature.
      authorization: `AWS4-HMAC-SHA256 Credential=${username || 'aegis'}/${date.slice(0, 8)}/${region}/dynamodb/aws4_request, SignedHeaders=host;x-amz-date, Signature=0`,
    },
    body: JSON.stringify(input),
    signal: AbortSignal.timeout(ANSWER_MAX_MS),
  })
  const text = await response.text()
  try {
    return { status: response.status, body: JSON.parse(text) as object }
  } catch {
    throw new Error(`${operation} at ${origin}: answer ${response.status} is not JSON`)
  }
}
