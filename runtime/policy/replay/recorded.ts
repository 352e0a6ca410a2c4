import { z } from 'zod'
import { OUTCOMES } from '../../model/verdict.ts'
import type { PolicyInput } from '../policy-io.ts'

// What a region keeps of a decision so that it can be judged anew. It is sealed by the region and stays there, so it is read back as what
// the region itself wrote: the schema tells versions apart and gives the types.

/** A policy input as it is kept: the agent's compiled policy is in the bundle that decided, and `arguments` has only what policy may read. */
export type RecordedInput = Omit<PolicyInput, 'agent'> & { agent: { id: string } }

const reason = z.object({ code: z.string(), rule: z.string() })
export type RecordedReason = z.output<typeof reason>

const recordedInput = z.custom<RecordedInput>(
  (value) => isObject(value) && isObject(value.call) && isObject(value.call.arguments) && isObject(value.tenant) && isObject(value.data),
)

const asked = z.object({
  /** What policy said, before sanitizing, guard, approval and budget. */
  outcome: z.enum(OUTCOMES),
  reasons: z.array(reason),
  input: recordedInput,
  /** What the input was made by, so that a reader knows which facts another document could not have been asked about. */
  basis: z.object({
    /** The action's `policy_reads`; null when the registry had no such action. An argument outside of them is not known. */
    reads: z.array(z.string()).nullable(),
    /** Unit of the agent's budget; null when it had none, and nothing was counted. */
    budget_unit: z.string().nullable(),
    /** The agent's document had chain rules: without any the chain was not read. */
    chain_rules: z.boolean(),
  }),
})
export type Asked = z.output<typeof asked>

export const recordedDecision = z.object({
  v: z.literal(1),
  decision_id: z.string(),
  /** Milliseconds since the epoch. */
  at_ms: z.number(),
  tenant: z.string(),
  agent: z.string(),
  tool: z.string().nullable(),
  action: z.string().nullable(),
  mode: z.enum(['enforce', 'shadow']),
  revision: z.string(),
  bundle_digest: z.string(),
  /** How the call ended, by every stage of the way. `error`: without a verdict, and the first reason is the error's code. */
  decision: z.enum([...OUTCOMES, 'error']),
  enforced: z.enum(OUTCOMES),
  reasons: z.array(reason),
  /** Null when the call ended before policy was asked, or with arguments too large to be asked about. */
  policy: asked.nullable(),
})
export type RecordedDecision = z.output<typeof recordedDecision>

/** One decision a line. @throws when a line is of another shape or version */
export function parseRecorded(line: string): RecordedDecision {
  return recordedDecision.parse(JSON.parse(line))
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
