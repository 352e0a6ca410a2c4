import type { FastifyInstance } from 'fastify'
import type { z } from 'zod'
import { headerFault, lackingRole, readJson } from '../../identity/operator-request.ts'
import { type Operator, type OperatorRole, type OperatorVerifier, operates, operatorVerifier } from '../../identity/operator-token.ts'
import type { Clock } from '../../model/ports.ts'
import { fetchJson } from './fetch-json.ts'
import { ApiRefusal, answerRefusal, asApiRefusal } from './refusal.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** Set on every route behind the operators' gate. */
    operator: Operator
  }
}

export interface OperatorGateOptions {
  /** OpenID provider of the operators, and what their tokens must be for. */
  issuer: string
  audience: string
  clock: Clock
}

/** Who operates the control plane: the same people, by the same tokens, as at a region's operator API. */
export function controlPlaneOperators(options: OperatorGateOptions): OperatorVerifier {
  return operatorVerifier({ ...options, fetchJson: (url) => fetchJson(url) })
}

/**
 * Puts every route of this Fastify instance, and of those registered in it, behind an operator's token. Headers are looked at before a
 * byte of the body is read. Bodies reach the routes as bytes, for {@link parseBody}.
 */
export function guardByOperators(app: FastifyInstance, verifier: OperatorVerifier, { bodyBytesMax }: { bodyBytesMax: number }): void {
  if (!app.hasRequestDecorator('operator')) app.decorateRequest('operator')
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('application/json', { parseAs: 'buffer', bodyLimit: bodyBytesMax }, (_request, body, done) => done(null, body))
  app.addHook('onRequest', async (request, reply) => {
    reply.header('cache-control', 'no-store')
    reply.header('x-content-type-options', 'nosniff')
    const fault = headerFault(request.raw.rawHeaders, ['if-match'])
    if (fault !== undefined) throw new ApiRefusal('malformed_request', fault)
    request.operator = await verifier.verify(request.headers.authorization)
  })
  app.setErrorHandler((error, request, reply) => {
    const refusal = asApiRefusal(error)
    if (refusal.statusCode >= 500) request.log.error({ err: refusal.cause }, 'a request failed')
    return answerRefusal(refusal, request, reply)
  })
}

/** @throws ApiRefusal subject_mismatch without any of the roles */
export function requireRole(operator: Operator, ...needed: readonly OperatorRole[]): void {
  const lacking = lackingRole(operator, needed)
  if (lacking !== undefined) throw new ApiRefusal('subject_mismatch', lacking)
}

/** Every role may look. A token without any is of somebody who has no business here. @throws ApiRefusal subject_mismatch */
export function requireAnyRole({ roles }: Operator): void {
  if (roles.length === 0) throw new ApiRefusal('subject_mismatch', 'this needs a role')
}

/**
 * What is of every tenant at once, a revision above all, takes somebody who operates every tenant. That it exists is no secret.
 * @param doing as it begins the refusal: `publishing`
 * @throws ApiRefusal subject_mismatch
 */
export function requireAllTenants(operator: Operator, doing: string): void {
  if (!seesTenant(operator, null)) throw new ApiRefusal('subject_mismatch', `${doing} takes an operator of all tenants`)
}

/** Other tenants' things do not exist. @throws ApiRefusal not_found */
export function requireTenant(operator: Operator, tenant: string | null, what: string): void {
  if (!seesTenant(operator, tenant)) throw new ApiRefusal('not_found', `there is no such ${what}`)
}

/** @param tenant null: what is of no tenant, or of all of them, is there for operators of all tenants */
export function seesTenant(operator: Operator, tenant: string | null): boolean {
  return tenant === null ? operator.tenants.includes('*') : operates(operator, tenant)
}

/** Deep enough for a client's keys: object, list of workloads, workload, list of keys, key. */
const DEPTH_MAX = 6

/**
 * A body as a closed schema has it.
 * @throws ApiRefusal malformed_request with one line a fault
 */
export function parseBody<T>(body: unknown, schema: z.ZodType<T>): T {
  const read = readJson(body, { maxDepth: DEPTH_MAX })
  if ('fault' in read) throw new ApiRefusal('malformed_request', read.fault)
  return parseFields(read.value, schema, 'the body')
}

/** @param what how the whole is called where a fault is about it @throws ApiRefusal malformed_request with one line a fault */
export function parseFields<T>(value: unknown, schema: z.ZodType<T>, what: string): T {
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  const lines = parsed.error.issues.map(({ path, message }) => `${path.length === 0 ? what : path.map(String).join('.')}: ${message}`)
  throw new ApiRefusal('malformed_request', lines.join('\n'))
}
