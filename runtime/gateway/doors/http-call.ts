import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { DoorName, JsonObject, JsonValue, ToolCall } from '../../model/call.ts'
import { AegisError } from '../../model/codes.ts'
import { parseStrictJson, StrictJsonError } from '../../model/strict-json.ts'
import type { Arrival } from '../arrival.ts'
import type { Enforcer } from '../enforcer.ts'

// What the HTTP doors have in common: how a call arrives, how its bytes become a value, how a refusal is answered.

/** Largest body of a call, in bytes. */
export const CALL_BYTES_MAX = 256 * 1024
/** Deepest nesting of a call's arguments. RFC 8785 hashing and policy both stop there. */
export const CALL_DEPTH_MAX = 32

declare module 'fastify' {
  interface FastifyRequest {
    arrival: Arrival
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
    refuseAmbiguousHeaders(request)
    await enforcer.admit(request.arrival, request.headers.authorization)
    if (request.headers.expect !== undefined) reply.raw.writeContinue()
  })
  app.setErrorHandler((error, request, reply) => {
    // A call refused before it arrived (overload) is recorded all the same.
    request.arrival ??= enforcer.arrive(door, {})
    return answerError(enforcer.refuse(request.arrival, asAegisError(error)), request, reply)
  })
}

/** The contract's error body. `region` tells a client which cell refused it. No decision id: it reached no door, and left no record. */
export function errorBody(error: AegisError, decisionId: string | undefined, region?: string) {
  return {
    error: {
      code: error.code,
      message: error.message,
      ...(decisionId !== undefined && { decision_id: decisionId }),
      ...(region !== undefined && { region }),
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

// Fastify keeps the first or joins the values where a header comes twice; a proxy in front may pick the other one.
const SINGLE_HEADERS = new Set([
  'authorization',
  'host',
  'content-type',
  'content-length',
  'content-encoding',
  'transfer-encoding',
  'traceparent',
  'aegis-chain',
  'aegis-approval',
  'aegis-idempotency-key',
])

function refuseAmbiguousHeaders({ raw, headers }: FastifyRequest): void {
  const seen = new Set<string>()
  for (let i = 0; i < raw.rawHeaders.length; i += 2) {
    const name = raw.rawHeaders[i]?.toLowerCase() ?? ''
    if (!SINGLE_HEADERS.has(name)) continue
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
  // What is still to come of a refused body is not read.
  if (!request.raw.complete) reply.header('connection', 'close')
  if (error.status === 401) reply.header('www-authenticate', 'Bearer error="invalid_token"')
  // What a caller got wrong is in the audit record; the log is for what we got wrong, or nobody would read it.
  if (error.status >= 500 && error.cause !== undefined) request.log.error({ err: error.cause, code: error.code }, 'a call was refused')
  return reply.code(error.status).send(errorBody(error, request.arrival.decisionId, request.server.region))
}
