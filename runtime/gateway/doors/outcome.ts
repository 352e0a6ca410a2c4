import type { FastifyInstance, FastifyRequest } from 'fastify'
import { z } from 'zod'
import type { EventLog } from '../../evidence/event.ts'
import type { Principal } from '../../model/call.ts'
import { AegisError } from '../../model/codes.ts'
import { nodeOf } from '../../model/decision-id.ts'
import type { ActivePolicy } from '../active-policy.ts'
import type { Services } from '../services.ts'
import { answerAgent, parseBody } from './http-call.ts'

const outcome = z.strictObject({ status: z.enum(['executed', 'not_executed']), cost: z.int().min(0).optional() })

interface Admitted {
  principal: Principal
  policy: ActivePolicy
}

export interface OutcomeParts {
  /** Authenticates from headers, like a call. @throws AegisError */
  admit: (request: FastifyRequest) => Promise<Admitted>
  budgets: Services['budgets']
  events: EventLog
}

/**
 * `POST /v1/decisions/{id}/outcome`: the caller of the decision API says what became of a call. What nobody reports counts as spent.
 */
export function outcomeDoor({ admit, budgets, events }: OutcomeParts) {
  const callers = new WeakMap<FastifyRequest, Admitted>()
  return async (app: FastifyInstance) => {
    answerAgent(app)
    // Before a byte of the body is read: strangers would hold places by sending it slowly.
    app.addHook('onRequest', async (request) => void callers.set(request, await admit(request)))
    app.post<{ Params: { id: string } }>('/v1/decisions/:id/outcome', async (request) => {
      const caller = callers.get(request)
      if (caller === undefined) throw new AegisError('invalid_token')
      const { principal, policy } = caller
      const { id } = request.params
      if (nodeOf(id) === undefined) throw new AegisError('not_found', 'there is no such decision')
      const parsed = outcome.safeParse(parseBody(request.body))
      if (!parsed.success)
        throw new AegisError('malformed_call', 'an outcome is {"status": "executed" or "not_executed", "cost"?: a whole number}')
      const { status, cost } = parsed.data
      const by = { agentId: principal.agentId, tenant: principal.tenant }
      const settled = hasBudget(principal, policy)
        ? await budgets.report(id, by, { status, ...(cost !== undefined && { cost }) })
        : { spent: 0, unit: null }
      await events.write({
        kind: 'outcome.reported',
        actor: principal.agentId,
        tenant: principal.tenant,
        decisionId: id,
        facts: { status, spent: settled.spent, unit: settled.unit },
      })
      // Null: another process of the region keeps the count and takes the report in.
      return { decision_id: id, status, spent: settled.spent, ...(settled.unit !== null && { currency: settled.unit }) }
    })
  }
}

function hasBudget({ agentId, tenant }: Principal, { agents }: ActivePolicy): boolean {
  const agent = agents.get(agentId)
  return agent?.tenant === tenant && agent.budget !== null
}
