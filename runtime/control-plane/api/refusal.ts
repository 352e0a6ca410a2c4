import type { FastifyReply, FastifyRequest } from 'fastify'
import { AegisError } from '../../model/codes.ts'
import { DirectoryRefusedError } from '../directory/refusals.ts'
import { PlaneError } from '../errors.ts'
import { LedgerConflictError } from '../store/ledger.ts'

// Every code of the control plane's APIs, declared once. `docs/codes.md` explains each.

export const API_REFUSALS = {
  malformed_request: { status: 400, message: 'the request is not well formed' },
  policy_refused: { status: 400, message: 'the policy does not hold; the faults say where' },
  directory_refused: { status: 400, message: 'the change contradicts the deployment, the documents in force or the directory' },
  invalid_token: { status: 401, message: 'the token is missing, forged, expired or of an unknown issuer' },
  invalid_reader: { status: 401, message: 'the bearer secret is that of no bundle reader' },
  subject_mismatch: { status: 403, message: 'the token lacks the role' },
  author_is_publisher: { status: 403, message: 'whoever wrote a revision may not publish it' },
  not_found: { status: 404, message: 'there is nothing at this path' },
  publish_conflict: { status: 409, message: 'another revision is active than the one that was expected' },
  rollout_in_progress: { status: 409, message: 'another revision is being rolled out' },
  wrong_state: { status: 409, message: 'this cannot be done as things stand' },
  stale_directory: { status: 412, message: 'the directory has changed since' },
  request_too_large: { status: 413, message: 'the request is larger than the limit' },
  version_required: { status: 428, message: 'If-Match has to name the version that the change is made for' },
  rate_limited: { status: 429, message: 'too many requests' },
  internal_error: { status: 500, message: 'the request failed, and what is in force stays in force' },
  not_ready: { status: 503, message: 'the store of the control plane was not read yet' },
} as const satisfies Record<string, { status: number; message: string }>
export type ApiRefusalCode = keyof typeof API_REFUSALS

/** A refusal in the control plane's shape: `{"error":{"code","message", ...facts}}`. */
export class ApiRefusal extends Error {
  override name = 'ApiRefusal'
  readonly code: ApiRefusalCode
  readonly statusCode: number
  readonly facts: Readonly<Record<string, unknown>>
  constructor(code: ApiRefusalCode, detail?: string, { facts = {}, ...options }: ErrorOptions & { facts?: Record<string, unknown> } = {}) {
    super(detail ?? API_REFUSALS[code].message, options)
    this.code = code
    this.statusCode = API_REFUSALS[code].status
    this.facts = facts
  }
}

/** What any error is answered as. Only what was meant for the caller is told. */
export function asApiRefusal(error: unknown): ApiRefusal {
  if (error instanceof ApiRefusal) return error
  if (error instanceof PlaneError) return new ApiRefusal(error.code, error.message, { facts: { ...error.facts }, cause: error })
  if (error instanceof LedgerConflictError)
    return new ApiRefusal('publish_conflict', 'somebody else has acted at the same moment, and came first; look again', { cause: error })
  if (error instanceof DirectoryRefusedError) return new ApiRefusal('directory_refused', error.message, { cause: error })
  if (error instanceof AegisError && Object.hasOwn(API_REFUSALS, error.code))
    return new ApiRefusal(error.code as ApiRefusalCode, error.message, { cause: error })
  const { code, statusCode } = error as { code?: string; statusCode?: number }
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE') return new ApiRefusal('request_too_large', undefined, { cause: error })
  if (code?.startsWith('FST_ERR_CTP'))
    return new ApiRefusal('malformed_request', 'the body is not of type application/json', { cause: error })
  if (statusCode === 404) return new ApiRefusal('not_found', undefined, { cause: error })
  if (statusCode !== undefined && statusCode < 500) return new ApiRefusal('malformed_request', undefined, { cause: error })
  return new ApiRefusal('internal_error', undefined, { cause: error })
}

export function answerRefusal({ code, message, statusCode, facts }: ApiRefusal, request: FastifyRequest, reply: FastifyReply) {
  // What is still to come of a refused body is not read.
  if (!request.raw.complete) reply.header('connection', 'close')
  if (statusCode === 401) reply.header('www-authenticate', 'Bearer error="invalid_token"')
  return reply
    .code(statusCode)
    .type('application/json')
    .send({ error: { code, message, ...facts } })
}
