import { z } from 'zod'

// What the control plane answers. Fields that are not named here are allowed: a newer one may say more.

const count = z.int().min(0)
/** RFC 3339. */
const instant = z.string()
const revisionId = z.string()

export const rollout = z.object({
  id: z.string(),
  revision: revisionId,
  /** What was in force when it began. */
  from: revisionId.nullable(),
  seq: count.nullable(),
  publisher: z.string(),
  author: z.string(),
  reason: z.string(),
  started_at: instant,
  ended_at: instant.nullable(),
  state: z.enum(['running', 'paused', 'completed', 'aborted', 'rolled_back']),
  /** `replay`, `shadow`, `canary`, `region` or `all`. */
  stage: z.string(),
  region: z.string().nullable(),
  bake_until: instant.nullable(),
  /** Regions that serve it. */
  done: z.array(z.string()),
  waiting_for: z.string().nullable(),
  /** Regions that were passed over, as nobody answers there. */
  silent: z.array(z.string()).default([]),
  why: z.string().nullable(),
  /** What has been measured so far: numbers by name. */
  evidence: z.record(z.string(), z.unknown()).nullish(),
})
export type Rollout = z.output<typeof rollout>
/** Of starting, pausing, resuming and aborting one. */
export const rolloutAnswer = z.object({ rollout })

const regionOfStatus = z.object({
  region: z.string(),
  zone: z.string(),
  seq: count.nullable(),
  directory_seq: count.nullish(),
  confirmed_at: instant.nullable(),
  error: z.string().nullable(),
})

const gatewayOfStatus = z.object({
  region: z.string(),
  id: z.string(),
  revision: revisionId.nullable(),
  seq: count.nullable(),
  directory_seq: count.nullish(),
  /** Seconds since what it serves was signed. */
  age_s: z.number().nullable(),
  candidate: z
    .object({
      revision: revisionId.nullish(),
      share_percent: z.number().nullish(),
      loaded: z.boolean().nullish(),
      error: z.string().nullish(),
    })
    .nullish(),
  error: z.string().nullish(),
  reported_at: instant.nullish(),
})

/** Of `GET /v1/status`. */
export const statusAnswer = z.object({
  seq: count.nullable(),
  revision: revisionId.nullable(),
  published_at: instant.nullable(),
  converged: z.boolean(),
  /** Why the last attempt to publish was refused. */
  refused: z.string().nullish(),
  rollout: rollout.nullable(),
  last_rollout: rollout.nullable(),
  directory: z.object({ version: z.union([count, z.string()]), seq: count.nullable() }).nullish(),
  regions: z.array(regionOfStatus),
  fleet: z.array(gatewayOfStatus),
})
export type Status = z.output<typeof statusAnswer>

const check = z.object({ name: z.string(), ok: z.boolean(), detail: z.string().nullish() })
export type Check = z.output<typeof check>
/** Of `POST /v1/revisions`. */
export const registeredAnswer = z.object({ revision: revisionId, known: z.boolean(), checks: z.array(check).default([]) })

const revision = z.object({
  revision: revisionId,
  author: z.string(),
  at: instant,
  reason: z.string(),
  commit: z.string().nullish(),
  rollouts: z.array(z.object({ id: z.string(), seq: count.nullable(), publisher: z.string(), state: z.string() })),
})
export type Revision = z.output<typeof revision>
export const revisionAnswer = revision
export const revisionsAnswer = z.object({ revisions: z.array(revision) })

/** Of a rollback and a renewal. */
export const releaseAnswer = z.object({ seq: count, revision: revisionId })

/** Of both kinds of diff. */
export const diffAnswer = z.object({
  from: revisionId.nullish(),
  to: revisionId.nullish(),
  changes: z.array(z.object({ subject: z.string(), kind: z.string(), text: z.string() })),
  files: z.array(z.object({ path: z.string(), patch: z.string() })),
})
export type Diff = z.output<typeof diffAnswer>

const tally = z.record(z.string(), count).default({})
const replayResult = z.object({
  error: z.string().nullish(),
  replayed: count,
  unanswerable: count.default(0),
  /** From one outcome to another, such as `allow>deny`. */
  changes: tally,
  new_denies: count.default(0),
  new_approvals: count.default(0),
  loosened: count.default(0),
  rules: tally,
  tools: tally,
  tenants: tally,
  /** The first of each change. */
  decision_ids: z.record(z.string(), z.array(z.string())).default({}),
  took_ms: z.number().nullish(),
})
export type ReplayResult = z.output<typeof replayResult>

export const replayStarted = z.object({ id: z.string() })
/** Of `GET /v1/replays/{id}`. The total is added up here: it says nothing that the regions do not. */
export const replayAnswer = z.object({
  id: z.string(),
  revision: revisionId,
  done: z.boolean(),
  regions: z.array(z.object({ region: z.string(), result: replayResult.nullable() })),
})
export type Replay = z.output<typeof replayAnswer>
