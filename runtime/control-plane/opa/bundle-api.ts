import rateLimit from '@fastify/rate-limit'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { headerFault } from '../../identity/operator-request.ts'
import { ApiRefusal, answerRefusal, asApiRefusal } from '../api/refusal.ts'
import { type BundleReader, type BundleReaders, readerOf } from './bundle-readers.ts'
import { waitSeconds } from './prefer.ts'
import { type WaitingRoom, waitingRoom } from './waiting-room.ts'

export interface ShelvedBundle {
  /** Names these bytes and no others: their SHA-256. Without quotes. */
  etag: string
  /** A signed rego bundle. */
  bytes: Uint8Array
  revision: string
}

/** What other OPAs are served, by zone and ring. */
export interface BundleShelf {
  /** Undefined when nothing is published there. */
  current(zone: string, ring: string): ShelvedBundle | undefined
  /** Calls the listener after each change. @returns a function that ends that */
  changed(listener: () => void): () => void
}

export interface BundleApiParts {
  shelf: BundleShelf
  /** As the directory has them now. */
  readers: () => BundleReaders
  /** Requests of one reader in a minute; a secret may be shared by a fleet of OPAs. */
  perMinuteMax?: number
  /** Clients that may wait at once. */
  waitingMax?: number
  /** Longest wait. Load balancers cut connections that are silent for a minute. */
  waitMaxMs?: number
}

const RINGS = ['stable', 'canary']
/** By this type OPA knows that it may ask us to wait, and by any other that it must come back by itself. */
const LONG_POLL_TYPE = 'application/vnd.openpolicyagent.bundles'
const PLAIN_TYPE = 'application/gzip'

declare module 'fastify' {
  interface FastifyRequest {
    /** Whose secret came with a request for a bundle; null for a stranger's. */
    bundleReader: BundleReader | null
  }
}

/**
 * `GET /bundles/<zone>/<ring>.tar.gz`: OPA's bundle service API (https://www.openpolicyagent.org/docs/management-bundles) with ETag and
 * long polling. What it serves is signed, so that nobody has to believe this server; the credential keeps a zone's documents in the zone.
 */
export function bundleApi(parts: BundleApiParts) {
  const { shelf, readers, perMinuteMax = 600, waitingMax = 500, waitMaxMs = 50_000 } = parts
  const room = waitingRoom({ placesMax: waitingMax })

  return async (app: FastifyInstance) => {
    app.decorateRequest('bundleReader', null)
    app.setErrorHandler((error, request, reply) => answerRefusal(asApiRefusal(error), request, reply))
    // Before the limit, which counts by reader: strangers use up their own address's share and nobody else's.
    app.addHook('onRequest', async (request, reply) => {
      reply.header('cache-control', 'no-store')
      reply.header('x-content-type-options', 'nosniff')
      refuseOddRequests(request)
      request.bundleReader = readerOf(readers(), request.headers.authorization) ?? null
    })
    await app.register(rateLimit, {
      max: perMinuteMax,
      timeWindow: 60_000,
      keyGenerator: ({ bundleReader, ip }) => (bundleReader === null ? `stranger ${ip}` : `reader ${bundleReader.name}`),
      errorResponseBuilder: (_request, { after }) => new ApiRefusal('rate_limited', `too many requests; come back in ${after}`),
    })
    const unsubscribe = shelf.changed(() => room.changed())
    // Before the server waits for its connections to end.
    app.addHook('preClose', async () => {
      unsubscribe()
      room.close()
    })

    app.route<{ Params: { zone: string; file: string } }>({
      method: ['GET', 'HEAD'],
      url: '/bundles/:zone/:file',
      exposeHeadRoute: false,
      handler: async (request, reply) => {
        const { zone, file } = request.params
        const ring = RINGS.find((one) => file === `${one}.tar.gz`)
        const bundle = () => {
          // Anew after a wait: whoever was removed meanwhile gets nothing more.
          requireReader(readerOf(readers(), request.headers.authorization), zone)
          return ring === undefined ? undefined : shelf.current(zone, ring)
        }
        return await answer(request, reply, bundle, { room, waitMaxMs })
      },
    })
  }
}

async function answer(
  request: FastifyRequest,
  reply: FastifyReply,
  bundle: () => ShelvedBundle | undefined,
  { room, waitMaxMs }: { room: WaitingRoom; waitMaxMs: number },
): Promise<FastifyReply> {
  const found = bundle()
  if (found === undefined) throw new ApiRefusal('not_found', 'there is no such bundle, or nothing is published yet')
  if (!holds(request.headers['if-none-match'], found.etag)) return send(reply, found, LONG_POLL_TYPE)
  const wait = request.method === 'HEAD' ? undefined : waitSeconds([request.headers.prefer].flat()[0])
  if (wait === undefined) return unchanged(reply, found)
  // With a 304 it would come back at once and wait again. By a bundle of the plain type OPA learns to poll, until the next one.
  if (!room.hasPlace()) return send(reply, found, PLAIN_TYPE)
  const isOver = () => {
    try {
      const now = bundle()
      return now !== undefined && now.etag !== found.etag
    } catch {
      return true
    }
  }
  await room.wait({ isOver, timeoutMs: Math.min(wait * 1000, waitMaxMs), gone: goneWith(reply) })
  const now = bundle()
  return now === undefined || now.etag === found.etag ? unchanged(reply, found) : send(reply, now, LONG_POLL_TYPE)
}

/** @throws ApiRefusal invalid_reader for a secret of nobody, not_found for one of another zone */
function requireReader(reader: BundleReader | undefined, zone: string): void {
  if (reader === undefined) throw new ApiRefusal('invalid_reader')
  if (reader.zone !== zone) throw new ApiRefusal('not_found', 'there is no such bundle, or nothing is published yet')
}

/** @throws ApiRefusal. A question has no body, and each of its headers once */
function refuseOddRequests({ raw }: FastifyRequest): void {
  const fault = headerFault(raw.rawHeaders, ['if-none-match', 'prefer'])
  if (fault !== undefined) throw new ApiRefusal('malformed_request', fault)
  if (Number(raw.headers['content-length'] ?? 0) !== 0 || raw.headers['transfer-encoding'] !== undefined)
    throw new ApiRefusal('request_too_large', 'a request for a bundle has no body')
}

/** `If-None-Match` of RFC 9110, section 13.1.2: a list is compared weakly. */
function holds(ifNoneMatch: string | undefined, etag: string): boolean {
  const tags = (ifNoneMatch ?? '').split(',').map((tag) => tag.trim().replace(/^W\//, ''))
  return tags.includes(`"${etag}"`) || tags.includes('*')
}

function send(reply: FastifyReply, { bytes, etag }: ShelvedBundle, type: string): FastifyReply {
  return reply
    .type(type)
    .header('etag', `"${etag}"`)
    .send(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength))
}

function unchanged(reply: FastifyReply, { etag }: ShelvedBundle): FastifyReply {
  return reply.code(304).header('etag', `"${etag}"`).send()
}

function goneWith({ raw }: FastifyReply): AbortSignal {
  const controller = new AbortController()
  raw.once('close', () => controller.abort())
  return controller.signal
}
