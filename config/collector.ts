import type { Deployment } from './schema.ts'
import { emfExporter, METRIC_EXPORT_ENVIRONMENT, TRACED_ATTRIBUTES, TRACED_PERCENT } from './telemetry.ts'

// The collector beside every gateway: which one, and what it does.

/**
 * The AWS Distro for OpenTelemetry, of which runtime/collector/Dockerfile makes our image: the same file with a folder to write to and without
 * root. Source: https://gallery.ecr.aws/aws-observability/aws-otel-collector. The digest is that of the index over all platforms, as others
 * pin it in public; compare it with the registry when you make the image.
 */
export const COLLECTOR = {
  image: 'public.ecr.aws/aws-observability/aws-otel-collector',
  version: 'v0.48.0',
  digest: 'sha256:9b28046359054b414f4ba76056ba4e8cffda2d53fbcee06171d7eeecd71326c3',
} as const

/** Where the queue is: the one path that a collector can write, on a volume of its own. */
export const QUEUE_DIR = '/var/spool/collector'

/** All on loopback, which the containers of a task share. */
export const COLLECTOR_PORTS = { otlp: 4318, relay: 4319, health: 13133 } as const

/**
 * What tells a gateway to export, and where to: OpenTelemetry's own variables, which its SDK reads by itself
 * (https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/). Not `parentbased`: a caller's `traceparent` would decide
 * what is paid for.
 */
export const EXPORT_ENVIRONMENT = {
  OTEL_TRACES_EXPORTER: 'otlp',
  OTEL_METRICS_EXPORTER: 'otlp',
  OTEL_LOGS_EXPORTER: 'none',
  OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf',
  OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${COLLECTOR_PORTS.otlp}`,
  OTEL_TRACES_SAMPLER: 'traceidratio',
  OTEL_TRACES_SAMPLER_ARG: String(TRACED_PERCENT / 100),
  ...METRIC_EXPORT_ENVIRONMENT,
} as const

/** Hard limit of the container, and what the collector refuses at before it: gateways then keep their data and try again. */
export const COLLECTOR_MEMORY_MIB = { limit: 256, refuseAt: 180, spike: 40 } as const

/** CPU units of the task that are the collector's when both want all. The rest is the gateway's. */
export const COLLECTOR_CPU = 64

/** What is older than this no alarm looks at any more, and what came since is more urgent. */
const RETRY_MAX = '2h'
/** Batches on disk, of metrics and of spans each: of spans, one every five seconds. */
const QUEUE_BATCHES_MAX = 1000
/** Spans or values in a batch. With the line before it says how much of the task's disk a long outage can take: a gigabyte or two of 20. */
const BATCH_ITEMS_MAX = 1000

/**
 * The collector's configuration for one region, as JSON (which is YAML).
 *
 * It is two collectors in one. The first takes what the gateway sends, batches it and queues it on disk; the second takes it from there to
 * CloudWatch and X-Ray of the region. Neither `awsemf` nor `awsxray` has a queue of its own (exporterhelper is called without `WithQueue` in
 * both), so the queue is that of an OTLP exporter on loopback, which sends a batch again for as long as the second half refuses it.
 * There is no batch processor in the second half: it would take the batch first and fail later, when the queue has forgotten it.
 */
export function collectorConfig(deployment: Deployment, region: string, zone: string): string {
  const loopback = (port: number) => `127.0.0.1:${port}`
  const queue = { storage: 'file_storage', num_consumers: 1, queue_size: QUEUE_BATCHES_MAX }
  const halves = (exporter: string) => [
    { receivers: ['otlp'], processors: ['memory_limiter', 'batch'], exporters: ['otlp/queue'] },
    { receivers: ['otlp/relay'], processors: ['resourcedetection'], exporters: [exporter] },
  ]
  const [metricsIn, metricsOut] = halves('awsemf')
  const [tracesIn, tracesOut] = halves('awsxray')
  return JSON.stringify({
    extensions: {
      health_check: { endpoint: loopback(COLLECTOR_PORTS.health) },
      // A file that an outage has blown up gets small again.
      file_storage: { directory: QUEUE_DIR, compaction: { on_rebound: true, directory: QUEUE_DIR, cleanup_on_start: true } },
    },
    receivers: {
      otlp: { protocols: { http: { endpoint: loopback(COLLECTOR_PORTS.otlp) } } },
      'otlp/relay': { protocols: { grpc: { endpoint: loopback(COLLECTOR_PORTS.relay) } } },
    },
    processors: {
      memory_limiter: { check_interval: '1s', limit_mib: COLLECTOR_MEMORY_MIB.refuseAt, spike_limit_mib: COLLECTOR_MEMORY_MIB.spike },
      batch: { timeout: '5s', send_batch_size: BATCH_ITEMS_MAX, send_batch_max_size: BATCH_ITEMS_MAX },
      // Which task this is: the name of its log stream.
      resourcedetection: { detectors: ['ecs'], timeout: '2s', override: false },
    },
    exporters: {
      'otlp/queue': {
        endpoint: loopback(COLLECTOR_PORTS.relay),
        tls: { insecure: true },
        sending_queue: queue,
        retry_on_failure: { max_interval: '30s', max_elapsed_time: RETRY_MAX },
      },
      awsemf: emfExporter(deployment, region, zone),
      awsxray: { region, indexed_attributes: TRACED_ATTRIBUTES },
    },
    service: {
      extensions: ['health_check', 'file_storage'],
      // Nobody reads the collector's own metrics, and its port would be one more.
      telemetry: { metrics: { level: 'none' } },
      pipelines: { 'metrics/in': metricsIn, 'metrics/out': metricsOut, 'traces/in': tracesIn, 'traces/out': tracesOut },
    },
  })
}
