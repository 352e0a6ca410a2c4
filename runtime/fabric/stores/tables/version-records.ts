import { z } from 'zod'
import { type Version, versionSchema } from '../replication/version.ts'
import type { Level } from './dynalite.ts'
import type { Item } from './shape.ts'

// The versions of global tables' items, beside the items. They stay after a deletion (a tombstone), for good: a region
// that was away would bring the item back otherwise. Global tables hold little, and `--reset` forgets.

export const itemSchema = z.record(z.string(), z.record(z.string(), z.unknown()))

const versionRecord = z.strictObject({ table: z.string(), key: itemSchema, version: versionSchema })

/** @param text the item's keyText */
export function versionKey(table: string, text: string): string {
  return `version~${table}~${text}`
}

export async function* versionRecords(db: Level): AsyncIterable<{ table: string; key: Item; version: Version }> {
  // The character after ~ ends the range.
  for await (const [, value] of db.iterator({ gte: 'version~', lt: 'version\x7f' })) yield versionRecord.parse(value)
}
