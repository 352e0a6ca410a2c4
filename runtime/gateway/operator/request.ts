import type { FastifyReply, FastifyRequest } from 'fastify'
import type { z } from 'zod'
import type { Operator, OperatorRole } from '../../identity/operator-token.ts'
import { AegisError } from '../../model/codes.ts'
import { parseStrictJson, StrictJsonError } from '../../model/strict-json.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** Set by the operator listener, on every route but the open ones. */
    operator: Operator
  }
}

/** Largest body of an operator's order, in bytes. */
export const ORDER_BYTES_MAX = 16 * 1024
const ORDER_DEPTH_MAX = 4

/**
 * An order as a closed schema has it. No body is an empty one.
 * @throws AegisError malformed_call
 */
export function parseOrder<T>(body: unknown, schema: z.ZodType<T>): T {
  const parsed = schema.safeParse(strictly(body))
  if (parsed.success) return parsed.data
  const { path, code, message } = parsed.error.issues[0] ?? { path: [], code: 'custom', message: '' }
  // A schema's own words name what is expected; others may repeat what came.
  const where = path.length === 0 ? 'the body' : path.join('.')
  throw new AegisError('malformed_call', `${where} does not fit${code === 'custom' ? `: ${message}` : ''}`)
}

/** @throws AegisError subject_mismatch without any of the roles */
export function requireRole({ roles }: Operator, ...needed: readonly OperatorRole[]): void {
  if (!needed.some((role) => roles.includes(role))) throw new AegisError('subject_mismatch', `this needs the role ${needed.join(' or ')}`)
}

const SINGLE_HEADERS = new Set(['authorization', 'host', 'content-type', 'content-length', 'content-encoding', 'transfer-encoding'])

/** A proxy in front may pick the other one of two. @throws AegisError malformed_call */
export function refuseAmbiguousHeaders({ raw, headers }: FastifyRequest): void {
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

export function asAegisError(error: unknown): AegisError {
  if (error instanceof AegisError) return error
  const { code, statusCode } = error as { code?: string; statusCode?: number }
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE') return new AegisError('call_too_large', `the body is larger than ${ORDER_BYTES_MAX} bytes`)
  if (code?.startsWith('FST_ERR_CTP')) return new AegisError('malformed_call', 'the body is not of type application/json', { cause: error })
  if (statusCode !== undefined && statusCode < 500) return new AegisError('malformed_call', undefined, { cause: error })
  return new AegisError('internal_error', undefined, { cause: error })
}

/** `region`: who refuses, or who holds what was asked for. */
export function answerRefusal(error: AegisError, request: FastifyRequest, reply: FastifyReply, region: string) {
  // What is still to come of a refused body is not read.
  if (!request.raw.complete) reply.header('connection', 'close')
  if (error.status === 401) reply.header('www-authenticate', 'Bearer error="invalid_token"')
  if (error.status >= 500 && error.cause !== undefined) request.log.error({ err: error.cause, code: error.code }, 'a request was refused')
  const { code, message, url } = error
  return reply.code(error.status).send({ error: { code, message, region: error.region ?? region, ...(url !== undefined && { url }) } })
}

function strictly(body: unknown): unknown {
  if (body === undefined || body === null || (Buffer.isBuffer(body) && body.length === 0)) return {}
  if (!Buffer.isBuffer(body)) throw new AegisError('malformed_call', 'the body is not of type application/json')
  try {
    return parseStrictJson(body, { maxDepth: ORDER_DEPTH_MAX })
  } catch (error) {
    if (error instanceof StrictJsonError) throw new AegisError('malformed_call', error.message)
    throw error
  }
}
