import type { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { z } from 'zod'
import { insertOnce } from './insert-once.ts'
import { type Item, queryAll } from './query-all.ts'

// Replays are ordered and answered through the global table: the control plane needs no way into a region, and nothing but counts, rule
// ids and decision ids comes out of it.

/** What the control plane asks one region: to judge what it recorded by another bundle. */
export const replayOrder = z.strictObject({
  id: z.string().min(1).max(64),
  region: z.string(),
  /** In the region's bundle bucket. Signed like every bundle; being replayed does not make it active. */
  bundleDigest: z.string().regex(/^[0-9a-f]{64}$/),
  revision: z.string(),
  /** Decisions from here on, milliseconds since the epoch. */
  sinceMs: z.int().min(0),
  /** At most so many of the newest. */
  limit: z.int().min(1),
  orderedAtMs: z.int().min(0),
})
export type ReplayOrder = z.output<typeof replayOrder>

const tally = z.record(z.string(), z.int().min(0))
/** From one outcome to another, such as `allow>deny`. */
const changes = z.record(z.string(), z.int().min(0))

export const replayResult = z.strictObject({
  id: z.string(),
  region: z.string(),
  /** Null when it was done; else why it could not be. */
  error: z.string().nullable(),
  /** Recorded decisions that were judged again. */
  replayed: z.int().min(0),
  /** Those that the candidate cannot be asked about: their facts are not what its registry reads. */
  unanswerable: z.int().min(0),
  changes,
  newDenies: z.int().min(0),
  newApprovals: z.int().min(0),
  loosened: z.int().min(0),
  /** Of everything that would change. Keys: `code rule`, `tool.action`, tenant. */
  rules: tally,
  tools: tally,
  tenants: tally,
  /** The first of each change. */
  decisionIds: z.record(z.string(), z.array(z.string())),
  tookMs: z.number().min(0),
})
export type ReplayResult = z.output<typeof replayResult>

export interface Replays {
  order(order: ReplayOrder): Promise<void>
  /** Orders of a region that have no answer yet. */
  open(region: string): Promise<ReplayOrder[]>
  /** @returns false when another process has answered */
  answer(result: ReplayResult): Promise<boolean>
  /** Of one region; undefined while it has not answered. */
  result(region: string, id: string): Promise<ReplayResult | undefined>
}

/** Orders and answers are forgotten after this. */
const KEPT_S = 24 * 3600

export function globalReplays(client: DynamoDBClient, table: string): Replays {
  const insert = (region: string, sk: string, body: object, nowMs: number) =>
    insertOnce(client, table, {
      pk: { S: `replays#${region}` },
      sk: { S: sk },
      body: { S: JSON.stringify(body) },
      ttl: { N: String(Math.ceil(nowMs / 1000) + KEPT_S) },
    })
  return {
    async order(order) {
      await insert(order.region, `${order.id}#order`, order, order.orderedAtMs)
    },
    async open(region) {
      const items = await queryAll(client, table, `replays#${region}`)
      const answered = new Set(items.flatMap(({ sk }) => (sk?.S?.endsWith('#result') ? [sk.S.slice(0, -'#result'.length)] : [])))
      return items.flatMap((item) => parsed(item, '#order', replayOrder)).filter(({ id }) => !answered.has(id))
    },
    answer: (result) => insert(result.region, `${result.id}#result`, result, Date.now()),
    async result(region, id) {
      const items = await queryAll(client, table, `replays#${region}`)
      return items.flatMap((item) => parsed(item, '#result', replayResult)).find((result) => result.id === id)
    },
  }
}

function parsed<T>(item: Item, kind: string, schema: z.ZodType<T>): T[] {
  if (!item.sk?.S?.endsWith(kind)) return []
  try {
    return [schema.parse(JSON.parse(item.body?.S ?? ''))]
  } catch {
    return []
  }
}
