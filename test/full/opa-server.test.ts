import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals'
import fastify, { type FastifyInstance } from 'fastify'
import { parse } from 'yaml'
import { type BundleShelf, bundleApi, type ShelvedBundle } from '../../runtime/control-plane/opa/bundle-api.ts'
import { recordFrame, recordLine } from '../../runtime/evidence/record.ts'
import { builtWasm, regoModules } from '../../runtime/policy/build.ts'
import { packRegoBundle } from '../../runtime/policy/bundle.ts'
import { bundleData, loadDocuments, revisionOf } from '../../runtime/policy/documents.ts'
import { loadEvaluator } from '../../runtime/policy/evaluate.ts'
import { sha256 } from '../../runtime/policy/file-hashes.ts'
import { findOpa } from '../../runtime/policy/opa.ts'
import { packTarGz, unpackTar } from '../../runtime/policy/tar.ts'
import { fleetReport } from '../../runtime/state/fleet.ts'
import { baseInput, loadFixtures, policyInput } from '../support/fixtures.ts'
import { testKey } from '../support/policy.ts'
import { suiteNeeding } from './support/needs.ts'
import { type OpaServer, startOpa } from './support/opa-server.ts'

// A real `opa run --server`, configured as docs/opa.md says, pulls from our bundle API. `npm run tools` fetches opa.
const opa = await findOpa()
const suite = suiteNeeding('opa', opa)

const SECRET = 'secret-of-the-reader-of-this-test'
const key = testKey('current')
const next = testKey('next')
const documents = loadDocuments('demo')
const contents = { data: bundleData(documents, 'eu'), seq: 1, zone: 'eu', notBeforeMs: 0, notAfterMs: 1, modules: regoModules() }
const FIRST = revisionOf(builtWasm(), documents)

let dir: string
let app: FastifyInstance
let reports: { server: Server; statuses: Status[]; logs: LogEntry[] }
let server: OpaServer
/** Of requests for bundles, as they came in and were answered. */
let asked: { prefer: string | undefined; status: number | undefined }[]

const shelved = new Map<string, ShelvedBundle>()
const listeners = new Set<() => void>()
const shelf: BundleShelf = {
  current: (zone, ring) => shelved.get(`${zone}/${ring}`),
  changed: (listener) => {
    listeners.add(listener)
    return () => void listeners.delete(listener)
  },
}
const put = (bytes: Uint8Array, revision: string) => {
  shelved.set('eu/stable', { etag: sha256(bytes), bytes, revision })
  for (const listener of listeners) listener()
}
const pack = (revision: string, signer = key.signer) => packRegoBundle({ ...contents, revision }, signer)

suite('a real opa server', () => {
  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'aegis-opa-'))
    asked = []
    reports = await startReports()
    app = fastify()
    app.addHook('onRequest', async (request, reply) => {
      const one: (typeof asked)[number] = { prefer: [request.headers.prefer].flat()[0], status: undefined }
      asked.push(one)
      reply.raw.once('finish', () => {
        one.status = reply.statusCode
      })
    })
    const readers = { edge: { zone: 'eu', secret_sha256: createHash('sha256').update(SECRET).digest('hex') } }
    await app.register(bundleApi({ shelf, readers: () => readers }))
    await app.listen({ host: '127.0.0.1', port: 0 })
    put(await pack(FIRST), FIRST)
    server = await startOpa(opa ?? '', configOf(SECRET, 'main'))
    await until(async () => (await revision(server)) === FIRST, 'the first bundle to be active')
  }, 60_000)

  afterAll(async () => {
    await server?.close()
    await app?.close()
    reports?.server.closeAllConnections()
    reports?.server.close()
    rmSync(dir, { recursive: true, force: true })
  }, 20_000)

  beforeEach(async () => {
    const now = shelved.get('eu/stable')?.revision
    await until(async () => (await revision(server)) === now, 'the bundle of the shelf to be active')
  }, 20_000)

  test('decides like our evaluator on every fixture', async () => {
    const evaluator = await loadEvaluator(builtWasm())
    const fixtures = loadFixtures()
    expect(fixtures.length).toBeGreaterThan(150)
    for (const { name, input, outcome } of fixtures) {
      const { result } = await decide(server, input)
      expect([name, result]).toEqual([name, evaluator.evaluate(policyInput(input))])
      expect([name, result.outcome]).toEqual([name, outcome])
    }
  }, 60_000)

  test('takes a new bundle from the request that waits for it, long before it would poll', async () => {
    await until(() => waiting() !== undefined, 'opa to wait')
    const request = waiting()
    expect(request?.prefer).toMatch(/^modes=snapshot,delta;wait=45$/)
    put(await pack('second'), 'second')
    await until(async () => (await revision(server)) === 'second', 'the second bundle to be active')
    expect(request?.status).toBe(200)
  }, 20_000)

  test.each<[string, () => Promise<Uint8Array>, RegExp]>([
    ['a bundle by another key of the same name', async () => pack('forged', testKey('current').signer), /failed to verify JWT signature/],
    [
      'altered Rego',
      () => rebuilt('forged', (files) => files.set('gateway/access.rego', Buffer.from(`${files.get('gateway/access.rego')}\n# altered\n`))),
      /gateway\/access\.rego: digest mismatch/,
    ],
    [
      'altered data',
      () => rebuilt('forged', (files) => files.set('data.json', Buffer.from('{"aegis":{"agents":{}}}'))),
      /data\.json: digest mismatch/,
    ],
    [
      'a file more',
      () => rebuilt('forged', (files) => files.set('gateway/more.rego', Buffer.from('package aegis.more\n'))),
      /more\.rego not included in bundle signature/,
    ],
    ['an unsigned bundle', () => rebuilt('forged', (files) => files.delete('.signatures.json')), /bundle missing \.signatures\.json file/],
    ['half a bundle', async () => (await pack('forged')).subarray(0, 2000), /unexpected EOF/],
    [
      'a bundle by a key that its configuration does not name, though it has it',
      async () => pack('forged', next.signer),
      /failed to verify JWT signature/,
    ],
  ])(
    'refuses %s, and goes on with the one that it has',
    async (_, forge, why) => {
      const before = await revision(server)
      const seen = reports.statuses.length
      const good = shelved.get('eu/stable') as ShelvedBundle
      put(await forge(), 'forged')
      try {
        // OPA reports a refusal once more when it tries again: one of the bundle before may come in late.
        const refusal = () =>
          reports.statuses.slice(seen).findLast(({ bundles }) => why.test(bundles?.stable?.message ?? ''))?.bundles?.stable
        await until(() => refusal() !== undefined, `a report of ${why}`)
        const refused = refusal()
        expect(refused?.code).toBe('bundle_error')
        expect(refused?.active_revision).toBe(before)
        expect(await revision(server)).toBe(before)
        expect((await decide(server, baseInput())).result.outcome).toBe('allow')
      } finally {
        put(good.bytes, good.revision)
      }
    },
    20_000,
  )

  test('takes a bundle by the next key once its configuration names that', async () => {
    const good = shelved.get('eu/stable') as ShelvedBundle
    put(await pack('rotated', next.signer), 'rotated')
    const rotated = await startOpa(
      opa ?? '',
      configOf(SECRET, 'rotated', (bundle) => Object.assign(bundle.signing ?? {}, { keyid: 'next' })),
    )
    try {
      await until(async () => (await revision(rotated)) === 'rotated', 'the bundle of the next key to be active')
    } finally {
      put(good.bytes, good.revision)
      await rotated.close()
    }
  }, 40_000)

  test('a planted fault: without signing.keyid it would take an unsigned bundle', async () => {
    const good = shelved.get('eu/stable') as ShelvedBundle
    put(await rebuilt('forged', (files) => files.delete('.signatures.json')), 'forged')
    const careless = await startOpa(
      opa ?? '',
      configOf(SECRET, 'careless', (bundle) => delete bundle.signing),
    )
    try {
      await until(async () => (await revision(careless)) === 'forged', 'the forged bundle to be active')
    } finally {
      put(good.bytes, good.revision)
      await careless.close()
    }
  }, 40_000)

  test('without the reader’s secret gets nothing, and says so', async () => {
    const stranger = await startOpa(opa ?? '', configOf('another-secret', 'stranger'))
    try {
      const seen = reports.statuses.length
      await until(
        () => reports.statuses.slice(seen - 1).some((one) => /Unauthorized/i.test(one.bundles?.stable?.message ?? '')),
        'a report',
      )
      expect(await revision(stranger)).toBeUndefined()
      expect((await decide(stranger, baseInput())).result).toBeUndefined()
    } finally {
      await stranger.close()
    }
  }, 40_000)

  test('its status reports have the keys of our fleet reports', async () => {
    await until(() => reports.statuses.some(({ bundles }) => bundles?.stable?.active_revision !== undefined), 'a status report')
    const active = reports.statuses.findLast(
      ({ bundles }) => bundles?.stable?.active_revision !== undefined && bundles?.stable?.code === undefined,
    )
    const failed = reports.statuses.find(({ bundles }) => bundles?.stable?.code !== undefined)
    const ofOpa = fleetReport.omit({ aegis: true })
    expect(ofOpa.parse(active)).toEqual({
      labels: { id: expect.any(String), version: '1.19.1', region: 'eu-west-1', zone: 'eu', environment: 'production' },
      bundles: { stable: expect.objectContaining({ name: 'stable', type: 'snapshot', active_revision: expect.any(String) }) },
    })
    // Each of our keys is one that OPA reports, sooner or later.
    const keys = new Set([active, failed].flatMap((report) => Object.keys(report?.bundles?.stable ?? {})))
    expect([...keys]).toEqual(expect.arrayContaining(Object.keys(fleetReport.shape.bundles.valueType.shape)))
    expect(ofOpa.safeParse({ ...active, labels: { id: 'x' } }).success).toBe(false)
  }, 20_000)

  test('its decision log has what our records have, at the same places', async () => {
    await decide(server, baseInput())
    await until(() => reports.logs.some(({ path }) => path === 'aegis/gateway/decision'), 'a decision log')
    const entry = reports.logs.findLast(({ path }) => path === 'aegis/gateway/decision') as LogEntry
    const { custom, ...record } = JSON.parse(
      recordLine(recordFrame({ log: 'l', region: 'eu-west-1', zone: 'eu', version: '1' }), 1, FACTS).line,
    )
    expect(Object.keys(custom)).toContain('leaf')
    // The name of a bundle and what a result holds are up to whoever configures and writes the policy.
    const shape = (value: LogEntry) => shapeOf({ ...value, result: {}, bundles: Object.values(value.bundles) })
    expect(shape(entry)).toEqual(expect.arrayContaining(shape(record)))
    expect(shapeOf(record)).toContain('metrics.timer_server_handler_ns: number')
  }, 20_000)
})

const FACTS = {
  decisionId: 'd',
  timestampMs: 0,
  principal: undefined,
  door: 'decision-api',
  tool: null,
  action: null,
  decision: 'allow',
  enforced: 'allow',
  mode: 'enforce',
  reasons: [],
  policyVersion: 'r',
  tenantZone: null,
  dataClasses: [],
  approvalId: null,
  chain: null,
  routeRegion: null,
  durationNs: 1,
  policyNs: 1,
  unrecorded: 0,
} as unknown as Parameters<typeof recordLine>[2]

interface Status {
  labels: Record<string, string>
  /** Absent before the first attempt. */
  bundles?: Record<string, { active_revision?: string; code?: string; message?: string } | undefined>
}
interface LogEntry {
  path: string
  bundles: Record<string, { revision: string }>
}

/** Paths to every plain value, with their types: `labels.id: string`. */
function shapeOf(value: unknown, path = ''): string[] {
  if (typeof value !== 'object' || value === null) return [`${path}: ${typeof value}`]
  return Object.entries(value).flatMap(([name, inner]) => shapeOf(inner, path === '' ? name : `${path}.${name}`))
}

/** The configuration of docs/opa.md, with the values of this test in the places that a reader has to fill. */
function configOf(secret: string, name: string, change: (bundle: { signing?: object }) => void = () => {}): string {
  const page = readFileSync('docs/opa.md', 'utf8')
  const config = parse(/```yaml\n(.*?)```/s.exec(page)?.[1] ?? '')
  writeFileSync(join(dir, `${name}-secret`), secret)
  config.services.aegis.url = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`
  config.services.aegis.credentials.bearer.token_path = join(dir, `${name}-secret`)
  config.services.reports.url = `http://127.0.0.1:${(reports.server.address() as AddressInfo).port}`
  const [template] = Object.values(config.keys) as object[]
  config.keys = Object.fromEntries([key, next].map(({ signer, pem }) => [signer.keyId, { ...template, key: pem }]))
  config.bundles.stable.signing.keyid = key.signer.keyId
  change(config.bundles.stable)
  config.persistence_directory = join(dir, name)
  // So late that only a request that waited can explain a change.
  Object.assign(config.bundles.stable.polling, { min_delay_seconds: 300, max_delay_seconds: 600 })
  config.decision_logs.reporting = { min_delay_seconds: 1, max_delay_seconds: 1 }
  const file = join(dir, `${name}.json`)
  writeFileSync(file, JSON.stringify(config))
  return file
}

/** Where OPA reports to: a server of the adopter's own. */
async function startReports(): Promise<typeof reports> {
  const statuses: Status[] = []
  const logs: LogEntry[] = []
  const listening = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const bytes = Buffer.concat(chunks)
    const body = JSON.parse((request.headers['content-encoding'] === 'gzip' ? gunzipSync(bytes) : bytes).toString())
    if (request.url === '/status') statuses.push(body)
    if (request.url === '/logs') logs.push(...body)
    response.end()
  }).listen(0, '127.0.0.1')
  await once(listening, 'listening')
  return { server: listening, statuses, logs }
}

/** A signed bundle whose files were tampered with afterwards. */
async function rebuilt(revision: string, tamper: (files: Map<string, Uint8Array>) => void): Promise<Uint8Array> {
  const names = ['.manifest', 'data.json', '.signatures.json', ...contents.modules.keys()]
  const files = await unpackTar(gunzipSync(await pack(revision)), new Set(names))
  tamper(files)
  return packTarGz(files)
}

const waiting = () => asked.find(({ prefer, status }) => status === undefined && prefer?.includes('wait='))

async function decide({ url }: OpaServer, input: object): Promise<{ result: { outcome: string } }> {
  const body = JSON.stringify({ input })
  const answer = await fetch(`${url}/v1/data/aegis/gateway/decision`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body,
  })
  return (await answer.json()) as { result: { outcome: string } }
}

/** Of the bundle that decides now. */
async function revision({ url }: OpaServer): Promise<string | undefined> {
  const answer = await fetch(`${url}/v1/data/aegis/gateway/decision?provenance=true`, {
    method: 'POST',
    body: '{"input":{}}',
    headers: { 'content-type': 'application/json' },
  })
  const { provenance } = (await answer.json()) as { provenance?: { bundles?: Record<string, { revision?: string }> } }
  return provenance?.bundles?.stable?.revision
}

const PATIENCE_MS = 15_000
async function until(holds: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`waited in vain for ${what}; opa wrote: ${server?.output().slice(-2000)}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}
