// Every error and reason code, declared once. `docs/codes.md` explains each; a test fails when one is missing there.

/** Errors: the call got no verdict. Code -> HTTP status and the message for people. */
export const ERRORS = {
  malformed_call: { status: 400, message: 'the call is not well formed' },
  invalid_token: { status: 401, message: 'the token is missing, forged, expired or of an unknown issuer' },
  wrong_zone: { status: 401, message: 'the token belongs to another zone' },
  wrong_audience: { status: 401, message: 'the token is for another audience' },
  subject_mismatch: { status: 403, message: 'the token is for another agent, or lacks the role' },
  not_found: { status: 404, message: 'there is nothing at this path' },
  idempotency_conflict: { status: 409, message: 'the idempotency key belongs to another call' },
  in_progress: { status: 409, message: 'a call with this idempotency key is still under way' },
  held_elsewhere: { status: 409, message: 'this item lives in another region and is used only there' },
  already_decided: { status: 409, message: 'this was decided before, and the first decision stands' },
  call_too_large: { status: 413, message: 'the call is larger than the limit' },
  rate_limited: { status: 429, message: 'the agent has used up its rate for this action' },
  not_ready: { status: 503, message: 'no verified bundle and directory are active yet' },
  bundle_expired: { status: 503, message: 'the active bundle or directory is older than its maximum age' },
  home_region_unavailable: { status: 503, message: 'the tenant is bound to a region that this one is not' },
  outcome_unknown: { status: 503, message: 'whether this keyed call was made before is not known here, and the tool would act twice' },
  state_unavailable: { status: 503, message: 'the regional state does not answer' },
  audit_unavailable: { status: 503, message: 'the audit spool cannot take a record' },
  overloaded: { status: 503, message: 'the gateway is at its limit' },
  upstream_failed: { status: 502, message: 'the tool did not answer' },
  internal_error: { status: 500, message: 'a stage failed, and nothing was forwarded' },
} as const satisfies Record<string, { status: number; message: string }>
export type ErrorCode = keyof typeof ERRORS

/** Reasons in a verdict: why a call was not simply allowed. */
export const REASONS = {
  tool_not_allowed: 'the agent may not use this tool or action',
  unknown_agent: 'no document names this agent',
  amount_over_limit: 'the amount is over the limit of this action',
  currency_not_allowed: 'the currency is not the one of the limit',
  parameter_not_allowed: 'a parameter is outside what the document allows',
  amount_invalid: 'the amount is not a whole, non-negative number of minor units',
  data_class_denied: 'the document refuses a data class in the arguments',
  data_class_sanitized: 'a data class in the arguments has to be rewritten',
  hidden_data: 'data that has to be rewritten stands where it cannot be: encoded, or spread over several places',
  dlp_limit: 'the arguments need more work to look through than one call is given',
  residency_export: 'personal data would leave the zone',
  kill_switch: 'a kill switch is thrown for this tenant, agent, tool or region',
  approval_invalid: 'the override token is forged, expired, used, or for another call, agent or region',
  approval_unknown: 'whether the override token was used could not be found out',
  attestation_invalid: 'the attestation does not cover this export',
  tool_drift: 'the tool is no longer the one that was registered',
  chain_tainted: 'an earlier call of the chain forbids this one',
  chain_limit: 'the chain has reached the number of calls of this kind',
  chain_unverified: 'the chain is not known, and a chain rule could apply',
  budget_exhausted: 'the budget does not cover this call',
  budget_unverified: 'the agent has a budget, and what is left of it is not known',
  policy_input_invalid: 'the facts given to policy are not well formed',
  policy_input_too_large: 'the arguments that policy reads are larger than the limit',
  policy_error: 'policy could not be evaluated',
  unregistered_tool: 'the tool or action is not in the signed registry',
  foreign_zone: 'the only endpoint of this tool lies outside the tenant zone',
  no_endpoint: 'the tool has no endpoint that this region may use',
  egress_not_allowed: 'the destination is not on the allowlist',
  egress_private_address: 'the endpoint resolves to an address that is not public',
  unresolved_endpoint: 'the endpoint has no address',
  stage_error: 'a stage of the decision failed',
} as const satisfies Record<string, string>
export type ReasonCode = keyof typeof REASONS

/** Where else to go, or when to come back. */
export interface Referral {
  /** The region that holds what was asked for, and its URL. */
  region?: string
  url?: string
  /** Seconds. */
  retryAfterS?: number
}

/** A refusal that a stage or door raises. It becomes the contract's error body, never a stack trace. */
export class AegisError extends Error {
  override name = 'AegisError'
  readonly code: ErrorCode
  readonly status: number
  readonly region: string | undefined
  readonly url: string | undefined
  readonly retryAfterS: number | undefined
  /** @param detail what exactly was wrong: never repeats an argument's value */
  constructor(code: ErrorCode, detail?: string, options?: ErrorOptions & Referral) {
    super(detail ?? ERRORS[code].message, options)
    this.code = code
    this.status = ERRORS[code].status
    this.region = options?.region
    this.url = options?.url
    this.retryAfterS = options?.retryAfterS
  }
}
