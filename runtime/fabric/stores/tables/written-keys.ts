import type { WriteOperation } from './engine.ts'
import { type Item, keyText, type TableShape } from './shape.ts'

export interface WrittenKey {
  table: TableShape
  text: string
  /** Holds the key attributes, and perhaps others. */
  item: Item
}

type Input = Record<string, unknown>

/** The keys that a write may touch. What is malformed names none: the engine refuses it before it writes. */
export function writtenKeys(shapes: ReadonlyMap<string, TableShape>, operation: WriteOperation, input: Input): WrittenKey[] {
  const key = (name: unknown, item: unknown): WrittenKey[] => {
    const table = shapes.get(String(name))
    const text = table === undefined ? undefined : keyText(table, item)
    return table === undefined || text === undefined ? [] : [{ table, text, item: item as Item }]
  }
  if (operation !== 'BatchWriteItem') return key(input.TableName, operation === 'PutItem' ? input.Item : input.Key)
  const requests = Object.entries((input.RequestItems ?? {}) as Record<string, unknown>)
  return requests.flatMap(([table, list]) =>
    (Array.isArray(list) ? list : []).flatMap((request: { PutRequest?: Input; DeleteRequest?: Input } | null) =>
      key(table, request?.PutRequest?.Item ?? request?.DeleteRequest?.Key),
    ),
  )
}
