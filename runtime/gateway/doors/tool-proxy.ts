import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { ToolCall } from '../../model/call.ts'
import { AegisError } from '../../model/codes.ts'
import type { Dialer } from '../../model/ports.ts'
import type { Arrival } from '../arrival.ts'
import type { Enforcer } from '../enforcer.ts'
import { freeWith } from '../in-flight.ts'
import { type Answer, carry } from './carry.ts'
import { attestationIn, openDoor, parseBody, toolCall } from './http-call.ts'
import { endOfTurn } from './turn.ts'
import type { CredentialSource } from './upstream.ts'

interface ToolParams {
  tool: string
  action: string
}

const NO_CREDENTIALS: CredentialSource = () => undefined
/** Bytes of answers that wait for those who asked: a client that does not read keeps its answer in memory. */
const UNSENT_BYTES_MAX = 256 * 1024 * 1024

/**
 * `POST /v1/tools/{tool}/{action}`, body: the arguments. Forwards what is allowed, as the JSON that was judged and not as the bytes that
 * came: to `<endpoint>/<action>` in the verdict's route, or as the HTTP request that the arguments describe. Nothing of the agent's headers
 * goes along.
 */
export function toolProxy(enforcer: Enforcer, dialer: Dialer, { credentials = NO_CREDENTIALS, maxUnsentBytes = UNSENT_BYTES_MAX } = {}) {
  let unsent = 0
  const takeRoom = (bytes: number, request: FastifyRequest) => {
    if (unsent + bytes > maxUnsentBytes)
      throw new AegisError('upstream_failed', 'the tool has answered, and answers that nobody fetches take up all the room')
    unsent += bytes
    freeWith(request, () => {
      unsent -= bytes
    })
  }
  return async (app: FastifyInstance) => {
    openDoor(app, 'tool_proxy', enforcer)
    app.post<{ Params: ToolParams }>('/v1/tools/:tool/:action', async (request, reply) => {
      await endOfTurn()
      const call = parseToolCall(request.params, request.body, request.headers)
      const { verdict, answer } = await carry(call, request.arrival, {
        enforcer,
        dialer,
        credentials,
        next: () => nextArrival(request, enforcer),
      })
      reply.header('aegis-decision', verdict.decision).header('aegis-decision-id', verdict.decision_id)
      if (answer === undefined) return reply.code(403).send(verdict)
      takeRoom(answer.body.byteLength, request)
      return send(reply, answer)
    })
  }
}

/** A redirect is a call of its own, by the same agent under the same policy. What fails from here on, failed in it. */
function nextArrival(request: FastifyRequest, enforcer: Enforcer): Arrival {
  const { admitted } = request.arrival
  const { traceparent } = request.headers
  const arrival = enforcer.arrive('tool_proxy', traceparent === undefined ? {} : { traceparent: String(traceparent) })
  if (admitted !== undefined) arrival.admitted = admitted
  request.arrival = arrival
  return arrival
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
    ...attestationIn(headers),
  })
}

/**
 * The tool's own status and body. Of its headers only the type passes: the rest describes a connection that ended here. Where a redirect
 * points is told under another name than `location`, which an agent's client would follow by itself, past the gateway.
 */
function send(reply: FastifyReply, { status, contentType, body, location }: Answer) {
  if (contentType !== undefined) reply.header('content-type', contentType)
  if (location !== undefined) reply.header('aegis-location', location)
  return reply.code(status).send(Buffer.from(body.buffer, body.byteOffset, body.byteLength))
}
