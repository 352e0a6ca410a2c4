import fastify, { type FastifyInstance, type FastifyPluginAsync, type FastifyReply, LogController } from 'fastify'
import { AegisError } from '../model/codes.ts'
import type { Dialer } from '../model/ports.ts'
import { decisionApi } from './doors/decision-api.ts'
import { type Health, healthDoor } from './doors/health.ts'
import { errorBody } from './doors/http-call.ts'
import { openApiDoor } from './doors/openapi.ts'
import { toolProxy } from './doors/tool-proxy.ts'
import { answerUnreadable } from './doors/unreadable.ts'
import type { Enforcer } from './enforcer.ts'
import { limitInFlight } from './in-flight.ts'

export interface GatewayParts {
  region: string
  version: string
  enforcer: Enforcer
  dialer: Dialer
  health: Health
  /** Doors for what is no call: approvals, outcomes, tokens. */
  besides: readonly FastifyPluginAsync[]
  mtlsHeader?: string | undefined
  /** Most calls in flight; more are refused with `overloaded`. */
  maxInFlight: number
}

declare module 'fastify' {
  interface FastifyInstance {
    region: string
  }
}

/** A client has this long to send its headers, and its whole call. */
const HEADERS_TIMEOUT_MS = 10_000
const REQUEST_TIMEOUT_MS = 15_000
/** Nothing moves for so long on a connection with a call: longer than an agent may wait for an approval. Then its client reads no more. */
const STALLED_MS = 45_000

/** The gateway without a port: tests inject, `server.ts` listens. */
export function buildGateway({
  region,
  version,
  enforcer,
  dialer,
  health,
  besides,
  mtlsHeader,
  maxInFlight,
}: GatewayParts): FastifyInstance {
  const app = fastify({
    // One line for each failure is written by the doors; a line for each request would cost more than the decision.
    logger: { level: 'error' },
    logController: new LogController({ disableRequestLogging: true }),
    genReqId: () => '',
    // Longer than the load balancer keeps an idle connection (60 s), so that it never sends into one that just closed.
    keepAliveTimeout: 75_000,
    // Given at creation: set later, as Fastify's own option does, they leave the check that enforces them at its default.
    http: { requestTimeout: REQUEST_TIMEOUT_MS, headersTimeout: HEADERS_TIMEOUT_MS, connectionsCheckingInterval: 1000 },
    requestTimeout: REQUEST_TIMEOUT_MS,
    connectionTimeout: STALLED_MS,
    // A path that cannot even be decoded: Fastify's own answer would repeat it.
    frameworkErrors: (error, _request, reply) => {
      const refused = new AegisError('malformed_call', 'the path is not well formed', { cause: error })
      void (reply as FastifyReply).code(refused.status).send(errorBody(refused, undefined, region))
    },
    clientErrorHandler: answerUnreadable(region),
    routerOptions: { maxParamLength: 128 },
  })
  app.decorate('region', region)
  app.decorate('mtlsHeader', mtlsHeader)
  app.decorateRequest('arrival')

  app.register(healthDoor(health))
  app.register(openApiDoor(version))
  app.register(async (calls) => {
    limitInFlight(calls, maxInFlight)
    calls.register(decisionApi(enforcer))
    calls.register(toolProxy(enforcer, dialer))
    for (const door of besides) calls.register(door)
  })
  app.setNotFoundHandler((_request, reply) => reply.code(404).send(errorBody(new AegisError('not_found'), undefined, region)))
  // Node would answer `100 Continue` before anyone was authenticated, and so invite a body that must not come here.
  app.server.on('checkContinue', (request, response) => app.routing(request, response))
  return app
}
