import fastify, { type FastifyInstance } from 'fastify'
import type { OperatorVerifier } from '../identity/operator-token.ts'
import type { Clock } from '../model/ports.ts'
import { guardByOperators } from './api/operators.ts'
import { ApiRefusal, answerRefusal, asApiRefusal } from './api/refusal.ts'
import { replayRoutes } from './api/replay-routes.ts'
import { revisionRoutes } from './api/revision-routes.ts'
import { rolloutRoutes } from './api/rollout-routes.ts'
import { statusRoutes } from './api/status-routes.ts'
import { directoryRoutes } from './directory/routes.ts'
import type { BundleShelf } from './opa/bundle-api.ts'
import { bundleApi } from './opa/bundle-api.ts'
import type { Plane } from './plane.ts'
import type { Registration } from './registration.ts'
import type { Replaying } from './replaying.ts'
import type { RolloutSettings } from './rollout/step.ts'

export interface ControlPlaneParts {
  plane: Plane
  registration: Registration
  replaying: Replaying
  /** Bundles for OPAs that are not gateways. */
  bundles: BundleShelf
  operators: OperatorVerifier
  settings: RolloutSettings
  clock: Clock
  /** Whether the store was read: before that nothing is known, and nothing may be decided. */
  isOpen: () => boolean
}

/** A revision's sources are the largest body; everything else is an order of some lines. */
const BODY_BYTES_MAX = 64 * 1024

/** The control plane without a port: tests inject, `server.ts` listens. */
export function buildControlPlane({
  plane,
  registration,
  replaying,
  bundles,
  operators,
  settings,
  clock,
  isOpen,
}: ControlPlaneParts): FastifyInstance {
  // A key's id may be as long as the directory takes it.
  const app = fastify({ bodyLimit: BODY_BYTES_MAX, routerOptions: { maxParamLength: 256 } })
  app.get('/health/live', async () => ({ status: 'live' }))
  app.register(async (opened) => {
    opened.addHook('onRequest', async () => {
      if (!isOpen()) throw new ApiRefusal('not_ready')
    })
    opened.register(bundleApi({ shelf: bundles, readers: () => plane.directory.current().state.bundle_readers }))
    opened.register(async (people) => {
      guardByOperators(people, operators, { bodyBytesMax: BODY_BYTES_MAX })
      people.register(statusRoutes({ plane, registration, settings }))
      people.register(revisionRoutes({ plane, registration }))
      people.register(rolloutRoutes({ plane, settings, clock }))
      people.register(replayRoutes({ replaying, clock }))
      people.register(directoryRoutes({ desk: plane.directory, agents: plane.engine.agents }))
    })
  })
  app.setErrorHandler((error, request, reply) => answerRefusal(asApiRefusal(error), request, reply))
  app.setNotFoundHandler((request, reply) => answerRefusal(new ApiRefusal('not_found'), request, reply))
  return app
}
