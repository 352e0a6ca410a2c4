import { ConditionalCheckFailedException, type DynamoDBClient, PutItemCommand } from '@aws-sdk/client-dynamodb'
import { z } from 'zod'
import { insertOnce } from './insert-once.ts'
import { type Item, queryAll } from './query-all.ts'

/** From this epoch on, this region alone serves the tenant. */
export interface Promotion {
  tenant: string
  /** From 1. The home region of the directory is epoch 0. */
  epoch: number
  region: string
  /** The operator's `sub`. */
  by: string
  /** Milliseconds since the epoch, by the clock of the region that took the order. */
  atMs: number
  /** True: made by the promoted region itself, on the operator's word that the one before is gone. */
  homeLost: boolean
}

/** The active region's word that it serves a tenant no longer, in its own table. */
export interface Release {
  tenant: string
  epoch: number
  to: string
  by: string
  atMs: number
}

/** Promotions of one zone's tenants in the global table: only ever inserted. */
export interface PromotionStore {
  /** All that this region's replica has. Rejects when the table does not answer. */
  readAll(): Promise<Promotion[]>
  /** @returns false when a promotion of that tenant, epoch and region stands: it stays as it is */
  insert(promotion: Promotion): Promise<boolean>
}

/** What the processes of one region tell each other, strongly consistent. */
export interface RegionRows {
  releases: Release[]
  /** When some process of this region last knew that its view is fresh: for a tenant, or for all under `*`. Milliseconds since the epoch. */
  freshAtMs: ReadonlyMap<string, number>
}
export interface RegionRowStore {
  readAll(): Promise<RegionRows>
  /** @returns false when a release of this or a later epoch stands */
  release(release: Release): Promise<boolean>
  renewFreshness(scope: string, atMs: number): Promise<void>
}

const text = z.object({ S: z.string().min(1) }).transform(({ S }) => S)
const natural = z
  .object({ N: z.string() })
  .transform(({ N }) => Number(N))
  .refine((n) => Number.isSafeInteger(n) && n >= 0)
const promotionItem = z
  .object({
    tenant: text,
    epoch: natural.refine((n) => n > 0),
    region: text,
    ordered_by: text,
    at_ms: natural,
    home_lost: z.object({ BOOL: z.boolean() }),
  })
  .transform(
    ({ tenant, epoch, region, ordered_by: by, at_ms: atMs, home_lost }): Promotion => ({
      tenant,
      epoch,
      region,
      by,
      atMs,
      homeLost: home_lost.BOOL,
    }),
  )

export function globalPromotions(client: DynamoDBClient, table: string, zone: string): PromotionStore {
  const pk = `promotions#${zone}`
  return {
    async readAll() {
      // What cannot be read promotes nobody: the rest must not be lost for it.
      return (await queryAll(client, table, pk)).flatMap((item) => {
        const { data } = promotionItem.safeParse(item)
        return data === undefined ? [] : [data]
      })
    },
    insert: (promotion) => insertOnce(client, table, { pk: { S: pk }, ...itemOf(promotion) }),
  }
}

/**
 * The region is part of the key: two regions that were promoted to one epoch while they could not hear of each other leave two items for
 * everyone to see, and not one that the last writer has decided.
 */
function itemOf({ tenant, epoch, region, by, atMs, homeLost }: Promotion): Item {
  return {
    sk: { S: `${tenant}#${String(epoch).padStart(12, '0')}#${region}` },
    tenant: { S: tenant },
    epoch: { N: String(epoch) },
    region: { S: region },
    ordered_by: { S: by },
    at_ms: { N: String(atMs) },
    home_lost: { BOOL: homeLost },
  }
}

const rowItem = z.union([
  z.object({ kind: z.object({ S: z.literal('release') }), tenant: text, epoch: natural, to: text, ordered_by: text, at_ms: natural }),
  z.object({ kind: z.object({ S: z.literal('fresh') }), scope: text, at_ms: natural }),
])

const ROWS = 'homes'

export function regionRows(client: DynamoDBClient, table: string): RegionRowStore {
  return {
    async readAll() {
      const releases: Release[] = []
      const freshAtMs = new Map<string, number>()
      for (const item of await queryAll(client, table, ROWS)) {
        // The region's own rows: one that cannot be read may be a release, so nothing is served.
        const row = rowItem.parse(item)
        if ('scope' in row) freshAtMs.set(row.scope, row.at_ms)
        else releases.push({ tenant: row.tenant, epoch: row.epoch, to: row.to, by: row.ordered_by, atMs: row.at_ms })
      }
      return { releases, freshAtMs }
    },
    async release({ tenant, epoch, to, by, atMs }) {
      const Item = {
        pk: { S: ROWS },
        sk: { S: `release#${tenant}` },
        kind: { S: 'release' },
        tenant: { S: tenant },
        epoch: { N: String(epoch) },
        to: { S: to },
        ordered_by: { S: by },
        at_ms: { N: String(atMs) },
      }
      try {
        await client.send(
          new PutItemCommand({
            TableName: table,
            Item,
            ConditionExpression: 'attribute_not_exists(pk) OR epoch < :epoch',
            ExpressionAttributeValues: { ':epoch': { N: String(epoch) } },
          }),
        )
        return true
      } catch (error) {
        if (error instanceof ConditionalCheckFailedException) return false
        throw error
      }
    },
    async renewFreshness(scope, atMs) {
      const Item = {
        pk: { S: ROWS },
        sk: { S: `fresh#${scope}` },
        kind: { S: 'fresh' },
        scope: { S: scope },
        at_ms: { N: String(Math.round(atMs)) },
      }
      await client.send(new PutItemCommand({ TableName: table, Item }))
    },
  }
}
