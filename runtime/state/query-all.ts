import { type AttributeValue, type DynamoDBClient, QueryCommand } from '@aws-sdk/client-dynamodb'

export type Item = Record<string, AttributeValue>

/**
 * Every item of one partition, over all pages, as the region's own replica has it. Strongly consistent: also in a global table this holds
 * for what was written in this region (Amazon DynamoDB developer guide, "Global tables: consistency modes").
 */
export async function queryAll(client: DynamoDBClient, table: string, pk: string): Promise<Item[]> {
  const found: Item[] = []
  let from: Item | undefined
  do {
    const { Items, LastEvaluatedKey } = await client.send(
      new QueryCommand({
        TableName: table,
        ConsistentRead: true,
        KeyConditionExpression: 'pk = :pk',
        ExpressionAttributeValues: { ':pk': { S: pk } },
        ...(from !== undefined && { ExclusiveStartKey: from }),
      }),
    )
    found.push(...(Items ?? []))
    from = LastEvaluatedKey
  } while (from !== undefined)
  return found
}
