import {
  AdjustmentType,
  CfnScalingPolicy,
  MetricAggregationType,
  type ScalableTarget,
  StepScalingAction,
} from 'aws-cdk-lib/aws-applicationautoscaling'
import { Alarm, ComparisonOperator, Stats, TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch'
import { ApplicationScalingAction } from 'aws-cdk-lib/aws-cloudwatch-actions'
import type { FargateService } from 'aws-cdk-lib/aws-ecs'
import type { ApplicationTargetGroup } from 'aws-cdk-lib/aws-elasticloadbalancingv2'
import { Duration } from 'aws-cdk-lib/core'
import { Construct } from 'constructs'
import { capacityOf } from '../../config/capacity.ts'
import { cellNames } from '../../config/names.ts'
import type { Cell } from '../cell.ts'
import { gatewayMetric } from './gateway-metric.ts'
import type { Traffic } from './gateway-traffic.ts'

export interface GatewayScalingProps {
  readonly cell: Cell
  readonly service: FargateService
  /** Of agents. */
  readonly traffic: Traffic
}

const COOLDOWN = { scaleInCooldown: Duration.minutes(5), scaleOutCooldown: Duration.seconds(30) }

/**
 * How many gateways a region runs: by CPU, by requests, and more when decisions get slow. The first two also take gateways away, when both
 * say so. What their targets are and how few there may be follows from what the region must take over (config/capacity.ts).
 */
export class GatewayScaling extends Construct {
  constructor(scope: Construct, id: string, { cell, service, traffic }: GatewayScalingProps) {
    super(scope, id)
    const { deployment, region } = cell
    const { minTasks, cpuPercent, requestsPerTaskPerMin } = capacityOf(deployment, region)
    const scaling = service.autoScaleTaskCount({ minCapacity: minTasks, maxCapacity: deployment.gateway.maxTasks })
    scaling.scaleOnCpuUtilization('Cpu', { targetUtilizationPercent: cpuPercent, ...COOLDOWN })
    // The L2 knows predefined metrics and single ones, and neither a sum of two groups nor steps with an alarm of our own name.
    const target = scaling.node.findChild('Target') as ScalableTarget
    scaleOnRequests(this, target, { traffic, perTask: requestsPerTaskPerMin })
    scaleOnLatency(this, target, cell)
  }
}

/**
 * Requests for each task, whichever of the two groups they go to: ECS changes the groups around with every deployment, and the predefined
 * metric is that of one group for ever. While two versions serve, each group's requests are divided by as many tasks, so the sum is right.
 */
function scaleOnRequests(scope: Construct, target: ScalableTarget, { traffic, perTask }: { traffic: Traffic; perTask: number }): void {
  const requests = (id: string, { targetGroupFullName: TargetGroup }: ApplicationTargetGroup) => ({
    id,
    returnData: false,
    metricStat: {
      stat: Stats.SUM,
      metric: {
        namespace: 'AWS/ApplicationELB',
        metricName: 'RequestCountPerTarget',
        dimensions: [{ name: 'TargetGroup', value: TargetGroup }],
      },
    },
  })
  new CfnScalingPolicy(scope, 'Requests', {
    policyName: 'requests',
    policyType: 'TargetTrackingScaling',
    scalingTargetId: target.scalableTargetId,
    targetTrackingScalingPolicyConfiguration: {
      customizedMetricSpecification: {
        metrics: [
          requests('one', traffic.targetGroup),
          requests('other', traffic.alternate),
          { id: 'requests', expression: 'FILL(one, 0) + FILL(other, 0)', label: 'requests of a task', returnData: true },
        ],
      },
      targetValue: perTask,
      scaleInCooldown: COOLDOWN.scaleInCooldown.toSeconds(),
      scaleOutCooldown: COOLDOWN.scaleOutCooldown.toSeconds(),
    },
  })
}

/**
 * Steps, as the time of a decision does not halve with twice the gateways, which is what target tracking would count on. They only add:
 * slow decisions may have other causes (a table, a publication), and then `maxTasks` is where it ends and an alarm rings. Where the metric is
 * missing, as the collector is down or nobody calls, nothing is added, and CPU and requests go on.
 */
function scaleOnLatency(scope: Construct, scalingTarget: ScalableTarget, { deployment, region, zone }: Cell): void {
  const { scaleOutP95Ms } = deployment.gateway
  const slow = new StepScalingAction(scope, 'Latency', {
    policyName: 'decision-latency',
    scalingTarget,
    adjustmentType: AdjustmentType.PERCENT_CHANGE_IN_CAPACITY,
    minAdjustmentMagnitude: 1,
    cooldown: Duration.minutes(2),
    metricAggregationType: MetricAggregationType.MAXIMUM,
  })
  // Bounds count from the alarm's threshold: from once on a quarter more, from twice on half as many again.
  const seconds = scaleOutP95Ms / 1000
  slow.addAdjustment({ adjustment: 25, lowerBound: 0, upperBound: seconds })
  slow.addAdjustment({ adjustment: 50, lowerBound: seconds })
  const alarm = new Alarm(scope, 'LatencyAlarm', {
    alarmName: cellNames(deployment, region, zone).scalingAlarm,
    alarmDescription: `${region}: decisions get slow, so gateways are added. Nobody is told.`,
    metric: gatewayMetric(deployment, 'duration', { of: region, statistic: Stats.p(95), period: Duration.minutes(1) }),
    threshold: seconds,
    comparisonOperator: ComparisonOperator.GREATER_THAN_THRESHOLD,
    evaluationPeriods: 3,
    datapointsToAlarm: 3,
    treatMissingData: TreatMissingData.NOT_BREACHING,
    // A percentile of few values is one slow call.
    evaluateLowSampleCountPercentile: 'ignore',
  })
  alarm.addAlarmAction(new ApplicationScalingAction(slow))
}
