import { keyLocks, lockName, type WithLocks } from '../locks.ts'
import type { Replicator } from '../replication/replicator.ts'
import type { Reply } from '../reply.ts'
import type { ReadOperation, TableEngine, WriteOperation } from './engine.ts'
import { type Item, isGlobal, keyOf, type TableShape } from './shape.ts'
import { writtenKeys } from './written-keys.ts'

/**
 * Answers DynamoDB's operations for one region. Conditions are judged on this region's replica alone and the answer
 * never waits for another region, as in eventually consistent global tables (developer guide, "Global tables").
 */
export function tableService({ tables, engine, replicator, withLocks = keyLocks() }: TableServiceOptions) {
  const shapes = new Map(tables.map((table) => [table.name, table]))

  const write = (operation: WriteOperation, input: Input): Promise<Reply> =>
    withLocks(
      writtenKeys(shapes, operation, input).map(({ table, text }) => lockName(table.name, text)),
      async () => {
        const { reply, changes } = await engine.write(operation, input, (name) => stampOf(shapes.get(name)))
        replicator?.publish(changes)
        return withOldItem(reply, input, shapes.get(String(input.TableName)))
      },
    )

  const stampOf = (table: TableShape | undefined) => (table !== undefined && isGlobal(table) ? replicator?.tick() : undefined)

  /** dynalite says that a condition failed, not on what; DynamoDB returns the item to who asked for it. */
  const withOldItem = async (reply: Reply, input: Input, table: TableShape | undefined): Promise<Reply> => {
    const type = (reply.body as { __type?: string }).__type ?? ''
    if (!type.endsWith('#ConditionalCheckFailedException') || input.ReturnValuesOnConditionCheckFailure !== 'ALL_OLD') return reply
    const key = table === undefined ? undefined : keyOf(table, (input.Item ?? input.Key) as Item)
    const image = key === undefined || table === undefined ? null : await engine.image(table.name, key)
    return image === null ? reply : { ...reply, body: { ...reply.body, Item: image } }
  }

  return async (operation: string, asked: Input): Promise<Reply> => {
    const input = withTableName(asked)
    if (isWrite(operation)) return write(operation, input)
    if (isRead(operation)) return engine.read(operation, input)
    if (TEMPLATE_OPERATIONS.has(operation))
      return refusal('AccessDeniedException', `${operation}: tables are made from the templates, by a deploy or by the fabric's start`)
    return refusal('UnknownOperationException', `${operation} is not among the DynamoDB operations that the fabric answers`)
  }
}

export interface TableServiceOptions {
  tables: readonly TableShape[]
  engine: TableEngine
  /** Absent where no table is global. */
  replicator?: Replicator | undefined
  /** The locks that the replicator takes too. */
  withLocks?: WithLocks
}

type Input = Record<string, unknown>

const READS: readonly ReadOperation[] = ['GetItem', 'BatchGetItem', 'Query', 'Scan', 'DescribeTable', 'DescribeTimeToLive', 'ListTables']
const WRITES: readonly WriteOperation[] = ['PutItem', 'UpdateItem', 'DeleteItem', 'BatchWriteItem']

/** What no role of the data plane may do. */
const TEMPLATE_OPERATIONS = new Set([
  'CreateTable',
  'UpdateTable',
  'DeleteTable',
  'UpdateTimeToLive',
  'UpdateContinuousBackups',
  'TagResource',
  'UntagResource',
])

const TABLE_ARN = /^arn:aws:dynamodb:[a-z0-9-]+:\d{12}:table\/([\w.-]+)$/

/** Callers of another account name a table by its ARN. That it is this region's, the request's credential scope says. */
function withTableName(input: Input): Input {
  const name = typeof input.TableName === 'string' ? TABLE_ARN.exec(input.TableName)?.[1] : undefined
  return name === undefined ? input : { ...input, TableName: name }
}

function isRead(operation: string): operation is ReadOperation {
  return (READS as readonly string[]).includes(operation)
}

function isWrite(operation: string): operation is WriteOperation {
  return (WRITES as readonly string[]).includes(operation)
}

function refusal(type: string, message: string): Reply {
  return { status: 400, body: { __type: `com.amazon.coral.service#${type}`, message } }
}
