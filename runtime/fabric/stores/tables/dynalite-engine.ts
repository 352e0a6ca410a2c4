import { mkdir } from 'node:fs/promises'
import type { Version } from '../replication/version.ts'
import { type BatchOperation, createStore, type DynaliteStore, type TableDescription } from './dynalite.ts'
import { collectWrites, runDirect, runRead, type WrittenItem } from './dynalite-scope.ts'
import type { Change, Stamp, TableEngine } from './engine.ts'
import { type Item, isGlobal, keyOf, keyText, type TableShape } from './shape.ts'
import { versionKey, versionRecords } from './version-records.ts'

export interface DynaliteEngineOptions {
  region: string
  account: string
  tables: readonly TableShape[]
  /** Folder of the LevelDB. Without it items are in memory and gone with the process. */
  path?: string
}

/**
 * dynalite over LevelDB, in this process. Its writes are collected and go to disk in one atomic batch: the item, its
 * index entries and its version are there together or not at all, whenever the process is killed.
 */
export async function dynaliteEngine({ region, account, tables, path }: DynaliteEngineOptions): Promise<TableEngine> {
  if (path !== undefined) await mkdir(path, { recursive: true })
  const store = createStore({ createTableMs: 0, ...(path === undefined ? {} : { path }) })
  try {
    await store.db.open()
  } catch (error) {
    const reason = (error as Error & { cause?: Error }).cause?.message ?? String(error)
    throw new Error(`tables of ${region}: can't open ${path}: ${reason}; is another fabric running in this folder?`, { cause: error })
  }
  store.tableDb.awsRegion = region
  store.tableDb.awsAccountId = account
  const shapes = new Map(tables.map((table) => [table.name, table]))
  const commit = committer(store)
  const versionRecord = ({ table, key, version }: Change): BatchOperation => {
    const shape = shapes.get(table)
    const text = shape === undefined ? undefined : keyText(shape, key)
    if (text === undefined) throw new Error(`no item of ${table} has the key ${JSON.stringify(key)}`)
    return { type: 'put', key: versionKey(table, text), value: { table, key, version } }
  }

  const write = async (operation: string, input: object, stamp: Stamp) => {
    const { reply, written } = await collectWrites(store, operation, input)
    if (reply.status !== 200) return { reply, changes: [] }
    const changes = written.items.flatMap((item) => changeOf(shapes.get(item.table), item, stamp) ?? [])
    await commit([...written.operations, ...changes.map(versionRecord)])
    return { reply, changes }
  }

  return {
    ensureTable: (table) => ensureTable(store, table),
    read: (operation, input) => runRead(store, operation, input),
    write,
    async apply(change) {
      const { table: TableName, image, key } = change
      const [operation, input] = image === null ? ['DeleteItem', { TableName, Key: key }] : ['PutItem', { TableName, Item: image }]
      const { reply, written } = await collectWrites(store, operation as string, input as object)
      if (reply.status !== 200) throw new Error(`replicated item refused by the engine: ${JSON.stringify(reply.body)}`)
      await commit([...written.operations, versionRecord(change)])
    },
    async image(table, key) {
      const { status, body } = await runRead(store, 'GetItem', {
        TableName: table,
        Key: key,
        ConsistentRead: true,
      })
      if (status !== 200) throw new Error(`reading an item of ${table}: ${JSON.stringify(body)}`)
      return (body as { Item?: Item }).Item ?? null
    },
    versions: () => versionRecords(store.db),
    close: () => store.db.close(),
  }
}

function changeOf(table: TableShape | undefined, { item, deleted }: WrittenItem, stamp: Stamp): Change | undefined {
  if (table === undefined || !isGlobal(table) || keyText(table, item) === undefined) return undefined
  const version: Version | undefined = stamp(table.name)
  if (version === undefined) return undefined
  return { table: table.name, key: keyOf(table, item), version, image: deleted ? null : item }
}

/**
 * After a failed write LevelDB's log may end in a torn record, and what is appended behind it could be dropped when
 * the log is read again. So the first failure ends all writing: reads go on, and a restart recovers the log.
 */
function committer({ db }: DynaliteStore) {
  let failure: Error | undefined
  return async (operations: BatchOperation[]) => {
    if (failure !== undefined)
      throw new Error(`the tables take no writes since their storage failed: ${failure.message}; restart them`, { cause: failure })
    if (operations.length === 0) return
    try {
      await db.batch(operations)
    } catch (error) {
      failure = error as Error
      throw error
    }
  }
}

async function ensureTable(store: DynaliteStore, table: TableShape): Promise<void> {
  const found = await describe(store, table.name)
  // A process killed while it made the table leaves it CREATING for ever: it holds nothing yet, so it is made anew.
  if (found !== undefined && found.TableStatus === 'ACTIVE') {
    const difference = shapeDifference(found, table)
    if (difference === undefined) return
    throw new Error(`table ${table.name}: is on disk with other ${difference} than the template's; forget the fabric's state with --reset`)
  }
  if (found !== undefined) await store.db.batch([{ type: 'del', key: `table~${table.name}` }])
  const reply = await runDirect(store, 'CreateTable', {
    TableName: table.name,
    KeySchema: table.keySchema,
    AttributeDefinitions: table.attributeDefinitions,
    BillingMode: 'PAY_PER_REQUEST',
    ...(table.gsis.length === 0 ? {} : { GlobalSecondaryIndexes: structuredClone(table.gsis) }),
  })
  if (reply.status !== 200) throw new Error(`table ${table.name}: the engine refuses it: ${JSON.stringify(reply.body)}`)
  while ((await describe(store, table.name))?.TableStatus !== 'ACTIVE') await new Promise((resolve) => setTimeout(resolve, 2))
}

function describe(store: DynaliteStore, name: string): Promise<TableDescription | undefined> {
  return new Promise((resolve, reject) => {
    store.getTable(name, false, (error, table) => {
      if (error?.statusCode !== undefined) resolve(undefined)
      else if (error) reject(error)
      else resolve(table)
    })
  })
}

/** Compared by what the words mean: templates and dynalite order them differently. */
function shapeDifference(found: TableDescription, table: TableShape): string | undefined {
  type Key = { AttributeName: string; KeyType: string }
  const keys = (schema: readonly Key[]) => schema.map(({ AttributeName, KeyType }) => `${KeyType} ${AttributeName}`).join()
  const indexes = (list: readonly object[] = []) =>
    (list as { IndexName: string; KeySchema: Key[] }[])
      .map(({ IndexName, KeySchema }) => `${IndexName}: ${keys(KeySchema)}`)
      .sort()
      .join('; ')
  if (keys(found.KeySchema) !== keys(table.keySchema)) return 'keys'
  if (indexes(found.GlobalSecondaryIndexes) !== indexes(table.gsis)) return 'indexes'
  return undefined
}
