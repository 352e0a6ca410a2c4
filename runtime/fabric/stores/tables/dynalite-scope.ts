import type { Reply } from '../reply.ts'
import {
  type BatchOperation,
  type DynaliteError,
  type DynaliteStore,
  type Level,
  runAction,
  type SubStore,
  type TableDescription,
} from './dynalite.ts'
import type { Item } from './shape.ts'

// dynalite's actions over a view of the store: what they throw fails their request, and what they write is handed back
// instead of stored, so that the engine stores all of it in one batch.

export interface WrittenItem {
  table: string
  /** With its key attributes; after a deletion only those. */
  item: Item
  deleted: boolean
}

export interface Written {
  operations: BatchOperation[]
  items: WrittenItem[]
}

/** Runs an action that only reads. */
export function runRead(store: DynaliteStore, operation: string, input: object): Promise<Reply> {
  return guarded((scope) => readScope(store, scope), operation, input)
}

/** Runs an action that stores by itself: making a table, whose store nobody else uses yet. */
export function runDirect(store: DynaliteStore, operation: string, input: object): Promise<Reply> {
  return guarded(() => store, operation, input)
}

/** Runs the action over a store that reads as the real one and only remembers what is written. */
export async function collectWrites(store: DynaliteStore, operation: string, input: object): Promise<{ reply: Reply; written: Written }> {
  const written: Written = { operations: [], items: [] }
  const reply = await guarded((scope) => writeScope(store, scope, written), operation, input)
  return { reply, written }
}

/** Runs `run` now; what it throws fails the request instead of the process. */
type Scope = (run: () => void) => void

/** Longer than any operation on a local disk takes: past it the request fails rather than hangs. */
const ANSWER_MAX_MS = 10_000

/** dynalite throws from callbacks and streams; every way back into it is wrapped by the scope, so each throw ends here. */
function guarded(scoped: (scope: Scope) => DynaliteStore, operation: string, input: object): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`${operation}: the engine gave no answer in ${ANSWER_MAX_MS} ms`)), ANSWER_MAX_MS)
    const settle = (error: DynaliteError | null | undefined, body?: object) => {
      clearTimeout(timer)
      if (error?.statusCode !== undefined && error.body !== undefined) resolve({ status: error.statusCode, body: error.body })
      else if (error) reject(error)
      else resolve({ status: 200, body: body ?? {} })
    }
    const scope: Scope = (run) => {
      try {
        run()
      } catch (error) {
        settle(error as DynaliteError)
      }
    }
    scope(() => runAction(scoped(scope), operation, input, settle))
  })
}

function readScope(store: DynaliteStore, scope: Scope): DynaliteStore {
  const wrap = (sub: SubStore): SubStore => ({
    ...sub,
    get: scopedGet(sub, scope),
    createValueStream: (options) => scopedStream(sub, options, scope),
  })
  return {
    ...store,
    getTable: scopedGetTable(store, scope),
    getItemDb: (table) => wrap(store.getItemDb(table)),
    getIndexDb: (type, table, index) => wrap(store.getIndexDb(type, table, index)),
  }
}

function writeScope(store: DynaliteStore, scope: Scope, written: Written): DynaliteStore {
  return {
    ...store,
    getTable: scopedGetTable(store, scope),
    getItemDb: (table) => {
      const real = store.getItemDb(table)
      const existing = new Map<string, Item>()
      return {
        ...real,
        // Who calls the engine holds the key's lock until the batch is on disk; dynalite would let go before.
        lock: (_key, run) => scope(() => run((callback) => callback)),
        get: (key, callback) =>
          scopedGet(real, scope)(key, (error, item) => {
            if (item !== undefined) existing.set(key, item)
            callback(error, item)
          }),
        put: (key, value, callback) => {
          written.operations.push({ type: 'put', key: `item-${table}~${key}`, value })
          written.items.push({ table, item: value as Item, deleted: false })
          scope(() => callback(null))
        },
        del: (key, callback) => {
          const item = existing.get(key)
          if (item !== undefined) {
            written.operations.push({ type: 'del', key: `item-${table}~${key}` })
            written.items.push({ table, item, deleted: true })
          }
          scope(() => callback(null))
        },
      }
    },
    getIndexDb: (type, table, index) => {
      const prefix = `index-${type.toLowerCase()}~${table}~${index}~`
      return {
        ...store.getIndexDb(type, table, index),
        put: (key, value, callback) => {
          written.operations.push({ type: 'put', key: prefix + key, value })
          scope(() => callback(null))
        },
        del: (key, callback) => {
          written.operations.push({ type: 'del', key: prefix + key })
          scope(() => callback(null))
        },
      }
    },
  }
}

function scopedGet(sub: SubStore, scope: Scope): SubStore['get'] {
  return (key, callback) => sub.get(key, (error, item) => scope(() => callback(error, item)))
}

function scopedGetTable(store: DynaliteStore, scope: Scope): DynaliteStore['getTable'] {
  return (name, checkStatus, callback) => {
    const done = typeof checkStatus === 'function' ? checkStatus : callback
    const guardedDone = (error: DynaliteError | null | undefined, table?: TableDescription) => scope(() => done?.(error, table))
    const known = activeTables(store).get(name)
    // Later, as from disk, and each time a definition of its own: actions write into theirs.
    if (known !== undefined) return queueMicrotask(() => guardedDone(null, structuredClone(known)))
    store.getTable(name, typeof checkStatus === 'function' ? false : checkStatus, (error, table) => {
      if (table?.TableStatus === 'ACTIVE') activeTables(store).set(name, structuredClone(table))
      guardedDone(error, table)
    })
  }
}

const definitions = new WeakMap<Level, Map<string, TableDescription>>()

/** A table that is active stays as it is for as long as its engine runs, which offers no way to change one. Looked up on disk, each request would be two. */
function activeTables({ db }: DynaliteStore): Map<string, TableDescription> {
  const known = definitions.get(db) ?? new Map<string, TableDescription>()
  definitions.set(db, known)
  return known
}

function scopedStream(sub: SubStore, options: object, scope: Scope): NodeJS.ReadableStream {
  const stream = sub.createValueStream(options)
  const emit = stream.emit.bind(stream)
  stream.emit = (...args: Parameters<typeof emit>) => {
    let heard = false
    scope(() => {
      heard = emit(...args)
    })
    return heard
  }
  return stream
}
