import {
  type AttributeValue,
  ConditionalCheckFailedException,
  type DynamoDBClient,
  QueryCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb'

/** Of the bundle and the directory. 0 where nothing was activated yet. */
export interface Floors {
  bundle: number
  directory: number
}
export type Watermark = keyof Floors

/** The highest sequence number that a region has ever activated: what keeps an old, still signed object from coming back. */
export interface HighWater {
  /** Both marks as they stand now. Rejects when the regional table does not answer */
  read(): Promise<Floors>
  /** Raises the mark. @returns false when a higher one stands: the object must not be activated */
  raise(mark: Watermark, seq: number): Promise<boolean>
}

/** A conditional maximum in the regional table, so that it outlives every process of the region. */
export function regionalHighWater(client: DynamoDBClient, table: string): HighWater {
  const pk: AttributeValue = { S: 'hwm' }
  return {
    async read() {
      // Every gateway asks several times a second during a rollout: one request for both.
      const { Items = [] } = await client.send(
        new QueryCommand({
          TableName: table,
          KeyConditionExpression: 'pk = :pk',
          ExpressionAttributeValues: { ':pk': pk },
          ConsistentRead: true,
        }),
      )
      const seqOf = (mark: Watermark) => {
        const item = Items.find(({ sk }) => sk?.S === mark)
        if (item === undefined) return 0
        // One that stands there and says nothing is no mark of zero: that would let everything back in.
        const stored = item.seq?.N
        const seq = Number(stored)
        if (!Number.isSafeInteger(seq) || seq < 0) throw new Error(`high-water mark ${mark} is ${stored}, not a sequence number`)
        return seq
      }
      return { bundle: seqOf('bundle'), directory: seqOf('directory') }
    },
    async raise(mark, seq) {
      try {
        await client.send(
          new UpdateItemCommand({
            TableName: table,
            Key: { pk, sk: { S: mark } },
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
