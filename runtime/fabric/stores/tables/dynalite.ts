import { createRequire } from 'node:module'
import type { Item } from './shape.ts'

// What is used of dynalite's inside. Its own HTTP server throws storage errors out of the process, has no hook on
// writes, and would cost a second HTTP hop; its actions and validations are plain functions over a store.

export type Callback<T> = (error: DynaliteError | null | undefined, value?: T) => void

/** With `statusCode` and `body` it is an answer of the service, without them something broke. */
export type DynaliteError = Error & { statusCode?: number; body?: { __type: string; message?: string } }

export interface SubStore {
  lock(key: string, run: (release: (callback: Callback<unknown>) => Callback<unknown>) => void): void
  get(key: string, callback: Callback<Item>): void
  put(key: string, value: unknown, callback: Callback<void>): void
  del(key: string, callback: Callback<void>): void
  createValueStream(options: object): NodeJS.ReadableStream
}

export type BatchOperation = { type: 'put'; key: string; value: unknown } | { type: 'del'; key: string }

export interface Level {
  open(): Promise<void>
  close(): Promise<void>
  batch(operations: BatchOperation[]): Promise<void>
  iterator(range: { gte: string; lt: string }): AsyncIterable<[string, unknown]>
}

export interface TableDescription {
  TableName: string
  TableStatus: string
  KeySchema: { AttributeName: string; KeyType: string }[]
  AttributeDefinitions: { AttributeName: string; AttributeType: string }[]
  GlobalSecondaryIndexes?: { IndexName: string; KeySchema: object[]; Projection: object }[]
}

export interface DynaliteStore {
  db: Level
  tableDb: SubStore & { awsRegion: string; awsAccountId: string }
  getItemDb(table: string): SubStore
  getIndexDb(type: string, table: string, index: string): SubStore
  getTable(name: string, checkStatus: boolean | Callback<TableDescription>, callback?: Callback<TableDescription>): void
}

type Action = (store: DynaliteStore, input: object, callback: Callback<object>) => void
interface Validation {
  types: object
  custom?: (input: object, store: DynaliteStore) => string | undefined
}

const require = createRequire(import.meta.url)

/** @param options.path folder of the LevelDB; in memory without it */
export const createStore: (options: { path?: string; createTableMs: number }) => DynaliteStore = require('dynalite/db').create

const { checkTypes, checkValidations } = require('dynalite/validations') as {
  checkTypes(input: object, types: object): object
  checkValidations(input: object, types: object, custom: Validation['custom'], store: DynaliteStore): void
}

const fileOf = (operation: string) => operation.charAt(0).toLowerCase() + operation.slice(1)

/** Checks the input as the service does, then runs the action. Throws and calls back with DynaliteErrors. */
export function runAction(store: DynaliteStore, operation: string, input: object, callback: Callback<object>): void {
  const validation = require(`dynalite/validations/${fileOf(operation)}`) as Validation
  const action = require(`dynalite/actions/${fileOf(operation)}`) as Action
  // checkTypes strips its argument of what it does not know.
  const checked = checkTypes({ ...input }, validation.types)
  checkValidations(checked, validation.types, validation.custom, store)
  action(store, checked, callback)
}
