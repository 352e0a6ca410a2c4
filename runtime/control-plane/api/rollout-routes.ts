import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import type { Operator } from '../../identity/operator-token.ts'
import { line } from '../../identity/order-text.ts'
import type { Clock } from '../../model/ports.ts'
import type { Plane } from '../plane.ts'
import type { RolloutSettings } from '../rollout/step.ts'
import { parseBody, requireAllTenants, requireRole } from './operators.ts'
import { rolloutView } from './views.ts'

const revision = z.string().regex(/^[0-9a-f]{16}$/, 'is not the name of a revision')
const reason = line(500)
const sinceH = z
  .number()
  .positive()
  .max(24 * 30)

export const rolloutOrder = z.strictObject({
  revision,
  /** What the publisher believes to be active: another one is a conflict. Absent: whatever is. */
  expects: revision.nullish(),
  reason,
  replay: z.strictObject({ no_new_denies_above: z.int().min(0), since_h: sinceH.default(24) }).optional(),
  shadow_s: z
    .number()
    .min(0)
    .max(7 * 86_400)
    .default(0),
  max_new_deny_percent: z.number().min(0).max(100).optional(),
})
const because = z.strictObject({ reason })
const rollbackOrder = z.strictObject({ revision: revision.optional(), reason })

const HOUR_MS = 3_600_000

export interface RolloutRoutesParts {
  plane: Plane
  settings: RolloutSettings
  clock: Clock
}

/** What changes which revision is served: by publishers alone, and those of all tenants, as a revision is everybody's. */
export function rolloutRoutes({ plane, settings, clock }: RolloutRoutesParts) {
  const { publishing, couriers } = plane
  const shown = (rollout: Parameters<typeof rolloutView>[0]) => rolloutView(rollout, { view: plane.view(), settings })

  return async (app: FastifyInstance) => {
    app.post('/v1/rollouts', async ({ operator, body }, reply) => {
      mayPublish(operator, 'publishing')
      const order = parseBody(body, rolloutOrder)
      const { rollout, release } = await publishing.publish({
        revision: order.revision,
        expects: order.expects,
        publisher: operator.sub,
        reason: order.reason,
        replay: order.replay && {
          noNewDeniesAbove: order.replay.no_new_denies_above,
          sinceMs: clock.now() - order.replay.since_h * HOUR_MS,
        },
        shadowS: order.shadow_s,
        maxNewDenyPercent: order.max_new_deny_percent,
      })
      // The very first publication has nothing to be compared with: it is everywhere at once. Else whoever only makes it ready has time.
      void (rollout === null ? couriers.round() : couriers.tell(plane.awaits))
      return reply.code(202).send({ rollout: rollout === null ? null : shown(rollout), revision: release.revision, seq: release.seq })
    })

    for (const [act, word, doing] of [
      [publishing.pause, 'pause', 'pausing'],
      [publishing.resume, 'resume', 'resuming'],
      [publishing.abort, 'abort', 'aborting'],
    ] as const) {
      app.post(`/v1/rollouts/current/${word}`, async ({ operator, body }) => {
        mayPublish(operator, doing)
        const rollout = await act(operator.sub, parseBody(body, because).reason)
        void couriers.round()
        return { rollout: shown(rollout) }
      })
    }

    app.post('/v1/rollbacks', async ({ operator, body }, reply) => {
      mayPublish(operator, 'rolling back')
      const { revision: to, reason } = parseBody(body, rollbackOrder)
      const release = await publishing.atOnce({ to, by: operator.sub, reason, kind: 'rolled_back' })
      void couriers.round()
      return reply.code(202).send({ revision: release.revision, seq: release.seq })
    })

    app.post('/v1/renewals', async ({ operator, body }) => {
      mayPublish(operator, 'renewing')
      parseBody(body, z.strictObject({}))
      const release = await publishing.renew(operator.sub, 'asked for')
      void couriers.round()
      return { revision: release.revision, seq: release.seq }
    })
  }
}

function mayPublish(operator: Operator, doing: string): void {
  requireRole(operator, 'publisher')
  requireAllTenants(operator, doing)
}
