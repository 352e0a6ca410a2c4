import { Alarm, ComparisonOperator, type IMetric, MathExpression, Metric, Stats, TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch'
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions'
import type { ApplicationTargetGroup } from 'aws-cdk-lib/aws-elasticloadbalancingv2'
import { FilterPattern, type ILogGroup, MetricFilter } from 'aws-cdk-lib/aws-logs'
import { Duration } from 'aws-cdk-lib/core'
import { Construct } from 'constructs'
import { alarmDescription, type ControlAlarm } from '../../config/alarms.ts'
import { controlNames } from '../../config/names.ts'
import type { Deployment } from '../../config/schema.ts'
import { metricNamespace } from '../../config/telemetry.ts'
import { AlarmTopic } from './alarm-topic.ts'

export interface ControlAlarmsProps {
  readonly deployment: Deployment
  readonly region: string
  /** It must be behind a listener already: its metrics carry the load balancer's name. */
  readonly targetGroup: ApplicationTargetGroup
  readonly logGroup: ILogGroup
}

interface Condition {
  readonly metric: IMetric
  readonly threshold: number
  readonly comparison: ComparisonOperator
  readonly periods: number
  readonly missing?: TreatMissingData
}

const { GREATER_THAN_OR_EQUAL_TO_THRESHOLD, LESS_THAN_THRESHOLD } = ComparisonOperator
const MINUTE = Duration.minutes(1)
const FIVE_MINUTES = Duration.minutes(5)

/** A loop that fails says so at every try, about once a second; a moment's outage is none of anybody's business. */
const FAILURES_MIN = 30
const ERRORS_MIN = 5

/** Events of the control plane's log, one a line, by their field `event`. What is told of itself is all that says how it is. */
const LOG_EVENTS = { failing: 'failed', superseded: 'superseded', unconfirmed: 'unconfirmed' } as const

/** The alarms of the control plane, each under its name from config and with its article. */
export class ControlAlarms extends Construct {
  constructor(scope: Construct, id: string, { deployment, region, targetGroup, logGroup }: ControlAlarmsProps) {
    super(scope, id)
    const names = controlNames(deployment, region)
    const { topic } = new AlarmTopic(this, 'Alarms', {
      topicName: names.alarmTopic,
      account: deployment.accounts.control,
      emails: deployment.alarms.emails,
    })
    const logged = (name: keyof typeof LOG_EVENTS) => this.logged(deployment, logGroup, name)
    const conditions: Record<ControlAlarm, Condition> = {
      'control-plane-missing': {
        metric: targetGroup.metrics.healthyHostCount({ statistic: Stats.MINIMUM, period: MINUTE }),
        threshold: 1,
        comparison: LESS_THAN_THRESHOLD,
        periods: 5,
        missing: TreatMissingData.BREACHING,
      },
      'control-plane-errors': {
        metric: serverErrors(targetGroup),
        threshold: ERRORS_MIN,
        comparison: GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
        periods: 1,
      },
      'control-plane-failing': {
        metric: new MathExpression({
          label: 'failures, and notices that a newer control plane is there',
          // One notice of that kind is enough.
          expression: `FILL(failing, 0) + ${FAILURES_MIN} * FILL(superseded, 0)`,
          usingMetrics: { failing: logged('failing'), superseded: logged('superseded') },
          period: FIVE_MINUTES,
        }),
        threshold: FAILURES_MIN,
        comparison: GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
        periods: 1,
      },
      'control-plane-unconfirmed': {
        metric: logged('unconfirmed'),
        threshold: 1,
        comparison: GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
        periods: 1,
      },
    }
    const action = new SnsAction(topic)
    for (const [name, condition] of Object.entries(conditions) as [ControlAlarm, Condition][]) {
      const { metric, threshold, comparison, periods, missing = TreatMissingData.NOT_BREACHING } = condition
      const alarm = new Alarm(this, name, {
        alarmName: names.alarm(name),
        alarmDescription: alarmDescription(deployment, name, region),
        metric,
        threshold,
        comparisonOperator: comparison,
        evaluationPeriods: periods,
        treatMissingData: missing,
      })
      alarm.addAlarmAction(action)
      alarm.addOkAction(action)
    }
  }

  private logged(deployment: Deployment, logGroup: ILogGroup, name: keyof typeof LOG_EVENTS): Metric {
    const event = LOG_EVENTS[name]
    return new MetricFilter(this, `Logged-${event}`, {
      logGroup,
      filterPattern: FilterPattern.stringValue('$.event', '=', event),
      metricNamespace: metricNamespace(deployment),
      metricName: `control-plane.${event}`,
      metricValue: '1',
      defaultValue: 0,
    }).metric({ statistic: Stats.SUM, period: FIVE_MINUTES })
  }
}

/** Of the control plane itself and of the load balancer for want of one. */
function serverErrors({ firstLoadBalancerFullName: LoadBalancer }: ApplicationTargetGroup): MathExpression {
  const sum = (metricName: string) =>
    new Metric({
      namespace: 'AWS/ApplicationELB',
      metricName,
      dimensionsMap: { LoadBalancer },
      statistic: Stats.SUM,
      period: FIVE_MINUTES,
    })
  return new MathExpression({
    label: 'server errors',
    expression: 'FILL(errors, 0) + FILL(own, 0)',
    usingMetrics: { errors: sum('HTTPCode_Target_5XX_Count'), own: sum('HTTPCode_ELB_5XX_Count') },
    period: FIVE_MINUTES,
  })
}
