import { Alarm, ComparisonOperator, MathExpression, Metric, Stats, TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch'
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions'
import { Topic } from 'aws-cdk-lib/aws-sns'
import { Duration } from 'aws-cdk-lib/core'
import { Construct } from 'constructs'
import { alarmDescription } from '../../config/alarms.ts'
import { cellNames } from '../../config/names.ts'
import type { Cell } from '../cell.ts'
import { topicArn } from './arns.ts'

/** How AWS Backup counts what was not made (AWS Backup developer guide, "AWS Backup metrics with Amazon CloudWatch"). */
const NOT_MADE = ['NumberOfBackupJobsFailed', 'NumberOfBackupJobsAborted', 'NumberOfBackupJobsExpired', 'NumberOfCopyJobsFailed'] as const

/**
 * Rings when a job of the region's vault failed, was aborted or did not start in its time. The topic is the gateway stack's, which comes
 * later: an alarm names a topic and does not ask whether it is there.
 */
export class BackupAlarm extends Construct {
  constructor(scope: Construct, id: string, { deployment, region, zone }: Cell) {
    super(scope, id)
    const { account, alarm: alarmOf, alarmTopic, backupVault } = cellNames(deployment, region, zone)
    const period = Duration.hours(1)
    const usingMetrics = Object.fromEntries(
      NOT_MADE.map((metricName, index) => [
        `m${index}`,
        new Metric({ namespace: 'AWS/Backup', metricName, dimensionsMap: { BackupVaultName: backupVault }, statistic: Stats.SUM, period }),
      ]),
    )
    const alarm = new Alarm(this, 'Failed', {
      alarmName: alarmOf('backup-failed'),
      alarmDescription: alarmDescription(deployment, 'backup-failed', region),
      metric: new MathExpression({
        label: 'jobs that failed',
        expression: Object.keys(usingMetrics)
          .map((metric) => `FILL(${metric}, 0)`)
          .join(' + '),
        usingMetrics,
        period,
      }),
      threshold: 0,
      comparisonOperator: ComparisonOperator.GREATER_THAN_THRESHOLD,
      evaluationPeriods: 1,
      // AWS counts jobs when there are some: between two nights nothing is no news.
      treatMissingData: TreatMissingData.NOT_BREACHING,
    })
    const action = new SnsAction(Topic.fromTopicArn(this, 'Topic', topicArn(region, account, alarmTopic)))
    alarm.addAlarmAction(action)
    alarm.addOkAction(action)
  }
}
