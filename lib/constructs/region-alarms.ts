import { Alarm, ComparisonOperator, type IMetric, MathExpression, Metric, Stats, TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch'
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions'
import type { ApplicationTargetGroup } from 'aws-cdk-lib/aws-elasticloadbalancingv2'
import type { ITopic } from 'aws-cdk-lib/aws-sns'
import { Duration } from 'aws-cdk-lib/core'
import { Construct } from 'constructs'
import { alarmDescription, type RegionAlarm } from '../../config/alarms.ts'
import { capacityOf } from '../../config/capacity.ts'
import { cellNames, type RegionalTable, sharedNames } from '../../config/names.ts'
import type { Cell } from '../cell.ts'
import { AlarmTopic } from './alarm-topic.ts'
import { gatewayMetric } from './gateway-metric.ts'
import type { Traffic } from './gateway-traffic.ts'

export interface RegionAlarmsProps {
  readonly cell: Cell
  /** Of agents. The groups must be behind a listener already: their metrics carry the load balancer's name. */
  readonly traffic: Traffic
}

interface Condition {
  readonly metric: IMetric
  readonly threshold: number
  readonly comparison: ComparisonOperator
  /** Of this many periods... */
  readonly periods: number
  /**
   * ...so many must be bad.
   * @default all
   */
  readonly bad?: number
  /** What it means when nothing was measured. Silence is an alarm of its own, so elsewhere it is no news. */
  readonly missing?: TreatMissingData
}

const { GREATER_THAN_THRESHOLD, GREATER_THAN_OR_EQUAL_TO_THRESHOLD, LESS_THAN_THRESHOLD } = ComparisonOperator
const MINUTE = Duration.minutes(1)
const FIVE_MINUTES = Duration.minutes(5)

/** Of all answers, how many may be server errors, in percent: refusals that are meant to be 503 are among them. */
const ERRORS_MAX_PERCENT = 2
/** Below so many requests a minute one error is no percentage. */
const REQUESTS_MIN = 50
const STRANDED_MAX_SHARE = 0.2

/** Tables whose writes a decision may wait for. CloudWatch lets an alarm look at ten metrics at most. */
const WRITTEN: readonly RegionalTable[] = ['approvals', 'chains', 'slices', 'idempotency', 'region-state']

/**
 * The alarms of a region, in the region: CloudWatch cannot watch another one. Each has the name by which deployments and experiments know
 * it, tells the region's topic, and leads to its article.
 */
export class RegionAlarms extends Construct {
  readonly topic: ITopic

  constructor(scope: Construct, id: string, { cell, traffic }: RegionAlarmsProps) {
    super(scope, id)
    const { deployment, region, zone } = cell
    const names = cellNames(deployment, region, zone)
    const { topic } = new AlarmTopic(this, 'Alarms', {
      topicName: names.alarmTopic,
      account: names.account,
      emails: deployment.alarms.emails,
    })
    this.topic = topic
    const action = new SnsAction(topic)
    for (const [name, condition] of Object.entries(conditions(cell, traffic)) as [RegionAlarm, Condition][]) {
      const { metric, threshold, comparison, periods, bad = periods, missing = TreatMissingData.NOT_BREACHING } = condition
      const alarm = new Alarm(this, name, {
        alarmName: names.alarm(name),
        alarmDescription: alarmDescription(deployment, name, region),
        metric,
        threshold,
        comparisonOperator: comparison,
        evaluationPeriods: periods,
        datapointsToAlarm: bad,
        treatMissingData: missing,
      })
      alarm.addAlarmAction(action)
      alarm.addOkAction(action)
    }
  }
}

/** When each alarm rings. `drill-stop` is the drills stack's own. */
function conditions(cell: Cell, traffic: Traffic): Record<Exclude<RegionAlarm, 'drill-stop'>, Condition> {
  const { deployment, region } = cell
  const { gateway, bundleWarnAgeH, bundleMaxAgeH, alarms } = deployment
  const any = (metric: IMetric, threshold = 0): Condition => ({ metric, threshold, comparison: GREATER_THAN_THRESHOLD, periods: 1 })
  const count = (metric: Parameters<typeof gatewayMetric>[1], only?: { code: string }) =>
    gatewayMetric(deployment, metric, { of: region, ...(only && { only }), statistic: Stats.SUM, period: FIVE_MINUTES })
  const policyAge = (statistic: string) => gatewayMetric(deployment, 'policyAge', { of: region, statistic, period: FIVE_MINUTES })
  return {
    'gateway-errors': {
      metric: errorPercent(traffic),
      threshold: ERRORS_MAX_PERCENT,
      comparison: GREATER_THAN_THRESHOLD,
      periods: 5,
      bad: 3,
    },
    'gateways-missing': {
      metric: healthyGateways(traffic),
      threshold: capacityOf(deployment, region).minTasks,
      comparison: LESS_THAN_THRESHOLD,
      periods: 5,
      missing: TreatMissingData.BREACHING,
    },
    'gateways-at-maximum': {
      metric: runningTasks(cell),
      threshold: gateway.maxTasks,
      comparison: GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
      periods: 15,
    },
    'decision-latency': {
      metric: gatewayMetric(deployment, 'duration', { of: region, statistic: Stats.p(99), period: MINUTE }),
      threshold: alarms.decisionP99Ms / 1000,
      comparison: GREATER_THAN_THRESHOLD,
      periods: 10,
      bad: 5,
    },
    'telemetry-silent': {
      metric: policyAge(Stats.SAMPLE_COUNT),
      threshold: 1,
      comparison: LESS_THAN_THRESHOLD,
      periods: 2,
      missing: TreatMissingData.BREACHING,
    },
    'policy-age': any(policyAge(Stats.MAXIMUM), bundleWarnAgeH * 3600),
    // Half of the time is gone that was left when the warning came.
    'policy-expiring': any(policyAge(Stats.MAXIMUM), ((bundleWarnAgeH + bundleMaxAgeH) / 2) * 3600),
    'activation-refused': any(count('activationRefused')),
    'stage-failures': any(count('stageFailures')),
    'guard-fired': any(count('guardFired')),
    'audit-unavailable': any(count('decisions', { code: 'audit_unavailable' })),
    'recording-drops': any(count('recorderDropped')),
    'budget-stranded': {
      metric: gatewayMetric(deployment, 'budgetStranded', { of: region, statistic: Stats.MAXIMUM, period: FIVE_MINUTES }),
      threshold: STRANDED_MAX_SHARE,
      comparison: GREATER_THAN_THRESHOLD,
      periods: 3,
    },
    'tables-throttled': any(throttledRequests(cell)),
  }
}

/**
 * Server errors of the gateways and of the load balancer itself, in percent of all requests; and of each of the two groups by itself, whichever
 * is the worst. A new version that fails every call is in one group, and a tenth of the region's calls. What the load balancer answers for
 * want of a gateway is in none of its other counts (Elastic Load Balancing, "CloudWatch metrics for your Application Load Balancer").
 */
function errorPercent({ targetGroup, alternate }: Traffic): MathExpression {
  const sum = (metricName: string, group?: ApplicationTargetGroup) =>
    new Metric({
      namespace: 'AWS/ApplicationELB',
      metricName,
      dimensionsMap: {
        LoadBalancer: targetGroup.firstLoadBalancerFullName,
        ...(group !== undefined && { TargetGroup: group.targetGroupFullName }),
      },
      statistic: Stats.SUM,
      period: MINUTE,
    })
  const own = 'FILL(own, 0)'
  const percent = (errors: string, requests: string) => `IF(${requests} >= ${REQUESTS_MIN}, 100 * (${errors}) / (${requests}), 0)`
  return new MathExpression({
    label: 'server errors, percent',
    expression: `MAX([${[
      percent(`FILL(errors, 0) + ${own}`, `FILL(requests, 0) + ${own}`),
      percent('FILL(errorsOne, 0)', 'FILL(requestsOne, 0)'),
      percent('FILL(errorsOther, 0)', 'FILL(requestsOther, 0)'),
    ].join(', ')}])`,
    usingMetrics: {
      requests: sum('RequestCount'),
      errors: sum('HTTPCode_Target_5XX_Count'),
      own: sum('HTTPCode_ELB_5XX_Count'),
      requestsOne: sum('RequestCount', targetGroup),
      errorsOne: sum('HTTPCode_Target_5XX_Count', targetGroup),
      requestsOther: sum('RequestCount', alternate),
      errorsOther: sum('HTTPCode_Target_5XX_Count', alternate),
    },
    period: MINUTE,
  })
}

/** Of the group that has more of them: the other one is empty, or has the next version and gets a part of the calls. */
function healthyGateways({ targetGroup, alternate }: Traffic): MathExpression {
  const healthy = (group: ApplicationTargetGroup) => group.metrics.healthyHostCount({ statistic: Stats.MINIMUM, period: MINUTE })
  return new MathExpression({
    label: 'healthy gateways',
    expression: 'MAX([FILL(one, 0), FILL(other, 0)])',
    usingMetrics: { one: healthy(targetGroup), other: healthy(alternate) },
    period: MINUTE,
  })
}

/** Counted by Container Insights, which the cluster has on. */
export function runningTasks({ deployment, region, zone }: Cell): Metric {
  const { cluster, service } = cellNames(deployment, region, zone)
  return new Metric({
    namespace: 'ECS/ContainerInsights',
    metricName: 'RunningTaskCount',
    dimensionsMap: { ClusterName: cluster, ServiceName: service },
    statistic: Stats.MINIMUM,
    period: MINUTE,
  })
}

function throttledRequests({ deployment, region, zone }: Cell): MathExpression {
  const { table } = cellNames(deployment, region, zone)
  const watched: [tableName: string, metricName: string][] = [
    ...WRITTEN.map((purpose): [string, string] => [table(purpose), 'WriteThrottleEvents']),
    [table('region-state'), 'ReadThrottleEvents'],
    [sharedNames(deployment).globalTable, 'WriteThrottleEvents'],
    [sharedNames(deployment).globalTable, 'ReadThrottleEvents'],
  ]
  const usingMetrics = Object.fromEntries(
    watched.map(([TableName, metricName], index) => [
      `m${index}`,
      new Metric({ namespace: 'AWS/DynamoDB', metricName, dimensionsMap: { TableName }, statistic: Stats.SUM, period: FIVE_MINUTES }),
    ]),
  )
  return new MathExpression({
    label: 'throttled requests',
    // A table that throttles nothing reports nothing.
    expression: Object.keys(usingMetrics)
      .map((metric) => `FILL(${metric}, 0)`)
      .join(' + '),
    usingMetrics,
    period: FIVE_MINUTES,
  })
}
