import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import type { Clock } from '../../model/ports.ts'
import { PlaneError } from '../errors.ts'
import type { Replaying } from '../replaying.ts'
import { parseBody, requireRole, seesTenant } from './operators.ts'
import { replayView } from './views.ts'

const replayBody = z.strictObject({
  revision: z.string().max(64),
  since_h: z
    .number()
    .positive()
    .max(24 * 30)
    .default(24),
  limit: z.int().min(1).max(1_000_000).default(100_000),
  regions: z.array(z.string().max(64)).min(1).max(64).optional(),
})

const HOUR_MS = 3_600_000

/** What a revision would have decided of what regions recorded. Counts and ids of all tenants come out, so it is for those who operate for all. */
export function replayRoutes({ replaying, clock }: { replaying: Replaying; clock: Clock }) {
  return async (app: FastifyInstance) => {
    app.post('/v1/replays', async ({ operator, body }, reply) => {
      requireRole(operator, 'publisher', 'author')
      if (!seesTenant(operator, null)) throw new PlaneError('not_found', 'replays are for operators of all tenants')
      const { revision, since_h, limit, regions } = parseBody(body, replayBody)
      const id = await replaying.order({ revision, sinceMs: Math.max(0, clock.now() - since_h * HOUR_MS), limit, regions })
      return reply.code(202).send({ id })
    })

    app.get<{ Params: { id: string } }>('/v1/replays/:id', async ({ operator, params }) => {
      requireRole(operator, 'publisher', 'author', 'viewer')
      if (!seesTenant(operator, null)) throw new PlaneError('not_found', 'replays are for operators of all tenants')
      return replayView(await replaying.status(params.id))
    })
  }
}
