import type { JsonObject } from './call.ts'
import type { ReasonCode } from './codes.ts'

export const OUTCOMES = ['allow', 'deny', 'sanitize', 'approval_needed'] as const
export type Outcome = (typeof OUTCOMES)[number]
export type Mode = 'enforce' | 'shadow'

export interface Reason {
  code: ReasonCode
  message: string
  /** The Rego rule or guard that gave it. */
  rule: string
}

/** Something in the arguments that was rewritten. `path` is a JSON Pointer that repeats no matched text: such keys are given by index. */
export interface Redaction {
  path: string
  class: string
}

/** What the caller of a paused call needs to come back. */
export interface PendingApproval {
  id: string
  status: 'pending'
  /** RFC 3339. */
  expires_at: string
  /** Where the agent asks for its status. */
  url: string
}

/** What was set aside for a call. Nobody reports an outcome until `until`: it counts as spent. */
export interface Reservation {
  /** Minor units of a currency, calls or tokens. */
  cost: number
  /** ISO 4217 code in lower case, `calls` or `tokens`. */
  currency: string
  /** RFC 3339. */
  until: string
}

/** Where an allowed call goes. `addresses` were resolved and checked, and the connection is pinned to them. */
export interface Route {
  region: string
  endpoint: string
  addresses: readonly string[]
}

/** The answer to one call. Wire shape, snake_case: see docs and `/openapi.json`. */
export interface Verdict {
  decision_id: string
  decision: Outcome
  /** What this door did or told its caller to do. */
  enforced: Outcome
  mode: Mode
  reasons: Reason[]
  policy_version: string
  region: string
  zone: string
  tenant_zone: string
  /** Id of the chain that this call belongs to. */
  chain?: string
  /** With `enforced` sanitize: what may be forwarded, and nothing else. */
  arguments?: JsonObject
  redactions?: Redaction[]
  approval?: PendingApproval
  reservation?: Reservation
  route?: Route
  timing_us: Record<string, number>
}
