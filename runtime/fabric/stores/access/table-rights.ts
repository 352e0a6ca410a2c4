/** Something that a role may do with a table, as a statement of its policy says it. */
export interface TableRight {
  table: string
  /** Operations, by name: `GetItem`. */
  actions: readonly string[]
  /** Partition keys that it is limited to, `*` matching any end (condition key dynamodb:LeadingKeys). Absent: all. */
  partitions?: readonly string[] | undefined
}

type Input = Record<string, unknown>

/**
 * Whether a role may do this: what IAM would say, as far as tables and partition keys go. Batches and transactions need rights of their
 * own kind, and so does an index; a request whose partition key cannot be seen has none.
 * @param partitionKey name of the table's partition key
 */
export function mayTouch(rights: readonly TableRight[], operation: string, input: Input, partitionKey: string): boolean {
  const table = String(input.TableName).replace(/^arn:aws:dynamodb:[^/]*:table\//, '')
  if (input.IndexName !== undefined) return false
  const key = partitionOf(operation, input, partitionKey)
  return rights.some(
    (right) =>
      right.table === table &&
      right.actions.includes(operation) &&
      (right.partitions === undefined || (key !== undefined && right.partitions.some((pattern) => matches(pattern, key)))),
  )
}

function partitionOf(operation: string, input: Input, partitionKey: string): string | undefined {
  if (operation === 'Query') return queried(input, partitionKey)
  const item = (operation === 'PutItem' ? input.Item : input.Key) as Record<string, { S?: unknown }> | undefined
  const value = item?.[partitionKey]?.S
  return typeof value === 'string' ? value : undefined
}

/** The value that a Query's key condition compares the partition key with (DynamoDB developer guide, "Key condition expressions"). */
function queried(input: Input, partitionKey: string): string | undefined {
  const names = (input.ExpressionAttributeNames ?? {}) as Record<string, string>
  const values = (input.ExpressionAttributeValues ?? {}) as Record<string, { S?: unknown }>
  for (const [, left = '', right = ''] of String(input.KeyConditionExpression ?? '').matchAll(/(#?\w+)\s*=\s*(:\w+)/g)) {
    const value = values[right]?.S
    if ((names[left] ?? left) === partitionKey && typeof value === 'string') return value
  }
  return undefined
}

const matches = (pattern: string, key: string) => (pattern.endsWith('*') ? key.startsWith(pattern.slice(0, -1)) : key === pattern)
