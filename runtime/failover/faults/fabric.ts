import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { request } from 'undici'
import { z } from 'zod'
import { now } from '../clock.ts'
import { profileSchema } from '../profile.ts'
import type { FabricControl, FaultMark } from './control.ts'
import { controlPlaneOperator } from './control-plane.ts'

/**
 * Connects to the fabric that runs on this machine, by the control API of its supervisor.
 * @param stateDir where the fabric keeps its files: `fabric.json` for its clients, `supervisor.json` for drills
 * @throws FabricUnreachable when none runs, or when it does not answer as expected
 */
export async function connectFabric(stateDir: string): Promise<FabricControl> {
  const fabricFile = join(stateDir, 'fabric.json')
  const supervisorFile = join(stateDir, 'supervisor.json')
  const { url, token } = supervisorSchema.parse(await readJson(supervisorFile))
  const api = controlApi(url, token)
  const status = await api.get('/status', statusSchema)
  const offsetMs = await clockOffsetMs(() => api.get('/health', healthSchema))
  const here = (atMs: number) => atMs + offsetMs
  const { names, wan } = fabricSchema.parse(await readJson(fabricFile))
  const controlPlane = controlPlaneOperator(async () => {
    const { control_plane: at, operator_tokens } = accessSchema.parse(await readJson(fabricFile))
    return { url: at, ...operator_tokens }
  })
  const mark = (wire: { at_ms: number; names: string[]; done_at_ms: number }): FaultMark => ({
    atMs: here(wire.at_ms),
    doneAtMs: here(wire.done_at_ms),
    processes: wire.names,
  })
  return {
    profile: status.profile,
    regions: status.regions.map(({ region, zone }) => ({ region, zone })),
    names,
    wan,
    about: { ...status.versions, templates: status.templates.slice(0, 12), 'clock offset': `${offsetMs.toFixed(1)} ms` },
    tokens: async () => fabricSchema.parse(await readJson(fabricFile)).demo_tokens,
    async killRegion(region, restoreAfterMs) {
      const { at_ms, done_at_ms, killed } = await api.post(
        '/faults/kill',
        { region, restore_after_ms: Math.ceil(restoreAfterMs) },
        killedSchema,
      )
      return mark({ at_ms, done_at_ms, names: killed.map(({ name }) => name) })
    },
    async restoreRegion(region) {
      const { at_ms, ready_at_ms, started } = await api.post('/faults/restore', { region }, restoredSchema)
      return mark({ at_ms, done_at_ms: ready_at_ms, names: started.map(({ name }) => name) })
    },
    publication: controlPlane.publication,
    publishAnew: controlPlane.publishAnew,
    async health() {
      const { checks } = await api.get('/health', healthSchema)
      return checks.map(({ region, state, since_ms }) => ({ region, state, sinceMs: here(since_ms) }))
    },
    async events(after) {
      const { last, events } = await api.get(`/events?after=${after}`, eventsSchema)
      return { last, events: events.flatMap((event) => toFabricEvent(event, here)) }
    },
    async dnsAnswer(name, place) {
      return (await api.get(`/dns?name=${encodeURIComponent(name)}&place=${encodeURIComponent(place)}`, dnsSchema)).regions
    },
  }
}

/**
 * How far the drill's clock is ahead of the fabric's. Half a round trip is the best guess at when an answer was
 * made, and the quickest of a few round trips the best of these guesses.
 */
async function clockOffsetMs(ask: () => Promise<{ now_ms: number }>): Promise<number> {
  let best = { tripMs: Number.POSITIVE_INFINITY, offsetMs: 0 }
  for (let sample = 0; sample < CLOCK_SAMPLES; sample += 1) {
    const askedMs = now()
    const { now_ms: theirs } = await ask()
    const tripMs = now() - askedMs
    if (tripMs < best.tripMs) best = { tripMs, offsetMs: askedMs + tripMs / 2 - theirs }
  }
  return best.offsetMs
}

const CLOCK_SAMPLES = 5

/** The fabric is not there, or is not what this drill can speak to. */
export class FabricUnreachable extends Error {
  override name = 'FabricUnreachable'
}

/** A restore waits for a gateway to be ready; everything else is local and quick. */
const ANSWER_TIMEOUT_MS = 90_000

function controlApi(url: string, token: string) {
  async function ask<Schema extends z.ZodType>(
    method: 'GET' | 'POST',
    path: string,
    schema: Schema,
    body?: object,
  ): Promise<z.output<Schema>> {
    const answer = await request(new URL(path, url), {
      method,
      headers: { authorization: `Bearer ${token}`, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      headersTimeout: ANSWER_TIMEOUT_MS,
    }).catch((error: Error) => {
      throw new FabricUnreachable(`the fabric does not answer ${method} ${path}: ${error.message}`, { cause: error })
    })
    const text = await answer.body.text()
    if (answer.statusCode !== 200) throw new Error(`the fabric refused ${method} ${path} with ${answer.statusCode}: ${text.slice(0, 200)}`)
    const parsed = schema.safeParse(JSON.parse(text))
    if (!parsed.success) throw new Error(`the fabric answered ${method} ${path} in an unknown form: ${z.prettifyError(parsed.error)}`)
    return parsed.data
  }
  return {
    get: <Schema extends z.ZodType>(path: string, schema: Schema) => ask('GET', path, schema),
    post: <Schema extends z.ZodType>(path: string, body: object, schema: Schema) => ask('POST', path, schema, body),
  }
}

async function readJson(file: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(file, 'utf8'))
  } catch (error) {
    throw new FabricUnreachable(`no fabric runs here: ${file} cannot be read`, { cause: error })
  }
}

const supervisorSchema = z.object({ url: z.url(), token: z.string().min(1) })
const strings = z.record(z.string(), z.string())
/** Public names are given as URLs. */
const hosts = z.record(
  z.string(),
  z.url().transform((url) => new URL(url).host),
)
const fabricSchema = z.object({ names: hosts, wan: strings, demo_tokens: strings })
const accessSchema = z.object({ control_plane: z.url(), operator_tokens: z.object({ publisher: z.string(), viewer: z.string() }) })
const processes = z.array(z.object({ name: z.string() }))
const statusSchema = z.object({
  profile: profileSchema,
  regions: z.array(z.object({ region: z.string(), zone: z.string() })),
  versions: strings,
  templates: z.string(),
})
const killedSchema = z.object({ at_ms: z.number(), done_at_ms: z.number(), killed: processes })
const restoredSchema = z.object({ at_ms: z.number(), ready_at_ms: z.number(), started: processes })
const state = z.enum(['healthy', 'unhealthy'])
const healthSchema = z.object({ now_ms: z.number(), checks: z.array(z.object({ region: z.string(), state, since_ms: z.number() })) })
const dnsSchema = z.object({ regions: z.array(z.string()) })
const knownEvent = z.discriminatedUnion('type', [
  z.object({ type: z.literal('health'), at_ms: z.number(), region: z.string(), state }),
  z.object({ type: z.literal('process'), at_ms: z.number(), region: z.string().optional(), name: z.string(), event: z.string() }),
])
const eventsSchema = z.object({ last: z.int().min(0), events: z.array(z.looseObject({ type: z.string() })) })

/** Kinds of events that this drill does not know are passed over: a newer fabric may tell more. */
function toFabricEvent(event: { type: string }, here: (atMs: number) => number) {
  if (event.type !== 'health' && event.type !== 'process') return []
  const { at_ms, ...known } = knownEvent.parse(event)
  return [{ ...known, atMs: here(at_ms) }]
}
