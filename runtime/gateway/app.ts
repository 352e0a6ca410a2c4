import { randomUUID } from 'node:crypto'
import fastify, { type FastifyInstance, LogController } from 'fastify'
import { AegisError } from '../model/codes.ts'
import type { Dialer } from '../model/ports.ts'
import { decisionApi } from './doors/decision-api.ts'
import { type Health, healthDoor } from './doors/health.ts'
import { errorBody } from './doors/http-call.ts'
import { openApiDoor } from './doors/openapi.ts'
import { toolProxy } from './doors/tool-proxy.ts'
import type { Enforcer } from './enforcer.ts'

export interface GatewayParts {
  region: string
  version: string
  enforcer: Enforcer
  dialer: Dialer
  health: Health
  /** Most calls in flight; more are refused with `overloaded`. */
  maxInFlight: number
}

declare module 'fastify' {
  interface FastifyInstance {
    region: string
  }
}

/** The gateway without a port: tests inject, `server.ts` listens. */
export function buildGateway({ region, version, enforcer, dialer, health, maxInFlight }: GatewayParts): FastifyInstance {
  const app = fastify({
    // One line for each failure is written by the doors; a line for each request would cost more than the decision.
    logger: { level: 'error' },
    logController: new LogController({ disableRequestLogging: true }),
    genReqId: () => '',
    // Longer than the load balancer keeps an idle connection (60 s), so that it never sends into one that just closed.
    keepAliveTimeout: 75_000,
    requestTimeout: 15_000,
    routerOptions: { maxParamLength: 128 },
  })
  app.decorate('region', region)
  app.decorateRequest('arrival')

  let inFlight = 0
  app.register(healthDoor(health))
  app.register(openApiDoor(version))
  app.register(async (calls) => {
    calls.addHook('onRequest', (_request, _reply, done) => {
      inFlight++
      done(inFlight > maxInFlight ? new AegisError('overloaded') : undefined)
    })
    calls.addHook('onResponse', (_request, _reply, done) => {
      inFlight--
      done()
    })
    calls.register(decisionApi(enforcer))
    calls.register(toolProxy(enforcer, dialer))
  })
  app.setNotFoundHandler((_request, reply) => reply.code(404).send(errorBody(new AegisError('not_found'), randomUUID(), region)))
  return app
}
