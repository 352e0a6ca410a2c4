import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { certificateThumbprint } from '../../identity/client-certificate.ts'
import type { DoorName, JsonObject, JsonValue, ToolCall } from '../../model/call.ts'
import { AegisError } from '../../model/codes.ts'
import { parseStrictJson, StrictJsonError } from '../../model/strict-json.ts'
import type { Arrival } from '../arrival.ts'
import { ATTESTATION_HEADER } from '../attestation-header.ts'
import type { Enforcer } from '../enforcer.ts'
import { freeWith } from '../in-flight.ts'
import type { Credentials } from '../stages/authenticate.ts'

// What the HTTP doors have in common: how a call arrives, how its bytes become a value, how a refusal is answered.

/** Largest body of a call, in bytes. */
export const CALL_BYTES_MAX = 256 * 1024
/** Deepest nesting of a call's arguments. RFC 8785 hashing and policy both stop there. */
export const CALL_DEPTH_MAX = 32

declare module 'fastify' {
  interface FastifyRequest {
    arrival: Arrival
  }
  interface FastifyInstance {
    /** Header in which the load balancer passes a client's certificate; undefined: none is believed. */
    mtlsHeader: string | undefined
  }
}

/** Who calls, as the headers say it. @throws AegisError malformed_call when they say it twice */
export function credentialsOf(request: FastifyRequest): Credentials {
  refuseAmbiguousHeaders(request)
  const { headers, server, method, url } = request
  const single = (name: string | undefined) => (name !== undefined && typeof headers[name] === 'string' ? headers[name] : undefined)
  const dpop = single('dpop')
  const certificate = certificateThumbprint(single(server.mtlsHeader))
  return {
    authorization: headers.authorization,
    method,
    url: url.split('?', 1)[0] ?? '',
    ...(dpop !== undefined && { dpop }),
    ...(certificate !== undefined && { certificate }),
  }
}

/** Hooks of a door: authenticates from headers before a byte of the body is read, and answers every error in one shape. */
export function openDoor(app: FastifyInstance, door: DoorName, enforcer: Enforcer): void {
  app.addContentTypeParser('application/json', { parseAs: 'buffer', bodyLimit: CALL_BYTES_MAX }, (_request, body, done) => done(null, body))
  app.addHook('onRequest', async (request, reply) => {
    const { traceparent, tracestate } = request.headers
    request.arrival = enforcer.arrive(door, {
      ...(traceparent !== undefined && { traceparent: String(traceparent) }),
      ...(tracestate !== undefined && { tracestate: String(tracestate) }),
    })
    await enforcer.admit(request.arrival, credentialsOf(request))
    const tenant = request.arrival.admitted?.principal.tenant
    if (tenant !== undefined) freeWith(request, enforcer.enter(tenant))
    if (request.headers.expect !== undefined) reply.raw.writeContinue()
  })
  app.setErrorHandler((error, request, reply) => {
    // A call refused before it arrived (overload) is recorded all the same.
    request.arrival ??= enforcer.arrive(door, {})
    return answerError(enforcer.refuse(request.arrival, asAegisError(error)), request, reply)
  })
}

/** What agents' routes that are no calls have in common: JSON bodies read as strictly, errors in the same shape, nothing kept by a cache. */
export function answerAgent(app: FastifyInstance): void {
  app.addContentTypeParser('application/json', { parseAs: 'buffer', bodyLimit: CALL_BYTES_MAX }, (_request, body, done) => done(null, body))
  app.addHook('onRequest', async (_request, reply) => void reply.header('cache-control', 'no-store'))
  app.setErrorHandler((thrown, request, reply) => {
    const error = asAegisError(thrown)
    const refused = error instanceof AegisError ? error : new AegisError('internal_error', undefined, { cause: error })
    return sendError(refused, undefined, request, reply)
  })
}

/** The contract's error body. `region` tells a client which cell refused it, or which one holds what it asked for. No decision id: it reached no door, and left no record. */
export function errorBody(error: AegisError, decisionId: string | undefined, region?: string) {
  return {
    error: {
      code: error.code,
      message: error.message,
      ...(decisionId !== undefined && { decision_id: decisionId }),
      ...((error.region ?? region) !== undefined && { region: error.region ?? region }),
      ...(error.url !== undefined && { url: error.url }),
    },
  }
}

/** @throws AegisError malformed_call */
export function parseBody(body: unknown, maxDepth = CALL_DEPTH_MAX): JsonObject {
  if (!Buffer.isBuffer(body)) throw new AegisError('malformed_call', 'there is no body of type application/json')
  const value = strictly(body, maxDepth)
  if (!isObject(value)) throw new AegisError('malformed_call', 'the body is not a JSON object')
  return value
}

export function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/

/** @throws AegisError malformed_call when tool or action is no name */
export function toolCall(call: ToolCall): ToolCall {
  if (!NAME.test(call.tool) || !NAME.test(call.action))
    throw new AegisError('malformed_call', 'tool and action must be names of letters, digits, dot, hyphen and underscore')
  return call
}

/** The permission with which a call left another zone, as it came. */
export function attestationIn(headers: Record<string, unknown>): { attestation?: string } {
  const carried = headers[ATTESTATION_HEADER]
  return typeof carried === 'string' ? { attestation: carried } : {}
}

// Fastify keeps the first or joins the values where a header comes twice; a proxy in front may pick the other one.
const SINGLE_HEADERS = new Set([
  'authorization',
  'dpop',
  'host',
  'content-type',
  'content-length',
  'content-encoding',
  'transfer-encoding',
  'traceparent',
  'aegis-chain',
  'aegis-approval',
  'aegis-idempotency-key',
  ATTESTATION_HEADER,
])

function refuseAmbiguousHeaders({ raw, headers, server }: FastifyRequest): void {
  const seen = new Set<string>()
  for (let i = 0; i < raw.rawHeaders.length; i += 2) {
    const name = raw.rawHeaders[i]?.toLowerCase() ?? ''
    if (!SINGLE_HEADERS.has(name) && name !== server.mtlsHeader) continue
    if (seen.has(name)) throw new AegisError('malformed_call', `the header ${name} comes more than once`)
    seen.add(name)
  }
  if ((headers['content-encoding'] ?? 'identity') !== 'identity')
    throw new AegisError('malformed_call', 'content encodings are not accepted')
}

function strictly(bytes: Uint8Array, maxDepth: number): JsonValue {
  try {
    return parseStrictJson(bytes, { maxDepth })
  } catch (error) {
    if (error instanceof StrictJsonError) throw new AegisError('malformed_call', error.message)
    throw error
  }
}

function asAegisError(error: unknown): unknown {
  const { code, statusCode } = error as { code?: string; statusCode?: number }
  if (error instanceof AegisError) return error
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE') return new AegisError('call_too_large', `the body is larger than ${CALL_BYTES_MAX} bytes`)
  if (code?.startsWith('FST_ERR_CTP'))
    return new AegisError('malformed_call', 'there is no body of type application/json', { cause: error })
  if (statusCode !== undefined && statusCode < 500) return new AegisError('malformed_call', undefined, { cause: error })
  return error
}

function answerError(error: AegisError, request: FastifyRequest, reply: FastifyReply) {
  return sendError(error, request.arrival.decisionId, request, reply)
}

function sendError(error: AegisError, decisionId: string | undefined, request: FastifyRequest, reply: FastifyReply) {
  // What is still to come of a refused body is not read.
  if (!request.raw.complete) reply.header('connection', 'close')
  if (error.retryAfterS !== undefined) reply.header('retry-after', String(Math.ceil(error.retryAfterS)))
  if (error.status === 401) reply.header('www-authenticate', 'Bearer error="invalid_token"')
  // What a caller got wrong is in the audit record; the log is for what we got wrong, or nobody would read it.
  if (error.status >= 500 && error.cause !== undefined) request.log.error({ err: error.cause, code: error.code }, 'a call was refused')
  return reply.code(error.status).send(errorBody(error, decisionId, request.server.region))
}
