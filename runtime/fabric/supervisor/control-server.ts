import { createHash, timingSafeEqual } from 'node:crypto'
import fastify, { type FastifyInstance } from 'fastify'
import { z } from 'zod'
import type { AuthoritativeAnswer } from './authoritative.ts'
import { CONTROL_PLANE, type RegionFaults, WrongStateError } from './cells.ts'
import type { Cuts } from './cuts.ts'
import type { TokenOrder } from './demo-tokens.ts'
import { type EventLog, nowMs } from './events.ts'
import type { RegionHealth } from './world-link.ts'
import type { Drift } from './world-process.ts'

/** What drills and tests may ask of a running fabric, and do to it. */
export interface ControlParts {
  /** Bearer token: whoever has it may kill regions and mint tokens. */
  token: string
  regions: readonly string[]
  places: readonly string[]
  /** The parts of `GET /status` beside the clock. */
  status: () => Promise<object>
  health: () => Promise<RegionHealth[]>
  events: EventLog
  dns: (name: string, place: string) => Promise<AuthoritativeAnswer>
  faults: RegionFaults
  cuts: Pick<Cuts, 'between' | 'isolate' | 'mend'>
  /** Tools of the documents. */
  tools: readonly string[]
  setDefinition: (drift: Drift) => Promise<void>
  issueToken: (order: TokenOrder) => Promise<string>
  /** What the demo's tools and partners were sent. */
  received: (filter: { host?: string; region?: string; tool?: string }) => Promise<unknown>
}

/** The control API without a port. All times are the supervisor's, in milliseconds since the epoch. */
export function buildControlApi({ token, regions, places, ...parts }: ControlParts): FastifyInstance {
  const app = fastify({ bodyLimit: 64 * 1024 })
  const expected = digestOf(`Bearer ${token}`)
  const region = z.string().refine((name) => regions.includes(name), { error: `is not a region that runs here (${regions.join(', ')})` })
  const faulty = z.string().refine((name) => name === CONTROL_PLANE || regions.includes(name), {
    error: `must be ${CONTROL_PLANE} or one of ${regions.join(', ')}`,
  })
  const place = z.string().refine((name) => places.includes(name), { error: `is not a place (${places.join(', ')})` })

  app.addHook('onRequest', async (request, reply) => {
    if (timingSafeEqual(digestOf(request.headers.authorization ?? ''), expected)) return
    return reply.code(401).send(errorBody('unauthorized', 'the bearer token of supervisor.json is needed'))
  })
  app.setErrorHandler((error, _request, reply) => {
    if (error instanceof z.ZodError) return reply.code(400).send(errorBody('malformed', describeIssues(error)))
    if (error instanceof WrongStateError) return reply.code(409).send(errorBody('wrong_state', error.message))
    const { statusCode = 500, message } = error as { statusCode?: number; message: string }
    return reply.code(statusCode).send(errorBody(statusCode < 500 ? 'malformed' : 'failed', message))
  })
  app.setNotFoundHandler((_request, reply) => reply.code(404).send(errorBody('not_found', 'there is nothing at this path')))

  app.get('/status', async () => {
    const status = await parts.status()
    return { now_ms: nowMs(), ...status }
  })
  app.get('/health', async () => {
    const checks = await parts.health()
    return { now_ms: nowMs(), checks }
  })
  const eventsQuery = z.object({ after: z.coerce.number().int().min(0).default(0) })
  app.get('/events', async (request) => {
    const { after } = eventsQuery.parse(request.query)
    return { now_ms: nowMs(), last: parts.events.last(), events: parts.events.after(after) }
  })
  const dnsQuery = z.object({ name: z.string().min(1).max(253), place })
  app.get('/dns', async (request) => {
    const query = dnsQuery.parse(request.query)
    return { now_ms: nowMs(), ...(await parts.dns(query.name, query.place)) }
  })
  const receivedQuery = z.object({ host: z.string().exactOptional(), region: z.string().exactOptional(), tool: z.string().exactOptional() })
  app.get('/received', async (request) => ({ now_ms: nowMs(), received: await parts.received(receivedQuery.parse(request.query)) }))

  const killBody = z.strictObject({ region: faulty, restore_after_ms: z.number().positive().max(86_400_000).optional() })
  app.post('/faults/kill', async (request) => {
    const body = killBody.parse(request.body)
    return await parts.faults.kill(body.region, body.restore_after_ms)
  })
  const restoreBody = z.strictObject({ region: faulty })
  app.post('/faults/restore', async (request) => await parts.faults.restore(restoreBody.parse(request.body).region))
  const cutBody = z.union(
    [
      z.strictObject({
        regions: z
          .array(region)
          .min(2)
          .refine((names) => new Set(names).size === names.length, 'names one twice'),
      }),
      z.strictObject({ region }),
    ],
    {
      error: 'takes {"regions":[two or more that run here]} or {"region":one of them}',
    },
  )
  app.post('/faults/cut', async (request) => {
    const body = cutBody.parse(request.body)
    return 'regions' in body ? await parts.cuts.between(body.regions) : await parts.cuts.isolate(body.region)
  })
  app.post('/faults/mend', async () => await parts.cuts.mend())
  const definitionBody = z.strictObject({
    tool: z.string().refine((name) => parts.tools.includes(name), { error: `is not a tool of the documents (${parts.tools.join(', ')})` }),
    drifted: z.boolean(),
  })
  app.post('/faults/definition', async (request) => {
    const drift = definitionBody.parse(request.body)
    await parts.setDefinition(drift)
    return { at_ms: nowMs(), ...drift }
  })
  const tokenBody = z.strictObject({
    agent: z.string(),
    issuer_region: region.optional(),
    aud: z.string().optional(),
    zone: z.string().optional(),
  })
  app.post('/tokens', async (request) => {
    const { issuer_region: issuerRegion, ...order } = tokenBody.parse(request.body)
    return { token: await parts.issueToken({ ...order, issuerRegion }) }
  })
  return app
}

const describeIssues = ({ issues }: z.ZodError) =>
  issues.map(({ path, message }) => `${path.join('.') || 'the body'} ${message}`).join('; ')
const errorBody = (code: string, message: string) => ({ error: { code, message } })
/** Digests have one length, which a timing-safe comparison needs. */
const digestOf = (text: string) => createHash('sha256').update(text).digest()
