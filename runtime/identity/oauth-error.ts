/** Errors of the token endpoint (RFC 6749, section 5.2; RFC 8707, section 2; RFC 9449, section 5). Code -> HTTP status. */
const STATUS = {
  invalid_request: 400,
  invalid_client: 401,
  invalid_grant: 400,
  unauthorized_client: 400,
  unsupported_grant_type: 400,
  invalid_scope: 400,
  invalid_target: 400,
  invalid_dpop_proof: 400,
  /** Too many failures for one client. */
  slow_down: 429,
  /** No key, no directory, or no room to remember what may come once. */
  temporarily_unavailable: 503,
} as const
export type OAuthErrorCode = keyof typeof STATUS

/** A refusal in the words of OAuth. The description never repeats what the caller sent. */
export class OAuthError extends Error {
  override name = 'OAuthError'
  readonly code: OAuthErrorCode
  readonly status: number
  constructor(code: OAuthErrorCode, description: string, options?: ErrorOptions) {
    super(description, options)
    this.code = code
    this.status = STATUS[code]
  }
}
