import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import type { EventLog } from '../../evidence/event.ts'
import { type Operator, operates } from '../../identity/operator-token.ts'
import { line } from '../../identity/order-text.ts'
import { AegisError } from '../../model/codes.ts'
import type { Homes, Promotion } from '../region/homes.ts'
import { parseOrder, requireRole } from './request.ts'

export const promotionOrder = z.strictObject({ tenant: line(64), region: line(64), home_lost: z.boolean().default(false) })

export function promotionOrders({ homes, events }: { homes: Pick<Homes, 'promote' | 'list'>; events: EventLog }) {
  return async (app: FastifyInstance) => {
    app.get('/v1/promotions', async ({ operator }) => ({ promotions: shownPromotions(operator, homes) }))

    app.post('/v1/promotions', async ({ operator, body }, reply) => {
      requireRole(operator, 'failover')
      const { tenant, region, home_lost: homeLost } = parseOrder(body, promotionOrder)
      if (!operates(operator, tenant)) throw new AegisError('not_found', 'there is no such tenant')
      // On disk before it takes effect: it decides where a tenant's data is served.
      const facts = { region, home_lost: homeLost }
      await events.write({ kind: 'promotion.ordered', actor: operator.sub, tenant, facts })
      const promotion = await homes.promote({ tenant, region, homeLost, by: operator.sub })
      await events.write({ kind: 'promotion.made', actor: operator.sub, tenant, facts: { ...facts, epoch: promotion.epoch } })
      return reply.code(201).send(promotionView(promotion))
    })
  }
}

/** The promotions of an operator's tenants. */
export function shownPromotions(operator: Operator, homes: Pick<Homes, 'list'>) {
  return homes
    .list()
    .filter(({ tenant }) => operates(operator, tenant))
    .map(promotionView)
}

function promotionView({ tenant, epoch, region, by, atMs, homeLost }: Promotion) {
  return { tenant, epoch, region, by, at: new Date(atMs).toISOString(), home_lost: homeLost }
}
