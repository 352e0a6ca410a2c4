import type { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { z } from 'zod'
import { insertOnce } from './insert-once.ts'
import { queryAll } from './query-all.ts'

export const KILL_SCOPES = ['tenant', 'agent', 'tool', 'region', 'key', 'token'] as const

/** What a kill switch stops. `key`: the name of a key that signs tokens; `token`: the `jti` of one token. */
export interface KillScope {
  type: (typeof KILL_SCOPES)[number]
  id: string
}

export interface Kill {
  /** Sorts by time. */
  id: string
  scope: KillScope
  reason: string
  /** The operator's `sub`. */
  by: string
  /** Milliseconds since the epoch. */
  atMs: number
  /** The region that took the order. */
  region: string
}

/** Kill switches in the global table: only ever inserted, so no region can take back what another has stopped. */
export interface KillStore {
  /** Resolves when the switch is in this region's replica, from where it travels to the others. May be repeated. */
  insert(kill: Kill): Promise<void>
  /** All that this region's replica has. `unreadable`: items that are no kill switch. Rejects when the table does not answer. */
  readAll(): Promise<{ kills: Kill[]; unreadable: number }>
}

const PARTITION = 'kills'

const text = z.object({ S: z.string().min(1) }).transform(({ S }) => S)
const killItem = z
  .object({
    sk: text,
    scope_type: z.object({ S: z.enum(KILL_SCOPES) }).transform(({ S }) => S),
    scope_id: text,
    reason: z.object({ S: z.string() }).transform(({ S }) => S),
    thrown_by: text,
    at_ms: z.object({ N: z.string() }).transform(({ N }) => Number(N)),
    region: text,
  })
  .transform(
    (item): Kill => ({
      id: item.sk,
      scope: { type: item.scope_type, id: item.scope_id },
      reason: item.reason,
      by: item.thrown_by,
      atMs: item.at_ms,
      region: item.region,
    }),
  )

export function globalKills(client: DynamoDBClient, table: string): KillStore {
  return {
    async insert({ id, scope, reason, by, atMs, region }) {
      // Where one of this id stands it is this very one: ids are random.
      await insertOnce(client, table, {
        pk: { S: PARTITION },
        sk: { S: id },
        scope_type: { S: scope.type },
        scope_id: { S: scope.id },
        reason: { S: reason },
        thrown_by: { S: by },
        at_ms: { N: String(atMs) },
        region: { S: region },
      })
    },
    async readAll() {
      const parsed = (await queryAll(client, table, PARTITION)).map((item) => killItem.safeParse(item))
      const kills = parsed.flatMap(({ data }) => (data === undefined ? [] : [data]))
      return { kills, unreadable: parsed.length - kills.length }
    },
  }
}
