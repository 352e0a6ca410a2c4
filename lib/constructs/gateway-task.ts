import { FargateTaskDefinition } from 'aws-cdk-lib/aws-ecs'
import type { ILogGroup } from 'aws-cdk-lib/aws-logs'
import { Duration } from 'aws-cdk-lib/core'
import { Construct } from 'constructs'
import { COLLECTOR_CPU, EXPORT_ENVIRONMENT } from '../../config/collector.ts'
import { cellNames } from '../../config/names.ts'
import type { TrustRoot } from '../../config/trust.ts'
import type { Cell } from '../cell.ts'
import { acknowledge } from '../nag/acknowledge.ts'
import { secretArn } from './arns.ts'
import { asksItself, confined } from './confined-container.ts'
import { GATEWAY_PORT, gatewayEnvironment, gatewaySecrets, OPERATOR_PORT, SPOOL_DIR } from './gateway-environment.ts'
import type { GatewayRoles } from './gateway-roles.ts'
import { GRAVITON, imageOf } from './images.ts'
import { NamedSecret } from './named-secret.ts'

export interface GatewayTaskProps {
  readonly cell: Cell
  readonly roles: GatewayRoles
  readonly logGroup: ILogGroup
  readonly trustRoot: TrustRoot
}

export const CONTAINER_NAME = 'gateway'

/**
 * Has this process ever had a verified policy? Until then a rollout has not succeeded, and the circuit breaker goes back to the
 * tasks that serve. From then on it is always yes: an expired bundle or an unreachable table is an alarm, never a reason to kill a
 * task that can still refuse.
 */
const STARTED = '/health/started'

/** One gateway: confined, with one writable path for the audit spool. */
export class GatewayTask extends Construct {
  readonly definition: FargateTaskDefinition

  constructor(scope: Construct, id: string, { cell, roles, logGroup, trustRoot }: GatewayTaskProps) {
    super(scope, id)
    const { deployment, region, zone } = cell
    const { account, service } = cellNames(deployment, region, zone)
    this.definition = new FargateTaskDefinition(this, 'Definition', {
      family: service,
      cpu: deployment.gateway.cpu,
      memoryLimitMiB: deployment.gateway.memoryMiB,
      runtimePlatform: GRAVITON,
      taskRole: roles.task,
      executionRole: roles.execution,
      volumes: [{ name: 'spool' }],
    })
    const container = this.definition.addContainer(CONTAINER_NAME, {
      containerName: CONTAINER_NAME,
      image: imageOf(this, 'gateway'),
      environment: { ...gatewayEnvironment(deployment, region, zone, trustRoot), ...EXPORT_ENVIRONMENT },
      // Said, as a container that asks for nothing gets the smallest share of all beside one that asks.
      cpu: deployment.gateway.cpu - COLLECTOR_CPU,
      secrets: Object.fromEntries(
        Object.entries(gatewaySecrets(deployment, zone)).map(([variable, secret]) => [
          variable,
          // By its name, as the suffix that AWS adds to the ARN is known to nobody yet.
          new NamedSecret(secretArn(region, account, secret)),
        ]),
      ),
      portMappings: [
        { containerPort: GATEWAY_PORT, name: 'http' },
        { containerPort: OPERATOR_PORT, name: 'operator' },
      ],
      healthCheck: asksItself({ port: GATEWAY_PORT, path: STARTED, startPeriod: Duration.seconds(120) }),
      // Longer than the load balancer's deregistration, so that no call in flight is cut off and the spool is synced.
      stopTimeout: Duration.seconds(60),
      // Verdicts are recorded in the spool, not in the log, which may lose lines.
      ...confined(this, { logGroup, streamPrefix: 'gateway' }),
    })
    container.addMountPoints({ sourceVolume: 'spool', containerPath: SPOOL_DIR, readOnly: false })
    acknowledge(this.definition, {
      'AwsSolutions-ECS2':
        'names, URLs and public keys, no secret; literals, so that the local fabric runs with the very environment that is deployed',
    })
  }
}
