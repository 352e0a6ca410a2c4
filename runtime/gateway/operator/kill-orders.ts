import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import type { EventLog } from '../../evidence/event.ts'
import { type Operator, operates } from '../../identity/operator-token.ts'
import { line } from '../../identity/order-text.ts'
import { AegisError } from '../../model/codes.ts'
import type { Kill, KillScope, KillSwitches } from '../region/kill-switches.ts'
import { parseOrder, requireRole } from './request.ts'

export const killOrder = z.strictObject({
  scope: z.strictObject({ type: z.enum(['tenant', 'agent', 'tool', 'region', 'key', 'token']), id: line(256) }),
  reason: line(500),
})

export interface KillOrderParts {
  kills: Pick<KillSwitches, 'throw' | 'list'>
  events: EventLog
  /** Whose agent this is, by the documents in force. */
  tenantOfAgent: (agentId: string) => string | undefined
  /** Ids of kills that the control plane has lifted. */
  lifted: () => readonly string[]
}

export function killOrders({ kills, events, tenantOfAgent, lifted }: KillOrderParts) {
  const concerns = (operator: Operator, scope: KillScope) => reaches(operator, scope, tenantOfAgent)
  return async (app: FastifyInstance) => {
    app.get('/v1/kills', async ({ operator }) => ({ kills: shownKills(operator, { kills, tenantOfAgent, lifted }) }))

    app.post('/v1/kills', async ({ operator, body }, reply) => {
      requireRole(operator, 'killer')
      const { scope, reason } = parseOrder(body, killOrder)
      if (!concerns(operator, scope)) throw refusalOf(scope)
      // Thrown before it is recorded: it only restricts, and a full disk must not keep anyone from stopping an agent.
      const kill = await kills.throw({ scope, reason, by: operator.sub })
      const facts = { kill_id: kill.id, scope: scope.type, scope_id: scope.id, reason }
      await events
        .write({ kind: 'kill.thrown', actor: operator.sub, tenant: tenantOf(scope, tenantOfAgent) ?? null, facts })
        .catch((cause) => {
          throw new AegisError('audit_unavailable', `the kill switch ${kill.id} is thrown, and its record could not be written`, { cause })
        })
      return reply.code(201).send(killView(kill))
    })
  }
}

/** The kill switches that concern an operator. A killed tool or region is everybody's trouble; whose agent or token it is, is not everybody's business. */
export function shownKills(
  operator: Operator,
  { kills, tenantOfAgent, lifted }: Pick<KillOrderParts, 'tenantOfAgent' | 'lifted'> & { kills: Pick<KillSwitches, 'list'> },
) {
  const gone = new Set(lifted())
  return kills
    .list()
    .filter(({ scope }) => scope.type === 'tool' || scope.type === 'region' || reaches(operator, scope, tenantOfAgent))
    .map((kill) => ({ ...killView(kill), ...(gone.has(kill.id) && { lifted: true }) }))
}

function killView({ id, scope, reason, by, atMs, region }: Kill) {
  return { id, scope, reason, by, at: new Date(atMs).toISOString(), region }
}

/** What hits more than the operator's own tenants, or what cannot be told to belong to them, takes an operator of all. */
function reaches(operator: Operator, scope: KillScope, tenantOfAgent: KillOrderParts['tenantOfAgent']): boolean {
  if (operator.tenants.includes('*')) return true
  const tenant = tenantOf(scope, tenantOfAgent)
  return tenant !== undefined && operates(operator, tenant)
}

function tenantOf({ type, id }: KillScope, tenantOfAgent: KillOrderParts['tenantOfAgent']): string | undefined {
  if (type === 'tenant') return id
  return type === 'agent' ? tenantOfAgent(id) : undefined
}

/** Another tenant's objects do not exist; tools, regions, keys and tokens do, and take more than this operator has. */
function refusalOf({ type }: KillScope): AegisError {
  return type === 'tenant' || type === 'agent'
    ? new AegisError('not_found', `there is no such ${type}`)
    : new AegisError('subject_mismatch', `killing a ${type} takes an operator of all tenants`)
}
