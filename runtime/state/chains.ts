import { ConditionalCheckFailedException, type DynamoDBClient, GetItemCommand, UpdateItemCommand } from '@aws-sdk/client-dynamodb'
import type { Item } from './query-all.ts'

/** What the calls of one chain have left behind. Taints are only ever added. */
export interface ChainState {
  /** When each tool or data class was last in an allowed call. Milliseconds since the epoch. */
  taints: ReadonlyMap<string, number>
  /** Allowed calls by `tool.action`: in all, and by the hour since the epoch in which they were. */
  calls: ReadonlyMap<string, CallCount>
}

export interface CallCount {
  total: number
  byHour: ReadonlyMap<number, number>
}

export interface ChainChange {
  nowMs: number
  taints: readonly string[]
  /** Counts one call, if as many were counted before as `seen` says. */
  count?: { toolAction: string; seen: CallCount | undefined }
  /** Seconds since the epoch, after which the item may go. */
  goneAtS: number
}

/** Chains of one region, in its own table: one item a chain, each change one conditional write. */
export interface ChainStore {
  /** Strongly consistent. @returns empty for a chain that nothing is known of. Rejects when the table does not answer */
  read(tenant: string, hash: string): Promise<ChainState>
  /** @returns false when the count has moved; nothing is changed then */
  change(tenant: string, hash: string, change: ChainChange): Promise<boolean>
}

export const HOUR_MS = 3_600_000

// Flat attributes, because each can be written without the one before: `t#<taint>` = last time, `n#<tool.action>` = calls in all,
// `h#<hour>#<tool.action>` = calls in that hour.

export function regionalChains(client: DynamoDBClient, table: string): ChainStore {
  const keyOf = (tenant: string, hash: string) => ({ pk: { S: `chain#${tenant}#${hash}` }, sk: { S: 'chain' } })
  return {
    async read(tenant, hash) {
      const { Item } = await client.send(new GetItemCommand({ TableName: table, Key: keyOf(tenant, hash), ConsistentRead: true }))
      return Item === undefined ? { taints: new Map(), calls: new Map() } : stateOf(Item)
    },
    async change(tenant, hash, change) {
      try {
        await client.send(new UpdateItemCommand({ TableName: table, Key: keyOf(tenant, hash), ...expressionOf(change) }))
        return true
      } catch (error) {
        if (error instanceof ConditionalCheckFailedException) return false
        throw error
      }
    },
  }
}

/** Counts of hours so long ago are taken out of the item when it is written. */
const HOURS_KEPT = 26

function expressionOf({ nowMs, taints, count, goneAtS }: ChainChange) {
  const names: Record<string, string> = { '#ttl': 'ttl' }
  const values: Item = { ':ttl': { N: String(goneAtS) }, ':now': { N: String(nowMs) } }
  const set = ['#ttl = :ttl']
  taints.forEach((taint, index) => {
    names[`#t${index}`] = `t#${taint}`
    set.push(`#t${index} = :now`)
  })
  if (taints.length === 0) delete values[':now']
  if (count === undefined)
    return { UpdateExpression: `SET ${set.join(', ')}`, ExpressionAttributeNames: names, ExpressionAttributeValues: values }

  const { toolAction, seen } = count
  const hour = Math.floor(nowMs / HOUR_MS)
  Object.assign(names, { '#n': `n#${toolAction}`, '#h': `h#${hour}#${toolAction}` })
  Object.assign(values, { ':n': { N: String((seen?.total ?? 0) + 1) }, ':h': { N: String((seen?.byHour.get(hour) ?? 0) + 1) } })
  if (seen !== undefined) values[':seen'] = { N: String(seen.total) }
  const old = [...(seen?.byHour.keys() ?? [])].filter((past) => past < hour - HOURS_KEPT)
  old.forEach((past, index) => {
    names[`#o${index}`] = `h#${past}#${toolAction}`
  })
  const remove = old.length === 0 ? '' : ` REMOVE ${old.map((_past, index) => `#o${index}`).join(', ')}`
  return {
    UpdateExpression: `SET ${[...set, '#n = :n', '#h = :h'].join(', ')}${remove}`,
    ConditionExpression: seen === undefined ? 'attribute_not_exists(#n)' : '#n = :seen',
    ExpressionAttributeNames: names,
    ExpressionAttributeValues: values,
  }
}

/** @throws when the item is not what this file writes: such a chain is unreadable */
function stateOf(item: Item): ChainState {
  const taints = new Map<string, number>()
  const totals = new Map<string, number>()
  const hours: { toolAction: string; hour: number; calls: number }[] = []
  for (const [name, value] of Object.entries(item)) {
    const [kind, ...rest] = name.split('#')
    if (rest.length === 0) continue
    const number = naturalOf(value.N)
    if (kind === 't') taints.set(rest.join('#'), number)
    else if (kind === 'n') totals.set(rest.join('#'), number)
    else if (kind === 'h') hours.push({ hour: naturalOf(rest[0]), toolAction: rest.slice(1).join('#'), calls: number })
  }
  const calls = new Map<string, CallCount>()
  for (const [toolAction, total] of totals) {
    const own = hours.filter((entry) => entry.toolAction === toolAction)
    calls.set(toolAction, { total, byHour: new Map(own.map(({ hour, calls }) => [hour, calls])) })
  }
  return { taints, calls }
}

function naturalOf(text: string | undefined): number {
  const number = Number(text)
  if (text === undefined || text === '' || !Number.isSafeInteger(number) || number < 0)
    throw new Error('a chain item has a field that is no number')
  return number
}
