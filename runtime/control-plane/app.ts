import { createHash, timingSafeEqual } from 'node:crypto'
import fastify, { type FastifyInstance } from 'fastify'
import { z } from 'zod'
import { DocumentsRefusedError, type Publisher, UnknownKeyError } from './publisher.ts'

export interface ControlPlaneParts {
  publisher: Publisher
  /** Bearer token of those who may publish. */
  publishToken: string
  log: (event: object) => void
}

/** The control plane without a port: tests inject, `server.ts` listens. */
export function buildControlPlane({ publisher, publishToken, log }: ControlPlaneParts): FastifyInstance {
  // A key's id may be as long as the directory takes it.
  const app = fastify({ bodyLimit: 16 * 1024, routerOptions: { maxParamLength: 256 } })
  const expected = digestOf(`Bearer ${publishToken}`)

  app.get('/health/live', async () => ({ status: 'live' }))
  app.get('/v1/status', async () => describe(publisher))
  app.register(async (guarded) => {
    guarded.addHook('onRequest', async (request, reply) => {
      if (timingSafeEqual(digestOf(request.headers.authorization ?? ''), expected)) return
      return reply.code(401).send(errorBody('unauthorized', 'publishing needs the publish token as bearer token'))
    })
    guarded.post('/v1/publish', async () => {
      await publisher.publish()
      return describe(publisher)
    })
    guarded.post('/v1/lifts', async (request, reply) => {
      const lift = liftBody.safeParse(request.body)
      if (!lift.success) return reply.code(400).send(errorBody('malformed_request', 'the body is not {"kill_id","reason"}'))
      const { kill_id, reason } = lift.data
      log({ event: 'lifting', kill_id, reason })
      await publisher.lift(kill_id)
      return describe(publisher)
    })
    guarded.delete<{ Params: { region: string; kid: string } }>('/v1/issuers/:region/keys/:kid', async ({ params: { region, kid } }) => {
      log({ event: 'removing_key', region, kid })
      await publisher.removeKey(region, kid)
      return describe(publisher)
    })
  })
  app.setErrorHandler((error, _request, reply) => {
    if (error instanceof DocumentsRefusedError) return reply.code(400).send(errorBody('documents_refused', error.message))
    if (error instanceof UnknownKeyError) return reply.code(404).send(errorBody('not_found', error.message))
    if (isCallersFault(error)) return reply.code(400).send(errorBody('malformed_request', 'the request is not well formed'))
    log({ event: 'failed', detail: String(error) })
    return reply.code(500).send(errorBody('internal_error', 'the release could not be made; what is active stays active'))
  })
  app.setNotFoundHandler((_request, reply) => reply.code(404).send(errorBody('not_found', 'there is nothing at this path')))
  return app
}

/** Ids of kill switches are made by the region that threw them. */
const liftBody = z.strictObject({
  kill_id: z.string().regex(/^[\w.:#-]{1,128}$/),
  reason: z.string().min(1).max(500),
})

function isCallersFault(error: unknown): boolean {
  return error instanceof Error && 'statusCode' in error && Number(error.statusCode) < 500
}

function describe(publisher: Publisher) {
  const release = publisher.current()
  return {
    seq: release?.seq ?? null,
    revision: release?.revision ?? null,
    published_at: release === undefined ? null : isoTime(release.publishedAtMs),
    /** Why the last attempt to publish was refused; the release above stays in force. */
    refused: publisher.refused() ?? null,
    lifted: release?.standing.lifted ?? [],
    issuers: (release?.standing.issuers ?? []).map(({ region, keys, retiring = {}, removed = [] }) => ({
      region,
      keys: keys.map(({ kid }) => kid),
      retiring: Object.fromEntries(Object.entries(retiring).map(([kid, atMs]) => [kid, isoTime(atMs)])),
      removed,
    })),
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
