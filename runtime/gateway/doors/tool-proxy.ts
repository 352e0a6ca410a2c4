import type { FastifyInstance, FastifyReply } from 'fastify'
import type { ToolCall } from '../../model/call.ts'
import { AegisError } from '../../model/codes.ts'
import type { Dialer, DialResponse } from '../../model/ports.ts'
import type { Verdict } from '../../model/verdict.ts'
import type { Enforcer } from '../enforcer.ts'
import { openDoor, parseBody, toolCall } from './http-call.ts'
import { endOfTurn } from './turn.ts'

/** How long a tool may take, and how much it may answer. */
const TOOL_TIMEOUT_MS = 10_000
const TOOL_RESPONSE_BYTES_MAX = 8 * 1024 * 1024

interface ToolParams {
  tool: string
  action: string
}

/**
 * `POST /v1/tools/{tool}/{action}`, body: the arguments. Forwards what is allowed to `<endpoint>/<action>` in the
 * verdict's route, as the JSON that was judged and not as the bytes that came. Nothing of the agent's headers goes along.
 */
export function toolProxy(enforcer: Enforcer, dialer: Dialer) {
  return async (app: FastifyInstance) => {
    openDoor(app, 'tool_proxy', enforcer)
    app.post<{ Params: ToolParams }>('/v1/tools/:tool/:action', async (request, reply) => {
      await endOfTurn()
      const call = parseToolCall(request.params, request.body, request.headers)
      const { verdict, recorded } = await enforcer.decide(request.arrival, call)
      // The effect waits for its evidence: a crash between the two must not leave a call that nobody can account for.
      await recorded()
      reply.header('aegis-decision', verdict.decision).header('aegis-decision-id', verdict.decision_id)
      if (verdict.enforced !== 'allow' || verdict.route === undefined) return reply.code(403).send(verdict)
      return answer(reply, await forward(dialer, call, verdict, verdict.route))
    })
  }
}

function parseToolCall({ tool, action }: ToolParams, body: unknown, headers: Record<string, unknown>): ToolCall {
  const carried = (name: string) => (typeof headers[name] === 'string' ? headers[name] : undefined)
  const chain = carried('aegis-chain')
  const approval = carried('aegis-approval')
  const idempotencyKey = carried('aegis-idempotency-key')
  return toolCall({
    door: 'tool_proxy',
    tool,
    action,
    arguments: parseBody(body),
    bytes: (body as Buffer).length,
    ...(chain !== undefined && { chain }),
    ...(approval !== undefined && { approval }),
    ...(idempotencyKey !== undefined && { idempotencyKey }),
  })
}

async function forward(dialer: Dialer, call: ToolCall, verdict: Verdict, route: NonNullable<Verdict['route']>): Promise<DialResponse> {
  try {
    return valid(
      await dialer.dial({
        url: new URL(`${route.endpoint.replace(/\/$/, '')}/${encodeURIComponent(call.action)}`),
        method: 'POST',
        headers: { 'content-type': 'application/json', accept: 'application/json', 'aegis-decision-id': verdict.decision_id },
        body: Buffer.from(JSON.stringify(call.arguments)),
        addresses: route.addresses,
        timeoutMs: TOOL_TIMEOUT_MS,
        maxResponseBytes: TOOL_RESPONSE_BYTES_MAX,
      }),
    )
  } catch (error) {
    throw new AegisError('upstream_failed', undefined, { cause: error })
  }
}

/** A final status (RFC 9110, section 15). @throws on any other: the tool has acted or not, and said neither */
function valid(response: DialResponse): DialResponse {
  if (response.status < 200 || response.status > 599) throw new Error(`the tool answered with status ${response.status}`)
  return response
}

/** The tool's own status and body. Of its headers only the type passes: the rest describes a connection that ended here. */
function answer(reply: FastifyReply, response: DialResponse) {
  const type = response.headers['content-type']
  if (type !== undefined) reply.header('content-type', type)
  return reply.code(response.status).send(Buffer.from(response.body))
}
