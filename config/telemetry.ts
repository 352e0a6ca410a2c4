import { METRICS, type MetricName } from './metrics.ts'
import { cellNames } from './names.ts'
import type { Deployment } from './schema.ts'

// Where the gateways' metrics, the collector that carries them and the CloudWatch side of dashboards and alarms meet.

/** Attributes that become CloudWatch dimensions. Each value of one is a metric that is paid for, so neither tenants nor tools are among them. */
export const DIMENSIONS = { region: 'cloud.region', decision: 'aegis.decision', code: 'aegis.code', ring: 'aegis.ring' } as const
export type DimensionName = keyof typeof DIMENSIONS

/** The sets of dimensions under which CloudWatch keeps each metric. An alarm or a graph finds it by exactly one of these sets. */
export const DIMENSION_SETS: Readonly<Record<MetricName, readonly (readonly DimensionName[])[]>> = {
  decisions: [['region'], ['region', 'decision'], ['region', 'code']],
  duration: [['region']],
  softened: [['region']],
  guardFired: [['region']],
  stageFailures: [['region']],
  policyAge: [['region']],
  activationRefused: [['region'], ['region', 'ring']],
  crossRegion: [['region']],
  recorderDropped: [['region']],
  budgetUsed: [['region']],
  budgetStranded: [['region']],
}

/** Two environments may share an account and a region, so each has a namespace of its own. */
export function metricNamespace({ name, environment }: Deployment): string {
  return `${name}/${environment}`
}

/**
 * What a gateway's exporter must be told beside its endpoint. The collector's EMF exporter takes a histogram's points as they come: of
 * cumulative ones each would count all calls since the start again.
 */
export const METRIC_EXPORT_ENVIRONMENT = { OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE: 'delta' } as const

/** Of a hundred decisions, how many leave a span. Each is paid for, and every verdict has its record. */
export const TRACED_PERCENT = 1

/** Attributes of a span by which X-Ray finds it again. */
export const TRACED_ATTRIBUTES = ['aegis.decision', 'aegis.decision_id', 'gen_ai.tool.name'] as const

/**
 * Settings of the collector's `awsemf` exporter for one region: metrics leave the region's collector for the region's own CloudWatch.
 * Source of the keys: README of exporter/awsemfexporter in open-telemetry/opentelemetry-collector-contrib.
 */
export function emfExporter(deployment: Deployment, region: string, zone: string) {
  return {
    region,
    namespace: metricNamespace(deployment),
    log_group_name: cellNames(deployment, region, zone).metricsLogs,
    log_stream_name: '{TaskId}',
    // The region is a resource attribute, and only labels become dimensions.
    resource_to_telemetry_conversion: { enabled: true },
    dimension_rollup_option: 'NoDimensionRollup',
    metric_declarations: Object.entries(METRICS).map(([metric, name]) => ({
      metric_name_selectors: [`^${name.replaceAll('.', '\\.')}$`],
      dimensions: DIMENSION_SETS[metric as MetricName].map((set) => set.map((dimension) => DIMENSIONS[dimension])),
    })),
  }
}
