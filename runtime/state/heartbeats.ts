import { ConditionalCheckFailedException, type DynamoDBClient, PutItemCommand } from '@aws-sdk/client-dynamodb'
import { z } from 'zod'
import type { Promotion } from './promotions.ts'
import { type Item, queryAll } from './query-all.ts'

/**
 * What one region says of itself in the global table, in one item that only its own processes write. All of it travels together, and that
 * matters: items of one table may arrive in any order, so an echo proves nothing about a promotion unless both are in one item.
 */
export interface Heartbeat {
  region: string
  /** Grows with every beat. */
  beat: number
  /** Random names of this region's processes, one a start: who hears its own name back has heard from a time after its start. */
  challenges: readonly string[]
  /** By region: the challenges of its beat that this region last saw. */
  seen: ReadonlyMap<string, readonly string[]>
  /** The promotions in force that this region knew when it beat. */
  promotions: readonly Promotion[]
}

export interface HeartbeatStore {
  /** Every region's, as this region's replica has it. */
  readAll(): Promise<Heartbeat[]>
  /** Puts this region's, where `beat - 1` stands, or nothing when `beat` is 1. @returns false when another process was faster */
  write(heartbeat: Heartbeat): Promise<boolean>
}

const PARTITION = 'heartbeats'

const promotion = z.tuple([z.string().min(1), z.int().min(1), z.string().min(1), z.string().min(1), z.int().min(0), z.boolean()])
const said = z.strictObject({
  challenges: z.array(z.string()),
  seen: z.record(z.string(), z.array(z.string())),
  promotions: z.array(promotion),
})
const heartbeatItem = z.object({
  sk: z.object({ S: z.string().min(1) }),
  beat: z.object({ N: z.string() }).transform(({ N }) => Number(N)),
  said: z.object({ S: z.string() }).transform(({ S }, context) => {
    try {
      return said.parse(JSON.parse(S))
    } catch {
      context.addIssue({ code: 'custom', message: 'is not what a region says' })
      return z.NEVER
    }
  }),
})

export function globalHeartbeats(client: DynamoDBClient, table: string): HeartbeatStore {
  return {
    async readAll() {
      return (await queryAll(client, table, PARTITION)).map(heartbeatOf)
    },
    async write({ region, beat, challenges, seen, promotions }) {
      const Item: Item = {
        pk: { S: PARTITION },
        sk: { S: region },
        beat: { N: String(beat) },
        said: {
          S: JSON.stringify({
            challenges,
            seen: Object.fromEntries(seen),
            promotions: promotions.map(({ tenant, epoch, region, by, atMs, homeLost }) => [tenant, epoch, region, by, atMs, homeLost]),
          }),
        },
      }
      try {
        await client.send(
          new PutItemCommand({
            TableName: table,
            Item,
            ConditionExpression: beat === 1 ? 'attribute_not_exists(pk)' : 'beat = :before',
            ...(beat > 1 && { ExpressionAttributeValues: { ':before': { N: String(beat - 1) } } }),
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

/** An item that cannot be read is a region that has run and echoes nobody: whoever waits for its echo goes on waiting. */
function heartbeatOf(item: Item): Heartbeat {
  const { data } = heartbeatItem.safeParse(item)
  if (data === undefined) {
    return { region: item.sk?.S ?? '', beat: Number(item.beat?.N ?? 0), challenges: [], seen: new Map(), promotions: [] }
  }
  const { challenges, seen, promotions } = data.said
  return {
    region: data.sk.S,
    beat: data.beat,
    challenges,
    seen: new Map(Object.entries(seen)),
    promotions: promotions.map(([tenant, epoch, region, by, atMs, homeLost]) => ({ tenant, epoch, region, by, atMs, homeLost })),
  }
}
