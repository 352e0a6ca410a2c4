import type { FastifyInstance } from 'fastify'
import type { JsonObject, ToolCall } from '../../model/call.ts'
import { AegisError } from '../../model/codes.ts'
import type { Enforcer } from '../enforcer.ts'
import { attestationIn, CALL_DEPTH_MAX, isObject, openDoor, parseBody, toolCall } from './http-call.ts'
import { endOfTurn } from './turn.ts'

const FIELDS = new Set(['tool', 'action', 'arguments', 'chain', 'approval', 'idempotency_key'])

/** `POST /v1/decisions`: advises. Its caller executes the call, or does not; only the proxy doors enforce. */
export function decisionApi(enforcer: Enforcer) {
  return async (app: FastifyInstance) => {
    openDoor(app, 'decision_api', enforcer)
    app.post('/v1/decisions', async (request, reply) => {
      await endOfTurn()
      const { verdict, redeemed, recorded } = await enforcer.decide(request.arrival, parseDecisionCall(request.body, request.headers))
      // An approval was used up for this answer: it leaves with its evidence on disk, like a forwarded call.
      if (redeemed) await recorded()
      return reply.send(verdict)
    })
  }
}

function parseDecisionCall(body: unknown, headers: Record<string, unknown>): ToolCall {
  // One level more than the arguments: the envelope.
  const value = parseBody(body, CALL_DEPTH_MAX + 1)
  const unknown = Object.keys(value).find((key) => !FIELDS.has(key))
  if (unknown !== undefined)
    throw new AegisError('malformed_call', 'the call has a field that is not tool, action, arguments, chain, approval or idempotency_key')
  if (!isObject(value.arguments)) throw new AegisError('malformed_call', 'arguments is not a JSON object')
  const chain = optionalText(value, 'chain')
  const approval = optionalText(value, 'approval')
  const idempotencyKey = optionalText(value, 'idempotency_key')
  return toolCall({
    door: 'decision_api',
    tool: text(value, 'tool'),
    action: text(value, 'action'),
    arguments: value.arguments,
    bytes: (body as Buffer).length,
    ...(chain !== undefined && { chain }),
    ...(approval !== undefined && { approval }),
    ...(idempotencyKey !== undefined && { idempotencyKey }),
    ...attestationIn(headers),
  })
}

function text(value: JsonObject, field: string): string {
  const found = value[field]
  if (typeof found !== 'string') throw new AegisError('malformed_call', `${field} is not a string`)
  return found
}

function optionalText(value: JsonObject, field: string): string | undefined {
  return value[field] === undefined ? undefined : text(value, field)
}
