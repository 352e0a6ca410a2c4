import { Alarm, ComparisonOperator, type Metric, TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch'
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions'
import { Duration, Stack } from 'aws-cdk-lib/core'
import type { Construct } from 'constructs'
import { alarmDescription, type WatchAlarm } from '../../config/alarms.ts'
import { stackNames, watchNames } from '../../config/names.ts'
import type { PriceList } from '../../config/prices.ts'
import { type Deployment, regionsOf } from '../../config/schema.ts'
import { stackProps } from '../cell.ts'
import { AlarmTopic } from '../constructs/alarm-topic.ts'
import { CostWatch } from '../constructs/cost-watch.ts'
import { Overview, replicationLatency } from '../constructs/overview.ts'
import { Probe, probeStep, probeSuccess } from '../constructs/probe.ts'

export interface ObservabilityStackProps {
  readonly deployment: Deployment
  /** One of the two regions from which everything is watched. */
  readonly region: string
  readonly prices: PriceList
}

/** A change that takes longer than this into another region is late: usually it is a second. */
const REPLICATION_MAX_MS = 30_000

/**
 * What looks at all regions at once: dashboard, probes from outside, and in the home region what watches costs. In two regions, so that
 * losing one does not blind whoever must act. It names regions and holds none of their data: metrics, and what a stranger is answered.
 */
export class ObservabilityStack extends Stack {
  constructor(scope: Construct, { deployment, region, prices }: ObservabilityStackProps) {
    const env = { account: deployment.accounts.workload, region }
    super(scope, stackNames(deployment).observability(region), stackProps({ deployment }, env, `view from ${region}`, { protect: false }))
    const isHome = region === deployment.homeRegion
    const { topic } = new AlarmTopic(this, 'Alarms', {
      topicName: watchNames(deployment, region).alarmTopic,
      account: env.account,
      emails: deployment.alarms.emails,
      ...(isHome && { publishers: ['budgets.amazonaws.com', 'costalerts.amazonaws.com'] }),
    })
    new Overview(this, 'Overview', { deployment, region, prices })
    new Probe(this, 'Probe', { deployment, region })

    const action = new SnsAction(topic)
    const period = Duration.minutes(deployment.observability.probeIntervalMin)
    const alarm = (name: WatchAlarm, about: string, metric: Metric, condition: Condition) => {
      const made = new Alarm(this, `${name}-${about}`, {
        alarmName: watchNames(deployment, region).alarm(name, about),
        alarmDescription: alarmDescription(deployment, name, about),
        metric,
        ...condition,
      })
      made.addAlarmAction(action)
      made.addOkAction(action)
    }
    for (const { region: about } of regionsOf(deployment)) {
      alarm('probe-failed', about, here(probeSuccess(deployment, region, probeStep.region(about), period)), PROBE)
      alarm('probe-open', about, here(probeSuccess(deployment, region, probeStep.refusal(about), period)), PROBE)
      if (isHome && about !== region) alarm('replication-lag', about, replicationLatency(deployment, about), LAG)
    }
    if (isHome) new CostWatch(this, 'Cost', { deployment, topic })
  }
}

type Condition = Pick<
  ConstructorParameters<typeof Alarm>[2],
  'threshold' | 'comparisonOperator' | 'evaluationPeriods' | 'datapointsToAlarm' | 'treatMissingData'
>

/** Two failed runs in a row; one may be the network's. A probe that does not run at all sees nothing, which is as bad. */
const PROBE: Condition = {
  threshold: 100,
  comparisonOperator: ComparisonOperator.LESS_THAN_THRESHOLD,
  evaluationPeriods: 2,
  datapointsToAlarm: 2,
  treatMissingData: TreatMissingData.BREACHING,
}

/** Nothing measured is nothing written. */
const LAG: Condition = {
  threshold: REPLICATION_MAX_MS,
  comparisonOperator: ComparisonOperator.GREATER_THAN_THRESHOLD,
  evaluationPeriods: 3,
  datapointsToAlarm: 3,
  treatMissingData: TreatMissingData.NOT_BREACHING,
}

/** An alarm watches its own region, and CloudFormation takes no region in one. */
function here(metric: Metric): Metric {
  return metric.with({ region: undefined })
}
