import { CfnBudget } from 'aws-cdk-lib/aws-budgets'
import { CfnAnomalyMonitor, CfnAnomalySubscription } from 'aws-cdk-lib/aws-ce'
import type { ITopic } from 'aws-cdk-lib/aws-sns'
import { Construct } from 'constructs'
import { watchNames } from '../../config/names.ts'
import { type Deployment, regionsOf } from '../../config/schema.ts'

export interface CostWatchProps {
  readonly deployment: Deployment
  /** Hears of what is too much. Its policy must let AWS Budgets and Cost Anomaly Detection publish. */
  readonly topic: ITopic
}

/** Tag by which costs are told apart. It says something only once it is activated as a cost allocation tag in the paying account. */
export const COST_TAG = 'aegis:region'

/** Percent of the month's sum. A forecast above all of it is heard of weeks before the bill. */
const NOTICES = [
  { notificationType: 'ACTUAL', threshold: 80 },
  { notificationType: 'ACTUAL', threshold: 100 },
  { notificationType: 'FORECASTED', threshold: 100 },
] as const

/**
 * Says when a region costs more than planned, or more than usual. Both look at bills, which are hours late: what keeps costs from running away
 * is `gateway.maxTasks` and the rate limit. The budgets count everything in the account and region; the monitors what wears the region's tag,
 * as Cost Anomaly Detection knows no monitor by region. An account has one monitor by service at most, and AWS makes that one itself.
 */
export class CostWatch extends Construct {
  constructor(scope: Construct, id: string, { deployment, topic }: CostWatchProps) {
    super(scope, id)
    const { cost, homeRegion } = deployment
    const names = watchNames(deployment, homeRegion)
    const topicSubscriber = { subscriptionType: 'SNS', address: topic.topicArn }
    const monitors = regionsOf(deployment).map(({ region }) => {
      new CfnBudget(this, `Budget-${region}`, {
        budget: {
          budgetName: names.budget(region),
          budgetType: 'COST',
          timeUnit: 'MONTHLY',
          budgetLimit: { amount: cost.monthlyUsdOf[region] ?? cost.monthlyUsd, unit: 'USD' },
          costFilters: { Region: [region] },
        },
        notificationsWithSubscribers: NOTICES.map((notice) => ({
          notification: { ...notice, thresholdType: 'PERCENTAGE', comparisonOperator: 'GREATER_THAN' },
          subscribers: [topicSubscriber],
        })),
      })
      return new CfnAnomalyMonitor(this, `Monitor-${region}`, {
        monitorName: names.anomalyMonitor(region),
        monitorType: 'CUSTOM',
        monitorSpecification: JSON.stringify({ Tags: { Key: COST_TAG, Values: [region], MatchOptions: ['EQUALS'] } }),
      })
    })
    const subscription = new CfnAnomalySubscription(this, 'Subscription', {
      subscriptionName: names.anomalySubscription,
      // To a topic; e-mail would be once a day.
      frequency: 'IMMEDIATE',
      monitorArnList: monitors.map(({ attrMonitorArn }) => attrMonitorArn),
      subscribers: [{ type: 'SNS', address: topic.topicArn }],
      thresholdExpression: JSON.stringify({
        Dimensions: {
          Key: 'ANOMALY_TOTAL_IMPACT_ABSOLUTE',
          MatchOptions: ['GREATER_THAN_OR_EQUAL'],
          Values: [String(cost.anomalyUsd)],
        },
      }),
    })
    subscription.node.addDependency(topic)
  }
}
