import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gunzipSync } from 'node:zlib'
import { METRIC_EXPORT_ENVIRONMENT } from '../../config/telemetry.ts'
import { decisionTelemetry, policyTelemetry, regionTelemetry, startTelemetry } from '../../runtime/telemetry/telemetry.ts'
import { agentToken, testGateway, testTrust } from '../support/gateway.ts'

// A sink of OTLP over HTTP in JSON (https://opentelemetry.io/docs/specs/otlp/): what a collector would get.
interface Span {
  traceId: string
  parentSpanId: string
  name: string
  status: unknown
  attributes: { key: string; value: { stringValue?: string } }[]
}
interface Export {
  resourceSpans: { scopeSpans: { spans: Span[] }[] }[]
}
const received: { path: string; body: Export }[] = []
let sink: Server
const environment = { ...process.env }

beforeAll(async () => {
  sink = createServer(async (request, response) => {
    const chunks = []
    for await (const chunk of request) chunks.push(chunk)
    const bytes = Buffer.concat(chunks)
    const text = request.headers['content-encoding'] === 'gzip' ? gunzipSync(bytes) : bytes
    received.push({ path: request.url ?? '', body: JSON.parse(text.toString()) })
    response.setHeader('content-type', 'application/json').end('{}')
  })
  await new Promise<void>((resolve) => sink.listen(0, '127.0.0.1', resolve))
  Object.assign(process.env, {
    OTEL_TRACES_EXPORTER: 'otlp',
    OTEL_METRICS_EXPORTER: 'otlp',
    OTEL_LOGS_EXPORTER: 'none',
    ...METRIC_EXPORT_ENVIRONMENT,
    OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
    OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${(sink.address() as AddressInfo).port}`,
  })
})
afterAll(async () => {
  process.env = environment
  sink.closeAllConnections()
  await new Promise<void>((resolve) => sink.close(() => resolve()))
})

test('a decision leaves one span in the caller’s trace and its metrics, without arguments and without facts of the machine', async () => {
  const stop = await startTelemetry({ serviceName: 'aegis-gateway', version: '1', region: 'eu-west-1', zone: 'eu', environment: 'prod' })
  const trust = await testTrust()
  const gateway = await testGateway({ trust, region: 'eu-west-1', zone: 'eu' })
  const traceId = '0af7651916cd43dd8448eb211c80319c'
  await gateway.app.inject({
    method: 'POST',
    url: '/v1/decisions',
    headers: {
      'content-type': 'application/json',
      authorization: `Bearer ${await agentToken(trust, 'finance-agent', 'acme-eu')}`,
      traceparent: `00-${traceId}-b7ad6b7169203331-01`,
    },
    payload: JSON.stringify({
      tool: 'stripe-payments',
      action: 'create_payment',
      arguments: { amount: 420000, currency: 'eur', recipient: 'supplier-7', memo: 'invoice 114' },
    }),
  })
  await gateway.app.inject({ method: 'POST', url: '/v1/decisions', headers: { 'content-type': 'application/json' }, payload: '{}' })
  await gateway.close()
  policyTelemetry(() => 61).activationRefused('canary', 'wrong_zone')
  decide('eu-west-1', { enforced: 'allow', routeRegion: 'eu-central-1' })
  // Neither of these goes to another region.
  decide('eu-west-1', { enforced: 'deny', routeRegion: 'us-east-1' })
  decide('eu-west-1', { enforced: 'allow', routeRegion: 'eu-west-1' })
  regionTelemetry({
    droppedRecordings: () => 7,
    budgets: () => [
      { granted: 1000, received: 0, given: 500, free: 100, leased: 25, stranded: 250 },
      { granted: 0, received: 0, given: 0, free: 0, leased: 0, stranded: 0 },
      { granted: 80, received: 20, given: 0, free: 90, leased: 5, stranded: 0 },
    ],
  })
  await stop()

  const spans = received
    .filter(({ path }) => path === '/v1/traces')
    .flatMap(({ body }) => body.resourceSpans.flatMap((resource) => resource.scopeSpans.flatMap((scope) => scope.spans)))
  expect(spans).toHaveLength(5)
  const [allowed, refused] = spans
  expect(allowed).toMatchObject({ traceId, parentSpanId: 'b7ad6b7169203331', name: 'execute_tool stripe-payments' })
  const attributes = Object.fromEntries(allowed?.attributes.map(({ key, value }) => [key, value.stringValue]) ?? [])
  expect(attributes).toMatchObject({
    'gen_ai.operation.name': 'execute_tool',
    'gen_ai.tool.name': 'stripe-payments',
    'aegis.decision': 'allow',
    'aegis.enforced': 'allow',
    'aegis.tenant_zone': 'eu',
  })
  expect(refused?.status).toMatchObject({ code: 2, message: 'invalid_token' })

  const all = JSON.stringify(received)
  expect(all).toContain('aegis.decisions')
  expect(all).toContain('aegis.decision.duration')
  // What alarms on an old policy and on a refused one are built on.
  expect(all).toMatch(/"aegis.policy.age".{0,400}"as(Int|Double)":"?61/)
  expect(all).toMatch(/"aegis.activation.refused".{0,400}"wrong_zone"/)
  for (const leak of ['supplier-7', 'invoice 114', 'process.command_args', 'process.owner', 'host.name']) expect(all).not.toContain(leak)

  expect(points(all, 'aegis.calls.cross_region')).toMatchObject([
    { asDouble: 1, attributes: [{ key: 'aegis.route_region', value: { stringValue: 'eu-central-1' } }] },
  ])
  expect(points(all, 'aegis.recorder.dropped')).toMatchObject([{ asDouble: 7 }])
  // The first budget is the worst: of 500, 125 are left to spend and half are stranded. The second, of nothing, is not used up.
  expect(points(all, 'aegis.budget.used')).toMatchObject([{ asDouble: 0.75 }])
  expect(points(all, 'aegis.budget.stranded')).toMatchObject([{ asDouble: 0.5 }])
  // CloudWatch has percentiles of exponential histograms alone, and counts cumulative ones again and again.
  expect(all).toMatch(/"aegis.decision.duration".{0,120}"exponentialHistogram":\{"aggregationTemporality":1/)
})

function decide(region: string, of: { enforced: string; routeRegion: string }): void {
  const telemetry = decisionTelemetry(region)
  telemetry.end(telemetry.start({}), {
    ...{ door: 'http', decision: of.enforced, mode: 'enforce', tool: 'crm', action: 'read_contact', policyVersion: 'x' },
    ...{ tenantZone: 'eu', decisionId: 'dec', codes: [], durationMs: 1, ...of },
  })
}

/** Data points of a metric in the last export of it. */
function points(all: string, name: string): unknown[] {
  const metrics = (JSON.parse(all) as { body: { resourceMetrics?: { scopeMetrics: { metrics: { name: string }[] }[] }[] } }[]).flatMap(
    ({ body }) => (body.resourceMetrics ?? []).flatMap(({ scopeMetrics }) => scopeMetrics.flatMap(({ metrics: own }) => own)),
  )
  const found = metrics.filter((metric) => metric.name === name).at(-1) as Record<string, { dataPoints?: unknown[] }> | undefined
  return Object.values(found ?? {}).flatMap((value) => value.dataPoints ?? [])
}
