import type { FastifyReply, FastifyRequest } from 'fastify'
import type { z } from 'zod'
import { headerFault, lackingRole, readOrder } from '../../identity/operator-request.ts'
import type { Operator, OperatorRole } from '../../identity/operator-token.ts'
import { AegisError } from '../../model/codes.ts'

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
  const read = readOrder(body, schema, { maxDepth: ORDER_DEPTH_MAX })
  if ('fault' in read) throw new AegisError('malformed_call', read.fault)
  return read.order
}

/** @throws AegisError subject_mismatch without any of the roles */
export function requireRole(operator: Operator, ...needed: readonly OperatorRole[]): void {
  const lacking = lackingRole(operator, needed)
  if (lacking !== undefined) throw new AegisError('subject_mismatch', lacking)
}

/** @throws AegisError malformed_call */
export function refuseAmbiguousHeaders({ raw }: FastifyRequest): void {
  const fault = headerFault(raw.rawHeaders)
  if (fault !== undefined) throw new AegisError('malformed_call', fault)
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
