import type { Socket } from 'node:net'
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import { AegisError } from '../model/codes.ts'
import { isDoor } from './doors.ts'
import type { GatewayLink } from './gateway-link.ts'
import { requestHeaders } from './headers.ts'

/** Largest body, in bytes: the gateway's own limit for a call. A test keeps the two equal. */
export const BODY_BYTES_MAX = 256 * 1024
const IN_FLIGHT_MAX = 64
/** An app of the same task has this long to send its headers, and its whole call. */
const HEADERS_TIMEOUT_MS = 10_000
const REQUEST_TIMEOUT_MS = 15_000

export interface SidecarParts {
  gateway: GatewayLink
  /** Takes why there was no answer. No header, no body, no path. */
  log: (event: object) => void
}

/** The sidecar without a port: every door leads to the gateway, and what does not come back from there is a refusal. */
export function buildSidecar({ gateway, log }: SidecarParts): FastifyInstance {
  const refuse = (error: AegisError, request: FastifyRequest, reply: FastifyReply) => {
    // What is still to come of a refused body is not read.
    if (!request.raw.complete) void reply.header('connection', 'close')
    if (error.status >= 500 && error.cause !== undefined) log({ event: 'refused', code: error.code, why: inWords(error.cause) })
    return reply.code(error.status).header('cache-control', 'no-store').send(bodyOf(error))
  }
  const app = fastify({
    exposeHeadRoutes: false,
    bodyLimit: BODY_BYTES_MAX,
    http: { requestTimeout: REQUEST_TIMEOUT_MS, headersTimeout: HEADERS_TIMEOUT_MS, connectionsCheckingInterval: 1000 },
    requestTimeout: REQUEST_TIMEOUT_MS,
    // A path that cannot be decoded is none of the doors.
    frameworkErrors: (error, request, reply) => refuse(new AegisError('not_found', undefined, { cause: error }), request, reply),
    clientErrorHandler: answerUnreadable,
  })
  // As bytes, of whatever type: what they mean is the gateway's business.
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body))
  app.setErrorHandler((error, request, reply) => refuse(asAegisError(error), request as FastifyRequest, reply as FastifyReply))
  app.setNotFoundHandler((request, reply) => refuse(new AegisError('not_found'), request, reply))

  // Of the process alone. While the gateway is away every call is refused, and a task that is killed for it would be no safer.
  app.get('/health/live', async () => ({ status: 'live' }))

  let inFlight = 0
  app.route({
    method: ['GET', 'POST'],
    url: '*',
    // Before a byte of the body is read.
    onRequest: async ({ method, raw }) => {
      if (!isDoor(method, raw.url ?? '')) throw new AegisError('not_found')
    },
    handler: async ({ method, raw, body }, reply) => {
      if (inFlight >= IN_FLIGHT_MAX) throw new AegisError('overloaded', 'the sidecar is at its limit')
      inFlight++
      try {
        const answer = await gateway.ask({
          method,
          target: raw.url ?? '',
          headers: requestHeaders(raw.rawHeaders),
          body: Buffer.isBuffer(body) ? body : undefined,
          gone: gone(reply),
        })
        return await reply.code(answer.status).headers(answer.headers).send(answer.body)
      } finally {
        inFlight--
      }
    },
  })
  return app
}

/** Aborts when the client has hung up: the gateway then sees it too. */
function gone({ raw }: FastifyReply): AbortSignal {
  const controller = new AbortController()
  raw.once('close', () => controller.abort())
  return controller.signal
}

function asAegisError(error: unknown): AegisError {
  const { code, statusCode } = error as { code?: string; statusCode?: number }
  if (error instanceof AegisError) return error
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE') return new AegisError('call_too_large', `the body is larger than ${BODY_BYTES_MAX} bytes`)
  return new AegisError(statusCode !== undefined && statusCode < 500 ? 'malformed_call' : 'internal_error', undefined, { cause: error })
}

/** Messages alone: other fields of an HTTP client's error hold bytes of the answer, and a token may be among them. */
function inWords(error: unknown): string {
  const { message, cause } = error as { message?: string; cause?: unknown }
  return cause === undefined ? String(message) : `${message}: ${inWords(cause)}`
}

/** What Node's parser gives up on never reaches a route. */
function answerUnreadable(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed) return
  const body = JSON.stringify(bodyOf(new AegisError('malformed_call', 'this is no HTTP/1.1 request')))
  if (socket.writable)
    socket.write(
      `HTTP/1.1 400 Bad Request\r\ncontent-type: application/json; charset=utf-8\r\ncontent-length: ${body.length}\r\nconnection: close\r\n\r\n${body}`,
    )
  socket.destroySoon()
}

function bodyOf({ code, message }: AegisError) {
  return { error: { code, message } }
}
