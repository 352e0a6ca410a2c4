import { Metric, type MetricProps } from 'aws-cdk-lib/aws-cloudwatch'
import { METRICS, type MetricName } from '../../config/metrics.ts'
import type { Deployment } from '../../config/schema.ts'
import { DIMENSION_SETS, DIMENSIONS, type DimensionName, metricNamespace } from '../../config/telemetry.ts'

export interface GatewayMetricProps extends Omit<MetricProps, 'namespace' | 'metricName' | 'dimensionsMap'> {
  /** Which gateways. */
  readonly of: string
  /**
   * Values of further dimensions. Together with the region they must be a set under which the metric is kept.
   * @default the whole region
   */
  readonly only?: Partial<Record<Exclude<DimensionName, 'region'>, string>>
}

/**
 * A gateways' metric as CloudWatch keeps it. Throws for dimensions under which the collector does not write it: CloudWatch would take an
 * alarm on such a metric and never see a value.
 */
export function gatewayMetric(deployment: Deployment, metric: MetricName, { of: region, only = {}, ...props }: GatewayMetricProps): Metric {
  const values: Partial<Record<DimensionName, string>> = { region, ...only }
  const asked = Object.keys(values).toSorted().join()
  if (!DIMENSION_SETS[metric].some((set) => set.toSorted().join() === asked))
    throw new Error(`${METRICS[metric]} is not kept by ${asked}; add the set to config/telemetry.ts`)
  return new Metric({
    namespace: metricNamespace(deployment),
    metricName: METRICS[metric],
    dimensionsMap: Object.fromEntries(Object.entries(values).map(([dimension, value]) => [DIMENSIONS[dimension as DimensionName], value])),
    ...props,
  })
}
