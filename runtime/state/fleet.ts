import { type DynamoDBClient, PutItemCommand } from '@aws-sdk/client-dynamodb'
import { z } from 'zod'
import { type Item, queryAll } from './query-all.ts'

// What every gateway process says of itself, for whoever watches the fleet. The shape is that of OPA's status reports
// (https://www.openpolicyagent.org/docs/management-status), with what OPA has no word for under `aegis`.

const count = z.int().min(0)
/** RFC 3339. */
const instant = z.string()

/** One bundle as OPA's status reports it. Times are absent before the first. */
const bundleStatus = z.object({
  name: z.string(),
  active_revision: z.string().optional(),
  type: z.literal('snapshot'),
  size: count.optional(),
  last_request: instant.optional(),
  last_successful_request: instant.optional(),
  last_successful_download: instant.optional(),
  last_successful_activation: instant.optional(),
  /** Of the last attempt, when it failed: `bundle_error` and why. */
  code: z.string().optional(),
  message: z.string().optional(),
})
export type BundleStatus = z.output<typeof bundleStatus>

/** What one revision decided in one process since it was loaded there. All numbers only ever grow. */
const revisionCounts = z.object({
  calls: count,
  allow: count,
  deny: count,
  sanitize: count,
  approval_needed: count,
  /** Calls that failed by a fault of policy or of a stage: `policy_error`, `stage_error`, `internal_error`. */
  faults: count,
  /** Calls by the time to their verdict: `[upper bound in microseconds, calls up to it and above the one before]`; null: above all. */
  duration_us: z.array(z.tuple([z.number().nullable(), count])),
})
export type RevisionCounts = z.output<typeof revisionCounts>

const tally = z.record(z.string(), count)

/** Where a candidate would have decided otherwise than the revision in force. All numbers only ever grow. */
const comparison = z.object({
  revision: z.string(),
  /** Calls that were judged by both, and those that were left out because too many waited. */
  compared: count,
  skipped: count,
  /** The revision in force lets the call pass (allow, sanitize or approval), the candidate denies it. */
  new_denies: count,
  /** It would need an approval that it does not need now. */
  new_approvals: count,
  /** It would pass with less: no deny, approval or rewriting where there is one now. */
  loosened: count,
  /** Judging by the candidate threw. */
  faults: count,
  /** Of new denies and approvals. Keys: `code rule`, `tool.action`, tenant. At most 50 each. */
  rules: tally,
  tools: tally,
  tenants: tally,
  /** The first of them. */
  decision_ids: z.array(z.string()).max(20),
})
export type Comparison = z.output<typeof comparison>

export const fleetReport = z.object({
  labels: z.object({ id: z.string(), version: z.string(), region: z.string(), zone: z.string(), environment: z.string() }),
  /** By ring: `stable`, and `canary` while there is a candidate. */
  bundles: z.record(z.string(), bundleStatus),
  aegis: z.object({
    /** Milliseconds since the epoch. */
    at_ms: count,
    started_ms: count,
    bundle_seq: count.nullable(),
    bundle_digest: z.string().nullable(),
    directory_seq: count.nullable(),
    directory_digest: z.string().nullable(),
    /** Seconds since the older of bundle and directory was issued, and until the first of them expires. */
    age_s: z.number().nullable(),
    expires_in_s: z.number().nullable(),
    candidate: z
      .object({
        rollout: z.string(),
        revision: z.string().nullable(),
        seq: count,
        digest: z.string(),
        share_percent: count,
        compare: z.boolean(),
        loaded: z.boolean(),
        /** Why it was refused; it stays refused until another one comes. */
        error: z.string().nullable(),
      })
      .nullable(),
    /** By revision: the one in force, the candidate, and the one before. */
    revisions: z.record(z.string(), revisionCounts),
    comparison: comparison.nullable(),
  }),
})
export type FleetReport = z.output<typeof fleetReport>

export interface FleetReports {
  /** Puts what this process says in place of what it said before. */
  write(report: FleetReport): Promise<void>
  /** The reports of a region's processes that are not older than `maxAgeMs`. */
  read(region: string, options: { nowMs: number; maxAgeMs: number }): Promise<FleetReport[]>
}

/** A process that is gone is forgotten after this, by the table's own expiry. */
const KEPT_S = 3600

/** In the global table: one item a process, which writes it alone. */
export function globalFleet(client: DynamoDBClient, table: string): FleetReports {
  return {
    async write(report) {
      const { labels, aegis } = report
      await client.send(
        new PutItemCommand({
          TableName: table,
          Item: {
            pk: { S: `fleet#${labels.region}` },
            sk: { S: labels.id },
            report: { S: JSON.stringify(report) },
            ttl: { N: String(Math.ceil(aegis.at_ms / 1000) + KEPT_S) },
          },
        }),
      )
    },
    async read(region, { nowMs, maxAgeMs }) {
      const items = await queryAll(client, table, `fleet#${region}`)
      return items.flatMap(reportOf).filter(({ aegis }) => nowMs - aegis.at_ms <= maxAgeMs)
    },
  }
}

/** What cannot be read was written by another version: it counts as not reported. */
function reportOf(item: Item): FleetReport[] {
  try {
    return [fleetReport.parse(JSON.parse(item.report?.S ?? ''))]
  } catch {
    return []
  }
}
