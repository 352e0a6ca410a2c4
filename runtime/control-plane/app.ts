import { createHash, timingSafeEqual } from 'node:crypto'
import fastify, { type FastifyInstance } from 'fastify'
import { DocumentsRefusedError, type Publisher } from './publisher.ts'

export interface ControlPlaneParts {
  publisher: Publisher
  /** Bearer token of those who may publish. */
  publishToken: string
  log: (event: object) => void
}

/** The control plane without a port: tests inject, `server.ts` listens. */
export function buildControlPlane({ publisher, publishToken, log }: ControlPlaneParts): FastifyInstance {
  const app = fastify({ bodyLimit: 16 * 1024 })
  const expected = digestOf(`Bearer ${publishToken}`)

  app.get('/health/live', async () => ({ status: 'live' }))
  app.get('/v1/status', async () => describe(publisher))
  app.post(
    '/v1/publish',
    {
      onRequest: async (request, reply) => {
        if (timingSafeEqual(digestOf(request.headers.authorization ?? ''), expected)) return
        return reply.code(401).send(errorBody('unauthorized', 'publishing needs the publish token as bearer token'))
      },
    },
    async () => {
      await publisher.publish()
      return describe(publisher)
    },
  )
  app.setErrorHandler((error, _request, reply) => {
    if (error instanceof DocumentsRefusedError) return reply.code(400).send(errorBody('documents_refused', error.message))
    log({ event: 'failed', detail: String(error) })
    return reply.code(500).send(errorBody('internal_error', 'the release could not be made; what is active stays active'))
  })
  app.setNotFoundHandler((_request, reply) => reply.code(404).send(errorBody('not_found', 'there is nothing at this path')))
  return app
}

function describe(publisher: Publisher) {
  const release = publisher.current()
  return {
    seq: release?.seq ?? null,
    revision: release?.revision ?? null,
    published_at: release === undefined ? null : isoTime(release.publishedAtMs),
    /** Why the last attempt to publish was refused; the release above stays in force. */
    refused: publisher.refused() ?? null,
    regions: publisher.status().map(({ region, zone, seq, bundleDigest, directoryDigest, confirmedAtMs, error }) => ({
      region,
      zone,
      seq,
      bundle_digest: bundleDigest,
      directory_digest: directoryDigest,
      confirmed_at: confirmedAtMs === null ? null : isoTime(confirmedAtMs),
      error,
    })),
  }
}

const isoTime = (ms: number) => new Date(ms).toISOString()
const errorBody = (code: string, message: string) => ({ error: { code, message } })
/** Digests have one length, which a timing-safe comparison needs. */
const digestOf = (text: string) => createHash('sha256').update(text).digest()
