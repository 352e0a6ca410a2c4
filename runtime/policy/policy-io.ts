import type { DoorName, JsonObject } from '../model/call.ts'
import type { ReasonCode } from '../model/codes.ts'
import type { Outcome, Reason } from '../model/verdict.ts'
import type { Binding, TenantMode } from '../model/zones.ts'

/**
 * The facts of one call, as the host gives them to policy. Wire names are snake_case. What Rego does not find
 * here it does not know: it reads no clock, no data document and no argument beyond `policy_reads`.
 */
export interface PolicyInput {
  /** `arguments`: what `selectArguments` leaves of them, at most `POLICY_ARGUMENTS_BYTES_MAX` as JSON. */
  call: { tool: string; action: string; arguments: JsonObject; door: DoorName }
  /** `policyJson`: the agent's compiled policy as the bundle's activation serialized it; null when no document names the agent. */
  agent: { id: string; policyJson: string | null }
  tenant: { id: string; zone: string; home_region: string | null; binding: Binding; mode: TenantMode }
  /** Null when the registry has no such tool or action. `zones`: where it can be reached, see `toolZones`. */
  tool: { name: string; action: string; effect: Effect; zones: readonly string[]; risk: Risk; drift: boolean } | null
  /** `classes` is complete, `findings` are the first 16 of `findings_total`. `path` is a JSON Pointer into the arguments. */
  data: { classes: readonly string[]; findings: readonly { path: string; class: string }[]; findings_total: number }
  /**
   * `taints`: tools and data classes of the chain's earlier calls; `calls`: allowed calls so far by `tool.action`.
   * Null when nothing is known of the chain, which refuses what a chain rule of the agent could be about.
   */
  chain: { id: string; taints: readonly string[]; calls: Readonly<Record<string, number>> } | null
  /** Minor units. Null when nobody keeps the count, which refuses spending by an agent that has a budget. */
  budget: { remaining: number; cost: number } | null
  /** What a verified override token proves: the rules it covers, the roles of who approved and how many they were. */
  approval: { id: string; rules: readonly string[]; roles: readonly string[]; approvers: number } | null
  region: string
  zone: string
  now: { epoch_ms: number }
}

export type Effect = 'read' | 'write'
export type Risk = 'low' | 'medium' | 'high'
export type RedactMethod = 'redact' | 'mask' | 'pseudonymize'

/** What policy decided. Obligations are complete for a deny too, since shadow mode may forward a call that its document refuses. */
export interface PolicyOutput {
  outcome: Outcome
  /** Denies first, then approvals, then rewrites, each sorted by code and rule. */
  reasons: Reason[]
  obligations: {
    redact: { class: string; method: RedactMethod }[]
    /** Null unless the outcome is `approval_needed`. */
    approval: { rules: string[]; roles: string[]; min_approvers: number; ttl_s: number } | null
    /** Minor units of the action's currency. */
    cost: number
    /** The zone whose endpoint takes the call; null when the tool has none. */
    route_zone: string | null
    /** True when that zone is not the tenant's own. */
    export: boolean
    taint: string[]
  }
}

/** Reasons that an agent's document gave: shadow mode softens these, and no other reason of policy. */
export const DOCUMENT_REASONS: ReadonlySet<ReasonCode> = new Set<ReasonCode>([
  'amount_over_limit',
  'budget_exhausted',
  'budget_unverified',
  'chain_limit',
  'chain_tainted',
  'currency_not_allowed',
  'data_class_denied',
  'data_class_sanitized',
  'hidden_data',
  'parameter_not_allowed',
  'tool_not_allowed',
])
