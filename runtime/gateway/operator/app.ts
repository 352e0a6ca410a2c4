import fastify, { type FastifyError, type FastifyInstance, type FastifyReply, type FastifyRequest, LogController } from 'fastify'
import type { EventLog } from '../../evidence/event.ts'
import type { Operator, OperatorVerifier } from '../../identity/operator-token.ts'
import { AegisError } from '../../model/codes.ts'
import { regionOfApproval } from '../approvals/approval-id.ts'
import type { ApprovalReview } from '../approvals/review.ts'
import type { Explainer } from '../explain/explainer.ts'
import type { Homes } from '../region/homes.ts'
import type { KillSwitches } from '../region/kill-switches.ts'
import { approvalOrders, idOf } from './approval-orders.ts'
import { decisionReports } from './decision-reports.ts'
import { killOrders } from './kill-orders.ts'
import { operatorOpenApi } from './openapi.ts'
import { promotionOrders } from './promotion-orders.ts'
import { answerRefusal, asAegisError, ORDER_BYTES_MAX, refuseAmbiguousHeaders } from './request.ts'

export interface OperatorParts {
  region: string
  version: string
  review: ApprovalReview
  kills: Pick<KillSwitches, 'throw' | 'list'>
  homes: Pick<Homes, 'promote' | 'list'>
  explainer: Explainer
  verifier: OperatorVerifier
  events: EventLog
  /** What the region looks like to this operator. */
  status: (operator: Operator) => Promise<object>
  tenantOfAgent: (agentId: string) => string | undefined
  lifted: () => readonly string[]
}

/** Answered without a token: they say nothing that is not in the repository. */
const OPEN_ROUTES = new Set(['/health/live', '/openapi.json'])

/** The operators' own listener, without a port. Bearer tokens only, so no browser carries a decision by itself. */
export function buildOperator(parts: OperatorParts): FastifyInstance {
  const { region, version, review, verifier, events, status } = parts
  const app = fastify({
    logger: { level: 'error' },
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: ORDER_BYTES_MAX,
    keepAliveTimeout: 75_000,
    http: { requestTimeout: 15_000, headersTimeout: 10_000, connectionsCheckingInterval: 1000 },
    requestTimeout: 15_000,
    frameworkErrors: (error, request, reply: FastifyReply) => {
      void answerRefusal(asAegisError(error), request, reply, region)
    },
    routerOptions: { maxParamLength: 128 },
  })
  app.decorateRequest('operator')
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('application/json', { parseAs: 'buffer', bodyLimit: ORDER_BYTES_MAX }, (_request, body, done) =>
    done(null, body),
  )

  app.addHook('onRequest', async (request, reply) => {
    reply.header('cache-control', 'no-store')
    reply.header('x-content-type-options', 'nosniff')
    refuseAmbiguousHeaders(request)
    if (OPEN_ROUTES.has(request.routeOptions.url ?? '')) return
    request.operator = await verifier.verify(request.headers.authorization)
  })
  app.setErrorHandler(async (error: FastifyError | Error, request, reply) =>
    answerRefusal(await recorded(asAegisError(error), request, events), request, reply, region),
  )
  app.setNotFoundHandler((request, reply) => answerRefusal(new AegisError('not_found'), request, reply, region))

  app.get('/health/live', async () => ({ status: 'live' }))
  const document = operatorOpenApi(version)
  app.get('/openapi.json', async () => document)
  app.get('/v1/status', async ({ operator }) => {
    if (operator.roles.length === 0) throw new AegisError('subject_mismatch', 'this needs a role')
    return status(operator)
  })
  app.register(approvalOrders(review, region))
  app.register(killOrders(parts))
  app.register(promotionOrders(parts))
  app.register(decisionReports(parts.explainer))
  return app
}

/** An order of a known person that was refused leaves a record. Strangers leave none: they could fill the disk. */
async function recorded(error: AegisError, request: FastifyRequest, events: EventLog): Promise<AegisError> {
  const { operator, method } = request
  if (operator === undefined || method !== 'POST' || error.code === 'audit_unavailable') return error
  const route = request.routeOptions.url ?? ''
  const id = idOf(request)
  try {
    await events.write({
      kind: route.startsWith('/v1/approvals') ? 'approval.refused' : 'order.refused',
      actor: operator.sub,
      tenant: null,
      ...(regionOfApproval(id) !== undefined && { approvalId: id }),
      facts: { code: error.code, route },
    })
    return error
  } catch (cause) {
    return cause instanceof AegisError ? cause : new AegisError('audit_unavailable', undefined, { cause })
  }
}
