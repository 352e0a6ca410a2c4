import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { EventLog } from '../../evidence/event.ts'
import type { Principal } from '../../model/call.ts'
import { AegisError, type ErrorCode } from '../../model/codes.ts'
import { regionOfApproval } from '../approvals/approval-id.ts'
import type { AgentApprovals } from '../approvals/collect.ts'
import { agentView } from '../approvals/view.ts'
import { answerRefusal, asAegisError, refuseAmbiguousHeaders } from '../operator/request.ts'

export interface ApprovalsDoorParts {
  region: string
  approvals: AgentApprovals
  /** Authenticates from headers, like a call. @throws AegisError */
  admit: (request: FastifyRequest) => Promise<Principal>
  events: EventLog
}

/** Longest that an agent may wait in one request. */
const WAIT_MAX_S = 30
/** The token is asked for without a body, or with an empty object. */
const BODY_BYTES_MAX = 64

/** `GET /v1/approvals/{id}[?wait=<seconds>]` and `POST /v1/approvals/{id}/token`: an agent's own approvals, and no others. */
export function approvalsDoor({ region, approvals, admit, events }: ApprovalsDoorParts) {
  const principals = new WeakMap<FastifyRequest, Principal>()
  const principalOf = (request: FastifyRequest) => {
    const principal = principals.get(request)
    if (principal === undefined) throw new AegisError('invalid_token')
    return principal
  }

  return async (app: FastifyInstance) => {
    const ending = new AbortController()
    // Who waits is answered, so that nobody's wait holds up a gateway that ends.
    app.addHook('preClose', async () => ending.abort())
    app.removeAllContentTypeParsers()
    app.addContentTypeParser('application/json', { parseAs: 'buffer', bodyLimit: BODY_BYTES_MAX }, (_request, body, done) =>
      done(null, body),
    )
    app.addHook('onRequest', async (request, reply) => {
      reply.header('cache-control', 'no-store')
      refuseAmbiguousHeaders(request)
      principals.set(request, await admit(request))
    })
    app.setErrorHandler(async (thrown, request, reply) => {
      const error = await recorded(asAegisError(thrown), request, principals.get(request), events)
      return answerRefusal(error, request, reply, region)
    })

    app.get('/v1/approvals/:id', async (request, reply) => {
      const ms = waitOf(request)
      const wait = ms === 0 ? undefined : { ms, signal: AbortSignal.any([ending.signal, gone(reply)]) }
      const approval = await approvals.status(idOf(request), principalOf(request), wait)
      return agentView(approval, region)
    })

    app.post('/v1/approvals/:id/token', async (request) => {
      refuseBody(request.body)
      const { token, expiresAtMs } = await approvals.collect(idOf(request), principalOf(request))
      return { token, expires_at: new Date(expiresAtMs).toISOString() }
    })
  }
}

function idOf({ params }: FastifyRequest): string {
  return typeof params === 'object' && params !== null && 'id' in params && typeof params.id === 'string' ? params.id : ''
}

/** @returns milliseconds. @throws AegisError malformed_call */
function waitOf({ query }: FastifyRequest): number {
  const entries = Object.entries(typeof query === 'object' && query !== null ? query : {})
  const [only] = entries
  if (only === undefined) return 0
  const [name, value] = only
  if (entries.length > 1 || name !== 'wait' || typeof value !== 'string' || !/^\d{1,2}$/.test(value) || Number(value) > WAIT_MAX_S)
    throw new AegisError('malformed_call', `the query takes wait, whole seconds up to ${WAIT_MAX_S}`)
  return Number(value) * 1000
}

function refuseBody(body: unknown): void {
  if (body === undefined || body === null) return
  if (Buffer.isBuffer(body) && /^\s*(\{\s*\})?\s*$/.test(body.toString())) return
  throw new AegisError('malformed_call', 'the token is asked for without a body')
}

/** Aborts when the client has hung up. */
function gone({ raw }: FastifyReply): AbortSignal {
  const controller = new AbortController()
  raw.once('close', () => controller.abort())
  return controller.signal
}

const RECORDED: ReadonlySet<ErrorCode> = new Set<ErrorCode>(['not_found', 'held_elsewhere', 'already_decided'])

/** Asking for what is another's, or for a token that is not due, leaves a record. An agent that only looks at its own leaves none. */
async function recorded(
  error: AegisError,
  request: FastifyRequest,
  principal: Principal | undefined,
  events: EventLog,
): Promise<AegisError> {
  const id = idOf(request)
  if (principal === undefined || regionOfApproval(id) === undefined || !RECORDED.has(error.code)) return error
  try {
    const facts = { code: error.code, route: request.routeOptions.url ?? '' }
    await events.write({ kind: 'approval.refused', actor: principal.agentId, tenant: principal.tenant, approvalId: id, facts })
    return error
  } catch (cause) {
    return cause instanceof AegisError ? cause : new AegisError('audit_unavailable', undefined, { cause })
  }
}
