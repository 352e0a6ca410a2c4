/** A table as the topology gives it, in the words of CloudFormation and CreateTable. */
export interface TableShape {
  name: string
  keySchema: readonly { AttributeName: string; KeyType: string }[]
  attributeDefinitions: readonly { AttributeName: string; AttributeType: string }[]
  /** Global secondary indexes, as in CreateTable. */
  gsis: readonly object[]
  /** Every region with a replica, this one included. One or none: the table is regional. */
  replicas: readonly string[]
}

export type AttributeValue = Record<string, unknown>
export type Item = Record<string, AttributeValue>

export function isGlobal(table: TableShape): boolean {
  return table.replicas.length > 1
}

/** The key attributes of an item, in the order of the key schema. */
export function keyOf(table: TableShape, item: Item): Item {
  return Object.fromEntries(table.keySchema.map(({ AttributeName }) => [AttributeName, item[AttributeName] ?? {}]))
}

/**
 * One text for each key, the same however a client spells it: names what is locked and versioned.
 * @returns undefined if a key attribute is missing or of another type; the engine then refuses the item
 */
export function keyText(table: TableShape, item: unknown): string | undefined {
  if (typeof item !== 'object' || item === null) return undefined
  const parts: string[] = []
  for (const { AttributeName } of table.keySchema) {
    const type = typeOf(table, AttributeName)
    const value = (item as Record<string, AttributeValue | null | undefined>)[AttributeName]?.[type]
    if (typeof value !== 'string') return undefined
    parts.push(type === 'B' ? Buffer.from(value, 'base64').toString('base64') : value)
  }
  return JSON.stringify(parts)
}

/** Throws if the fabric can't hold such a table. */
export function checkShape(table: TableShape, region: string): void {
  const known = new Set(table.attributeDefinitions.map(({ AttributeName }) => AttributeName))
  for (const { AttributeName } of table.keySchema) {
    if (!known.has(AttributeName)) throw new Error(`table ${table.name}: key attribute ${AttributeName} has no attribute definition`)
    const type = typeOf(table, AttributeName)
    // Numbers have many spellings (1, 1.0, 1e0), so their text can't name a lock.
    if (type !== 'S' && type !== 'B')
      throw new Error(`table ${table.name}: key attribute ${AttributeName} has type ${type}; the fabric takes S and B`)
  }
  if (isGlobal(table) && !table.replicas.includes(region)) {
    throw new Error(`table ${table.name}: has replicas in ${table.replicas.join(', ')}, not in ${region}; do not give it to this region`)
  }
}

function typeOf(table: TableShape, attribute: string): string {
  return table.attributeDefinitions.find(({ AttributeName }) => AttributeName === attribute)?.AttributeType ?? 'S'
}
