import {
  AwsLogDriverMode,
  Capability,
  CpuArchitecture,
  FargateTaskDefinition,
  LinuxParameters,
  LogDrivers,
  OperatingSystemFamily,
} from 'aws-cdk-lib/aws-ecs'
import type { ILogGroup } from 'aws-cdk-lib/aws-logs'
import { Duration } from 'aws-cdk-lib/core'
import { Construct } from 'constructs'
import { COLLECTOR_CPU, EXPORT_ENVIRONMENT } from '../../config/collector.ts'
import { cellNames } from '../../config/names.ts'
import type { TrustRoot } from '../../config/trust.ts'
import type { Cell } from '../cell.ts'
import { acknowledge } from '../nag/acknowledge.ts'
import { secretArn } from './arns.ts'
import { GATEWAY_PORT, gatewayEnvironment, gatewaySecrets, OPERATOR_PORT, SPOOL_DIR } from './gateway-environment.ts'
import type { GatewayRoles } from './gateway-roles.ts'
import { imageOf } from './images.ts'
import { NamedSecret } from './named-secret.ts'

export interface GatewayTaskProps {
  readonly cell: Cell
  readonly roles: GatewayRoles
  readonly logGroup: ILogGroup
  readonly trustRoot: TrustRoot
}

export const CONTAINER_NAME = 'gateway'

/** Unprivileged, in the official Node images. The image declares SPOOL_DIR a VOLUME of this user, or ECS mounts it as root's. */
const USER = '1000:1000'

/**
 * Has this process ever had a verified policy? Until then a rollout has not succeeded, and the circuit breaker goes back to the
 * tasks that serve. From then on it is always yes: an expired bundle or an unreachable table is an alarm, never a reason to kill a
 * task that can still refuse.
 */
const STARTED = `fetch('http://127.0.0.1:${GATEWAY_PORT}/health/started').then(r=>process.exit(r.ok?0:1),()=>process.exit(1))`

/** One gateway: read-only root, no Linux capability, an unprivileged user, and one writable path for the audit spool. */
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
      runtimePlatform: { cpuArchitecture: CpuArchitecture.ARM64, operatingSystemFamily: OperatingSystemFamily.LINUX },
      taskRole: roles.task,
      executionRole: roles.execution,
      volumes: [{ name: 'spool' }],
    })
    const linuxParameters = new LinuxParameters(this, 'Linux', { initProcessEnabled: true })
    linuxParameters.dropCapabilities(Capability.ALL)
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
      readonlyRootFilesystem: true,
      user: USER,
      linuxParameters,
      healthCheck: {
        command: ['CMD', 'node', '-e', STARTED],
        interval: Duration.seconds(10),
        timeout: Duration.seconds(5),
        retries: 3,
        startPeriod: Duration.seconds(120),
      },
      // Longer than the load balancer's deregistration, so that no call in flight is cut off and the spool is synced.
      stopTimeout: Duration.seconds(60),
      // A stalled log must never stall a decision. Verdicts are recorded in the spool, not here.
      logging: LogDrivers.awsLogs({ logGroup, streamPrefix: 'gateway', mode: AwsLogDriverMode.NON_BLOCKING }),
    })
    container.addMountPoints({ sourceVolume: 'spool', containerPath: SPOOL_DIR, readOnly: false })
    acknowledge(this.definition, {
      'AwsSolutions-ECS2':
        'names, URLs and public keys, no secret; literals, so that the local fabric runs with the very environment that is deployed',
    })
  }
}
