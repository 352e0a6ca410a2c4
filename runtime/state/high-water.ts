import { ConditionalCheckFailedException, type DynamoDBClient, GetItemCommand, UpdateItemCommand } from '@aws-sdk/client-dynamodb'

export type Watermark = 'bundle' | 'directory'

/** The highest sequence number that a region has ever activated: what keeps an old, still signed object from coming back. */
export interface HighWater {
  /** @returns 0 when nothing was activated yet. Rejects when the regional table does not answer */
  read(mark: Watermark): Promise<number>
  /** Raises the mark. @returns false when a higher one stands: the object must not be activated */
  raise(mark: Watermark, seq: number): Promise<boolean>
}

/** A conditional maximum in the regional table, so that it outlives every process of the region. */
export function regionalHighWater(client: DynamoDBClient, table: string): HighWater {
  const keyOf = (mark: Watermark) => ({ pk: { S: 'hwm' }, sk: { S: mark } })
  return {
    async read(mark) {
      const { Item } = await client.send(new GetItemCommand({ TableName: table, Key: keyOf(mark), ConsistentRead: true }))
      const seq = Number(Item?.seq?.N ?? 0)
      if (!Number.isSafeInteger(seq) || seq < 0) throw new Error(`high-water mark ${mark} is ${Item?.seq?.N}, not a sequence number`)
      return seq
    },
    async raise(mark, seq) {
      try {
        await client.send(
          new UpdateItemCommand({
            TableName: table,
            Key: keyOf(mark),
            UpdateExpression: 'SET #seq = :seq',
            ConditionExpression: 'attribute_not_exists(#seq) OR #seq <= :seq',
            ExpressionAttributeNames: { '#seq': 'seq' },
            ExpressionAttributeValues: { ':seq': { N: String(seq) } },
          }),
        )
        return true
      } catch (error) {
        if (error instanceof ConditionalCheckFailedException) return false
        throw error
      }
    },
  }
}
