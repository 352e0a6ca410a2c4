import { z } from 'zod'
import { cloudCommandFault } from './cloud-command.ts'
import { FAULT_NAMES } from './faults/registry.ts'
import { OBJECTIVE_NAMES } from './objectives.ts'

// The whole grammar of a runbook's machine-readable parts. Objects are strict: a key that is not here stops
// the drill before anything runs, because a mistyped objective would otherwise be an objective never checked.

const id = z.string().regex(/^[a-z][a-z0-9-]{0,40}$/, 'must be lower case letters, digits and hyphens')
const region = z.string().regex(/^[a-z]{2}(-[a-z]+)+-\d$/, 'is not an AWS region name such as eu-west-1')
const count = z.int().min(0)

/** `rto` is a multiple of the profile's RTO bound, so that one runbook fits every profile; the parts add up. */
const duration = z
  .strictObject({ rto: z.number().min(0).max(10).optional(), seconds: z.number().min(0).max(3600).optional() })
  .refine(({ rto, seconds }) => rto !== undefined || seconds !== undefined, 'needs `rto` (a multiple of the RTO bound), `seconds`, or both')

/** What a person types in the cloud for the same step. */
const cloud = z
  .array(
    z.string().superRefine((command, context) => {
      const fault = cloudCommandFault(command)
      if (fault !== undefined) context.addIssue({ code: 'custom', message: fault })
    }),
  )
  .min(1)

const check = z.discriminatedUnion('check', [
  z.strictObject({ check: z.literal('health'), region: z.union([region, z.literal('every')]), state: z.enum(['healthy', 'unhealthy']) }),
  z
    .strictObject({
      check: z.literal('names'),
      name: id,
      place: id,
      /** The answer contains this region. */
      with: region.optional(),
      /** The answer has some region, but not this one. */
      without: region.optional(),
    })
    .refine((about) => (about.with === undefined) !== (about.without === undefined), 'needs either `with` or `without`'),
  z.strictObject({ check: z.literal('control-plane'), state: z.enum(['up', 'down']) }),
  /** What the drill has had published last is served by every gateway of every region. */
  z.strictObject({ check: z.literal('published') }),
])

const call = z.strictObject({
  id,
  tool: z.string().min(1),
  action: z.string().min(1),
  arguments: z.record(z.string(), z.json()),
  /** The decision that policy must give. Any other with status 200 is a wrong verdict. */
  expect: z.enum(['allow', 'deny', 'sanitize', 'approval_needed']),
  /** Reason code that must be among the reasons. Default: not looked at. */
  reason: z.string().optional(),
})

const client = z.strictObject({
  id,
  /** Where the client is: a client zone of the fabric. */
  place: id,
  /** Which public name it uses: a zone, or `global`. An answer from outside that zone is a residency violation. */
  name: id,
  agent: z.string().min(1),
  per_second: z.number().positive().max(500),
  /** Taken in turn. */
  calls: z.array(call).min(1),
})

const step = { id, cloud }
const checks = z.array(check).min(1)

export const blockSchema = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('steady'), id, for: duration, clients: z.array(client).min(1), checks }),
  z.strictObject({ type: z.literal('control'), id, for: duration }),
  z.strictObject({ type: z.literal('inject'), ...step, fault: z.enum(FAULT_NAMES), region, at: z.literal('random phase') }),
  z.strictObject({ type: z.literal('observe'), id, for: duration }),
  z.strictObject({ type: z.literal('operator'), ...step, who: z.string().min(1), does: z.string().min(1), within: duration, checks }),
  z.strictObject({ type: z.literal('failback'), ...step, undo: id, for: duration }),
  z.strictObject({ type: z.literal('verify'), ...step, within: duration, checks }),
  z.strictObject({ type: z.literal('rollback'), ...step, undo: z.array(id).min(1) }),
])

export const frontMatterSchema = z.strictObject({
  id,
  title: z.string().min(1),
  /** What the drill tries to refute, in one sentence. */
  hypothesis: z.string().min(1),
  /** `derived` takes the bound from the profile's timings; a number is in the unit that the name carries. */
  objectives: z.partialRecord(z.enum(OBJECTIVE_NAMES), z.union([z.literal('derived'), z.number().min(0)])),
  /** How long a client must see no failure before it counts as recovered. */
  stability_s: z.number().min(1).max(600),
  probe: z.strictObject({
    /** Every n-th call opens a new connection, the others keep theirs. */
    fresh_every: z.int().min(1).max(100),
    /** Above this scheduling lag the probe itself is not to be believed, and the drill is inconclusive. */
    lag_p99_max_ms: z.number().positive(),
  }),
  /** What a run without fault must look like. Outside it nothing is injected, and the drill is inconclusive. */
  control_band: z.strictObject({ failed_share_max: z.number().min(0).max(1), p99_max_ms: z.number().positive() }),
  /** The drill stops and rolls back when there are more than this many, or when a round takes longer. */
  abort: z.strictObject({
    wrong_verdicts: count,
    residency_violations: count,
    failed_elsewhere: count,
    round_minutes: z.number().positive().max(240),
  }),
})

export type FrontMatter = z.output<typeof frontMatterSchema>
export type Block = z.output<typeof blockSchema>
export type BlockOf<Type extends Block['type']> = Extract<Block, { type: Type }>
export type Duration = z.output<typeof duration>
export type Check = z.output<typeof check>
export type ClientSpec = z.output<typeof client>
export type CallSpec = z.output<typeof call>
