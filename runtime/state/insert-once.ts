import { ConditionalCheckFailedException, type DynamoDBClient, PutItemCommand } from '@aws-sdk/client-dynamodb'
import type { Item } from './query-all.ts'

/** Puts an item where there is none. @returns false when there is one, which is then left as it is */
export async function insertOnce(client: DynamoDBClient, table: string, item: Item): Promise<boolean> {
  try {
    await client.send(new PutItemCommand({ TableName: table, Item: item, ConditionExpression: 'attribute_not_exists(pk)' }))
    return true
  } catch (error) {
    if (error instanceof ConditionalCheckFailedException) return false
    throw error
  }
}
