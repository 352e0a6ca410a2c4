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
  arguments?: JsonObject
  route?: Route
  timing_us: Record<string, number>
}
