import { type Attributes, context, metrics, propagation, type Span, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'

// The names of Aegis's own telemetry. Tools and models follow OpenTelemetry's GenAI conventions
// (https://opentelemetry.io/docs/specs/semconv/gen-ai/). Arguments and results are never attributes.
export const NAMES = {
  scope: 'aegis.gateway',
  decisions: 'aegis.decisions',
  duration: 'aegis.decision.duration',
} as const

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
 * @returns a function that flushes and stops
 */
export async function startTelemetry(resource: TelemetryResource): Promise<() => Promise<void>> {
  const { startNodeSdk } = await import('@opentelemetry/sdk-node')
  // No instrumentations: those of HTTP and Fastify halve throughput even when they sample nothing, so the span is made
  // by hand. No detectors: the default ones put command line, owner and host name into every export.
  const sdk = startNodeSdk({
    resourceDetectors: [],
    resourceAttributes: {
      'service.name': resource.serviceName,
      'service.version': resource.version,
      'deployment.environment.name': resource.environment,
      'cloud.provider': 'aws',
      'cloud.region': resource.region,
      'aegis.zone': resource.zone,
    },
  })
  return () => sdk.shutdown()
}

export interface DecisionTelemetry {
  /** Starts the span of one decision, as a child of the caller's trace where `traceparent` names one. */
  start(headers: { traceparent?: string; tracestate?: string }): Span
  end(span: Span, decided: DecidedAttributes): void
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
  decisionId: string
  /** Codes of reasons, or of the error. */
  codes: readonly string[]
  durationMs: number
}

export function decisionTelemetry(): DecisionTelemetry {
  const tracer = trace.getTracer(NAMES.scope)
  const meter = metrics.getMeter(NAMES.scope)
  const decisions = meter.createCounter(NAMES.decisions, { description: 'verdicts and refusals', unit: '{decision}' })
  const duration = meter.createHistogram(NAMES.duration, {
    description: 'time from the parsed call to its verdict',
    unit: 's',
    advice: { explicitBucketBoundaries: [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1] },
  })
  return {
    start(headers) {
      const parent = headers.traceparent === undefined ? context.active() : propagation.extract(context.active(), headers)
      return tracer.startSpan('execute_tool', { kind: SpanKind.SERVER }, parent)
    },
    end(span, decided) {
      const { decision, enforced, door, mode } = decided
      const attributes: Attributes = { 'aegis.decision': decision, 'aegis.enforced': enforced, 'aegis.door': door, 'aegis.mode': mode }
      decisions.add(1, { ...attributes, 'aegis.code': decided.codes[0] ?? 'none' })
      duration.record(decided.durationMs / 1000, attributes)
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
