import { type Attributes, context, metrics, propagation, type Span, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import { METRICS } from '../../config/metrics.ts'
import type { ErrorCode, ReasonCode } from '../model/codes.ts'

// Tools and models follow OpenTelemetry's GenAI conventions (https://opentelemetry.io/docs/specs/semconv/gen-ai/). Arguments and results are
// never attributes.

/** Whose spans and metrics these are. */
const SCOPE = 'aegis.gateway'

/**
 * OpenTelemetry's code for a histogram whose buckets follow the values (`AggregationType.EXPONENTIAL_HISTOGRAM`, which `sdk-node` does not
 * pass on). CloudWatch computes percentiles of these alone: of fixed buckets the collector hands it sum, count, least and most.
 */
const EXPONENTIAL_HISTOGRAM = 5

export interface TelemetryResource {
  serviceName: string
  version: string
  region: string
  zone: string
  environment: string
}

/**
 * Starts export through OTLP. Call it only where an exporter is configured: without it the API's no-ops cost nothing,
 * and the exporters' libraries are not even loaded. Exporter, endpoint, headers and sampler come from the standard
 * OTEL_* variables (https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/).
 * @returns a function that flushes and stops; it never throws, and gives up after seconds
 */
export async function startTelemetry(resource: TelemetryResource): Promise<() => Promise<void>> {
  const { startNodeSdk } = await import('@opentelemetry/sdk-node')
  // No instrumentations: those of HTTP and Fastify halve throughput even when they sample nothing, so the span is made
  // by hand. No detectors: the default ones put command line, owner and host name into every export.
  const sdk = startNodeSdk({
    resourceDetectors: [],
    views: [{ instrumentName: METRICS.duration, aggregation: { type: EXPONENTIAL_HISTOGRAM } }],
    resourceAttributes: {
      'service.name': resource.serviceName,
      'service.version': resource.version,
      'deployment.environment.name': resource.environment,
      'cloud.provider': 'aws',
      'cloud.region': resource.region,
      'aegis.zone': resource.zone,
    },
  })
  return () => stopWithin(STOP_MAX_MS, () => sdk.shutdown())
}

/** What a collector has not taken by then is lost: a gateway that ends waits for nobody who only measures, and fails for nobody. */
const STOP_MAX_MS = 5000

async function stopWithin(ms: number, stop: () => Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer in ${ms} ms`)), ms)
  })
  try {
    await Promise.race([stop(), late])
  } catch (error) {
    const detail = error instanceof Error ? error.message : typeof error
    console.error(JSON.stringify({ time: new Date().toISOString(), event: 'telemetry_not_exported', detail }))
  } finally {
    clearTimeout(timer)
  }
}

export interface DecisionTelemetry {
  /** Starts the span of one decision, as a child of the caller's trace where `traceparent` names one. */
  start(headers: { traceparent?: string; tracestate?: string }): Span
  end(span: Span, decided: DecidedAttributes): void
  /** A call passed that its document, or residency, would have stopped: what an author watches before enforcing. */
  softened(tenant: string, tool: string, reasons: readonly { code: ReasonCode | ErrorCode; rule: string }[]): void
  /** Would-be refusals since the start, by `tenant tool rule code`. */
  softenedCounts(): Readonly<Record<string, number>>
  /** The guard refused what policy had allowed with every fact at hand: a bug in policy. */
  guardFired(code: ReasonCode): void
  /** A stage threw, and the call was denied. */
  stageFailed(error: unknown): void
}

export interface DecidedAttributes {
  door: string
  decision: string
  enforced: string
  mode: string
  tool: string | null
  action: string | null
  policyVersion: string
  tenantZone: string | null
  /** Where the call goes; null where nothing said so. */
  routeRegion: string | null
  decisionId: string
  /** Codes of reasons, or of the error. */
  codes: readonly string[]
  durationMs: number
}

const SOFTENED_KEYS_MAX = 1000

/** Where it happened, not what was in hand: a message may quote an argument. */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return typeof error
  return `${error.name} ${error.stack?.split('\n').slice(1, 4).join(' ').trim() ?? ''}`
}

/** @param region this gateway's: a call that goes to another one is counted apart */
export function decisionTelemetry(region: string): DecisionTelemetry {
  const tracer = trace.getTracer(SCOPE)
  const meter = metrics.getMeter(SCOPE)
  const decisions = meter.createCounter(METRICS.decisions, { description: 'verdicts and refusals', unit: '{decision}' })
  const duration = meter.createHistogram(METRICS.duration, {
    description: 'time from the parsed call to its verdict',
    unit: 's',
    advice: { explicitBucketBoundaries: [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1] },
  })
  const softened = meter.createCounter(METRICS.softened, { description: 'reasons that shadow mode did not enforce', unit: '{reason}' })
  const fired = meter.createCounter(METRICS.guardFired, {
    description: 'refusals of the guard that policy should have given',
    unit: '{call}',
  })
  const failures = meter.createCounter(METRICS.stageFailures, { description: 'stages that threw', unit: '{call}' })
  const crossRegion = meter.createCounter(METRICS.crossRegion, { description: 'calls that go to a tool in another region', unit: '{call}' })
  const counts: Record<string, number> = {}
  return {
    softened(tenant, tool, reasons) {
      for (const { code, rule } of reasons) {
        softened.add(1, { 'aegis.tenant': tenant, 'gen_ai.tool.name': tool, 'aegis.rule': rule, 'aegis.code': code })
        const key = `${tenant} ${tool} ${rule} ${code}`
        // Tools are checked against the registry before anything is softened, so that callers cannot invent keys.
        if (Object.hasOwn(counts, key) || Object.keys(counts).length < SOFTENED_KEYS_MAX) counts[key] = (counts[key] ?? 0) + 1
      }
    },
    softenedCounts: () => ({ ...counts }),
    guardFired: (code) => fired.add(1, { 'aegis.code': code }),
    stageFailed(error) {
      failures.add(1)
      console.error(JSON.stringify({ time: new Date().toISOString(), event: 'stage_failed', detail: describe(error) }))
    },
    start(headers) {
      const parent = headers.traceparent === undefined ? context.active() : propagation.extract(context.active(), headers)
      return tracer.startSpan('execute_tool', { kind: SpanKind.SERVER }, parent)
    },
    end(span, decided) {
      const { decision, enforced, door, mode } = decided
      const attributes: Attributes = { 'aegis.decision': decision, 'aegis.enforced': enforced, 'aegis.door': door, 'aegis.mode': mode }
      decisions.add(1, { ...attributes, 'aegis.code': decided.codes[0] ?? 'none' })
      duration.record(decided.durationMs / 1000, attributes)
      const { routeRegion } = decided
      const goes = enforced === 'allow' || enforced === 'sanitize'
      if (goes && routeRegion !== null && routeRegion !== region) crossRegion.add(1, { 'aegis.route_region': routeRegion })
      if (span.isRecording()) {
        span.updateName(decided.tool === null ? 'execute_tool' : `execute_tool ${decided.tool}`)
        span.setAttributes({
          ...attributes,
          'gen_ai.operation.name': 'execute_tool',
          'gen_ai.tool.name': decided.tool ?? '',
          'aegis.action': decided.action ?? '',
          'aegis.policy_version': decided.policyVersion,
          'aegis.tenant_zone': decided.tenantZone ?? '',
          'aegis.decision_id': decided.decisionId,
          'aegis.codes': [...decided.codes],
        })
        if (decision === 'error') span.setStatus({ code: SpanStatusCode.ERROR, message: decided.codes[0] ?? '' })
      }
      span.end()
    },
  }
}

/** What alarms are built on: a policy that gets old because nothing new arrives, and one that arrived and is refused. */
export interface PolicyTelemetry {
  /** @param ring `stable` or `canary`. @param fault why */
  activationRefused(ring: string, fault: string): void
}

/** @param ageS seconds since the older of bundle and directory in force was issued; undefined while there is none */
export function policyTelemetry(ageS: () => number | undefined): PolicyTelemetry {
  const meter = metrics.getMeter(SCOPE)
  const refused = meter.createCounter(METRICS.activationRefused, {
    description: 'bundles and directories that were refused',
    unit: '{bundle}',
  })
  const age = meter.createObservableGauge(METRICS.policyAge, {
    description: 'age of the older of bundle and directory in force',
    unit: 's',
  })
  age.addCallback((result) => {
    const seconds = ageS()
    if (seconds !== undefined) result.observe(seconds)
  })
  return { activationRefused: (ring, fault) => refused.add(1, { 'aegis.ring': ring, 'aegis.fault': fault }) }
}

/** One budget as this process last saw it, in whole numbers of its unit. */
export interface WatchedBudget {
  granted: number
  received: number
  given: number
  free: number
  leased: number
  stranded: number
}

/** What of the region's own state alarms are built on. Counted for the whole process: agents and budgets are nobody's dimension. */
export function regionTelemetry(seen: { droppedRecordings: () => number; budgets: () => readonly WatchedBudget[] }): void {
  const meter = metrics.getMeter(SCOPE)
  meter
    .createObservableCounter(METRICS.recorderDropped, { description: 'decisions that were not kept for replays', unit: '{decision}' })
    .addCallback((result) => result.observe(seen.droppedRecordings()))
  const highest = (share: (budget: WatchedBudget, total: number) => number) =>
    Math.max(0, ...seen.budgets().map((budget) => shareOf(budget, share)))
  meter
    .createObservableGauge(METRICS.budgetUsed, { description: 'used share of the budget that is used the most', unit: '1' })
    .addCallback((result) => result.observe(highest(({ free, leased }, total) => 1 - (free + leased) / total)))
  meter
    .createObservableGauge(METRICS.budgetStranded, { description: 'share of a budget that silent processes hold, the highest', unit: '1' })
    .addCallback((result) => result.observe(highest(({ stranded }, total) => stranded / total)))
}

/** A share of what the region has to spend; nothing where it has nothing, as a budget of zero is not used up. */
function shareOf(budget: WatchedBudget, share: (budget: WatchedBudget, total: number) => number): number {
  const total = budget.granted + budget.received - budget.given
  return total > 0 ? share(budget, total) : 0
}
