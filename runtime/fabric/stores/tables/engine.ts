import type { Version } from '../replication/version.ts'
import type { Reply } from '../reply.ts'
import type { Item, TableShape } from './shape.ts'

/** An item of a global table as a write left it. */
export interface Change {
  table: string
  /** Key attributes alone. */
  key: Item
  version: Version
  /** The whole item; null if it was deleted. */
  image: Item | null
}

export type ReadOperation = 'GetItem' | 'BatchGetItem' | 'Query' | 'Scan' | 'DescribeTable' | 'DescribeTimeToLive' | 'ListTables'
export type WriteOperation = 'PutItem' | 'UpdateItem' | 'DeleteItem' | 'BatchWriteItem'

/** Gives a write to a global table its version; undefined for a regional table, whose writes are nobody else's. */
export type Stamp = (table: string) => Version | undefined

/**
 * What holds the items. The caller holds the locks of every key that a write touches. Rejects when the storage
 * fails: then nothing was acknowledged, and an outcome is unknown.
 */
export interface TableEngine {
  /** Makes the table if it is missing. Rejects if there is one of that name with other keys or indexes. */
  ensureTable(table: TableShape): Promise<void>
  read(operation: ReadOperation, input: object): Promise<Reply>
  /** Runs a client's write. `changes`: what it did to global tables, already stored with its versions. */
  write(operation: WriteOperation, input: object, stamp: Stamp): Promise<{ reply: Reply; changes: Change[] }>
  /** Stores what another region wrote, with its version, and even the deletion of what never was here. */
  apply(change: Change): Promise<void>
  /** @returns the item, or null */
  image(table: string, key: Item): Promise<Item | null>
  /** Every version stored, deletions included. */
  versions(): AsyncIterable<{ table: string; key: Item; version: Version }>
  close(): Promise<void>
}
