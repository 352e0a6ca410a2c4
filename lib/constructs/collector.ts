import type { FargateTaskDefinition } from 'aws-cdk-lib/aws-ecs'
import { type ILogGroup, LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs'
import { Duration, RemovalPolicy } from 'aws-cdk-lib/core'
import { Construct } from 'constructs'
import { COLLECTOR_CPU, COLLECTOR_MEMORY_MIB, collectorConfig, QUEUE_DIR } from '../../config/collector.ts'
import { cellNames } from '../../config/names.ts'
import type { Cell } from '../cell.ts'
import { acknowledge, inStandards } from '../nag/acknowledge.ts'
import { confined } from './confined-container.ts'
import { imageOf } from './images.ts'

export interface CollectorProps {
  readonly cell: Cell
  /** The gateway's task. */
  readonly definition: FargateTaskDefinition
  /** Where the collector says what it cannot do. */
  readonly logGroup: ILogGroup
}

export const COLLECTOR_NAME = 'collector'
const QUEUE_VOLUME = 'telemetry'

/**
 * The collector beside a gateway: it takes metrics and spans on loopback and carries them to CloudWatch and X-Ray of the region. Not
 * essential, and the gateway does not wait for it: without it decisions go on unmeasured, and an alarm says so. ECS starts it again inside
 * the same task, and what it had queued is still on the volume.
 *
 * It has the task's role, as every container of a Fargate task does. It listens on loopback only, and its image has no shell.
 */
export class Collector extends Construct {
  constructor(scope: Construct, id: string, { cell, definition, logGroup }: CollectorProps) {
    super(scope, id)
    const { deployment, region, zone } = cell
    const names = cellNames(deployment, region, zone)
    definition.addVolume({ name: QUEUE_VOLUME })
    const container = definition.addContainer(COLLECTOR_NAME, {
      containerName: COLLECTOR_NAME,
      image: imageOf(this, 'collector'),
      command: ['--config=env:COLLECTOR_CONFIG'],
      environment: {
        COLLECTOR_CONFIG: collectorConfig(deployment, region, zone),
        // Go gives memory back before the container's limit ends it.
        GOMEMLIMIT: `${COLLECTOR_MEMORY_MIB.refuseAt}MiB`,
      },
      cpu: COLLECTOR_CPU,
      memoryLimitMiB: COLLECTOR_MEMORY_MIB.limit,
      essential: false,
      enableRestartPolicy: true,
      restartAttemptPeriod: Duration.seconds(60),
      // In the image. Only essential containers decide on the health of a task, so this is for whoever looks.
      healthCheck: { command: ['CMD', '/healthcheck'], interval: Duration.seconds(30), timeout: Duration.seconds(5), retries: 3 },
      ...confined(this, { logGroup, streamPrefix: COLLECTOR_NAME }),
    })
    container.addMountPoints({ sourceVolume: QUEUE_VOLUME, containerPath: QUEUE_DIR, readOnly: false })

    const metrics = new LogGroup(this, 'Metrics', {
      logGroupName: names.metricsLogs,
      // CloudWatch has made metrics of it within seconds; what is left is for looking closer.
      retention: RetentionDays.ONE_MONTH,
      removalPolicy: RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
    })
    acknowledge(
      metrics,
      inStandards({
        CloudWatchLogGroupEncrypted:
          "counts and durations, no argument and no verdict; encrypted by CloudWatch's own key, as the data key is usable through the stores alone",
      }),
    )
  }
}
