import { Alarm, ComparisonOperator, Metric, Stats, TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch'
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions'
import { PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam'
import { LogGroup, ResourcePolicy, RetentionDays } from 'aws-cdk-lib/aws-logs'
import { Topic } from 'aws-cdk-lib/aws-sns'
import { Duration, RemovalPolicy, Stack } from 'aws-cdk-lib/core'
import type { Construct } from 'constructs'
import { alarmDescription } from '../../config/alarms.ts'
import { drillNamespace, STOP_METRIC } from '../../config/drills.ts'
import { cellNames, sharedNames, stackNames } from '../../config/names.ts'
import { type Cell, cellEnvironment, stackProps } from '../cell.ts'
import { logGroupArn, tableArn, topicArn } from '../constructs/arns.ts'
import { isolationRights, replicationRights, taskKillRights } from '../constructs/drill-rights.ts'
import { Experiment } from '../constructs/experiment.ts'
import { acknowledge, inStandards } from '../nag/acknowledge.ts'

/**
 * The drills that AWS can run on a region. Nothing in here starts one: the director does, from the routing region, which no drill touches.
 * Each ends by itself, and at once when the alarm `drill-stop` rings, which anybody can make ring who may write a metric in this region.
 */
export class DrillsStack extends Stack {
  constructor(scope: Construct, cell: Cell) {
    const { deployment, region, zone } = cell
    super(scope, stackNames(deployment).drills(region), stackProps(cell, cellEnvironment(cell), `drills of ${region}`, { protect: false }))
    const names = cellNames(deployment, region, zone)
    const duration = `PT${deployment.drills.durationMin}M`
    const log = drillLog(this, cell)
    const stop = stopAlarm(this, cell)
    // Ours by name: the gateway stack is deployed before.
    const errors = names.alarm('gateway-errors')
    const experiments = [
      new Experiment(this, 'RegionIsolation', {
        cell,
        drill: 'region-isolation',
        description: `Cuts every subnet of ${region} off from everything, itself included`,
        action: { actionId: 'aws:network:disrupt-connectivity', parameters: { duration, scope: 'all' }, targets: { Subnets: 'subnets' } },
        targets: {
          subnets: {
            resourceType: 'aws:ec2:subnet',
            selectionMode: 'ALL',
            // The tags of every stack of the deployment; only the network stack has subnets.
            resourceTags: { 'aegis:deployment': deployment.name, 'aegis:environment': deployment.environment },
          },
        },
        // Not the region's own alarms: that agents get no answer here is what the drill is for. The director watches the other regions.
        stopAlarms: [names.alarm('drill-stop')],
        ...rightsOf(isolationRights(cell)),
      }),
      new Experiment(this, 'ReplicationPause', {
        cell,
        drill: 'replication-pause',
        description: `Lets the global table of ${region} neither send nor take changes`,
        action: { actionId: 'aws:dynamodb:global-table-pause-replication', parameters: { duration }, targets: { Tables: 'replica' } },
        targets: {
          replica: {
            resourceType: 'aws:dynamodb:global-table',
            selectionMode: 'ALL',
            resourceArns: [tableArn(region, names.account, sharedNames(deployment).globalTable)],
          },
        },
        stopAlarms: [names.alarm('drill-stop'), errors],
        ...rightsOf(replicationRights(cell)),
      }),
      new Experiment(this, 'TaskKill', {
        cell,
        drill: 'task-kill',
        description: `Stops half of the gateways of ${region} at once`,
        action: { actionId: 'aws:ecs:stop-task', targets: { Tasks: 'gateways' } },
        targets: {
          gateways: {
            resourceType: 'aws:ecs:task',
            selectionMode: 'PERCENT(50)',
            parameters: { cluster: names.cluster, service: names.service },
          },
        },
        stopAlarms: [names.alarm('drill-stop'), errors],
        ...rightsOf(taskKillRights(cell)),
      }),
    ]
    for (const experiment of experiments) experiment.node.addDependency(log, stop)
  }
}

function rightsOf({ statements, findings }: ReturnType<typeof isolationRights>) {
  return { rights: statements, findings }
}

/** A log of its own name, with a policy that lets AWS's delivery write into it for this account's experiments alone. */
function drillLog(stack: Stack, { deployment, region, zone }: Cell): ResourcePolicy {
  const { account, drillLogs } = cellNames(deployment, region, zone)
  const log = new LogGroup(stack, 'Log', {
    logGroupName: drillLogs,
    retention: RetentionDays.ONE_YEAR,
    removalPolicy: RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
  })
  acknowledge(
    log,
    inStandards({ CloudWatchLogGroupEncrypted: 'states of experiments, nothing personal, and no key that a drill could take away' }),
  )
  return new ResourcePolicy(stack, 'LogPolicy', {
    resourcePolicyName: `${stackNames(deployment).drills(region)}-log`,
    policyStatements: [
      new PolicyStatement({
        sid: 'DeliverLogsOfDrills',
        principals: [new ServicePrincipal('delivery.logs.amazonaws.com')],
        actions: ['logs:CreateLogStream', 'logs:PutLogEvents'],
        resources: [`${logGroupArn(region, account, drillLogs)}:log-stream:*`],
        conditions: { StringEquals: { 'aws:SourceAccount': account }, ArnLike: { 'aws:SourceArn': `arn:aws:logs:${region}:${account}:*` } },
      }),
    ],
  })
}

/**
 * Rings when somebody puts a 1 into its metric: a stop button that takes one call to this region's CloudWatch, with no experiment's id at
 * hand. It goes off by itself, and no drill starts while it rings.
 */
function stopAlarm(stack: Stack, { deployment, region, zone }: Cell): Alarm {
  const { account, alarm: alarmOf, alarmTopic } = cellNames(deployment, region, zone)
  const alarm = new Alarm(stack, 'Stop', {
    alarmName: alarmOf('drill-stop'),
    alarmDescription: alarmDescription(deployment, 'drill-stop', region),
    metric: new Metric({
      namespace: drillNamespace(deployment),
      metricName: STOP_METRIC,
      statistic: Stats.MAXIMUM,
      period: Duration.minutes(1),
    }),
    threshold: 1,
    comparisonOperator: ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
    evaluationPeriods: 1,
    treatMissingData: TreatMissingData.NOT_BREACHING,
  })
  alarm.addAlarmAction(new SnsAction(Topic.fromTopicArn(stack, 'Topic', topicArn(region, account, alarmTopic))))
  return alarm
}
