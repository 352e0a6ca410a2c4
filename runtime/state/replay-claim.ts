import { ConditionalCheckFailedException, type DynamoDBClient, UpdateItemCommand } from '@aws-sdk/client-dynamodb'

/** The one place for a replay in a region: who holds it works on an order, and the others leave it alone. */
export interface ReplayClaim {
  /** @returns false while another process holds it and shows that it lives */
  take(order: string): Promise<boolean>
  /** Shows that the holder lives. @returns false when another has taken over: the work is no longer ours to answer */
  renew(order: string): Promise<boolean>
  /** Gives it up. Nothing happens when it is another's by now. */
  release(order: string): Promise<void>
}

export interface ReplayClaimOptions {
  client: DynamoDBClient
  /** The region's own state table. */
  table: string
  /** This process. */
  node: string
  now: () => number
  /** A holder that was not heard of for so long has died. */
  staleMs: number
}

/** One item that processes take by condition: two orders at once would only take the cores from each other, and from the calls. */
export function regionReplayClaim({ client, table, node, now, staleMs }: ReplayClaimOptions): ReplayClaim {
  const update = async (UpdateExpression: string, ConditionExpression: string, values: Record<string, string | number>) => {
    try {
      await client.send(
        new UpdateItemCommand({
          TableName: table,
          Key: { pk: { S: 'replay' }, sk: { S: 'claim' } },
          UpdateExpression,
          ConditionExpression,
          ExpressionAttributeNames: { '#by': 'by', '#order': 'order', ...(UpdateExpression.includes('#at') && { '#at': 'at_ms' }) },
          ExpressionAttributeValues: Object.fromEntries(
            Object.entries(values).map(([name, value]) => [name, typeof value === 'number' ? { N: String(value) } : { S: value }]),
          ),
        }),
      )
      return true
    } catch (error) {
      if (error instanceof ConditionalCheckFailedException) return false
      throw error
    }
  }
  const mine = '#by = :by AND #order = :order'
  return {
    take: (order) =>
      update('SET #by = :by, #order = :order, #at = :now', 'attribute_not_exists(#by) OR #at < :stale', {
        ':by': node,
        ':order': order,
        ':now': now(),
        ':stale': now() - staleMs,
      }),
    renew: (order) => update('SET #at = :now', mine, { ':by': node, ':order': order, ':now': now() }),
    async release(order) {
      await update('REMOVE #by, #order, #at', mine, { ':by': node, ':order': order })
    },
  }
}
