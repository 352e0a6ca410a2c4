import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import { AegisError } from '../../model/codes.ts'
import type { Explainer } from '../explain/explainer.ts'
import { idOf } from './approval-orders.ts'

const query = z.strictObject({ at: z.iso.datetime({ offset: true }).optional() })

/** Why a decision came out as it did, for those who look after its tenant. */
export function decisionReports(explainer: Explainer) {
  return async (app: FastifyInstance) => {
    app.get('/v1/decisions/:id', async (request) => {
      const asked = query.safeParse(request.query)
      if (!asked.success) throw new AegisError('malformed_call', 'the query takes at, a time such as 2026-01-31T10:00:00Z')
      const { at } = asked.data
      return explainer.explain(request.operator, idOf(request), at === undefined ? undefined : Date.parse(at))
    })
  }
}
