import { FargateTaskDefinition } from 'aws-cdk-lib/aws-ecs'
import type { IRole, Role } from 'aws-cdk-lib/aws-iam'
import type { ILogGroup } from 'aws-cdk-lib/aws-logs'
import { Duration } from 'aws-cdk-lib/core'
import { Construct } from 'constructs'
import { controlNames } from '../../config/names.ts'
import type { Deployment } from '../../config/schema.ts'
import { acknowledge } from '../nag/acknowledge.ts'
import { asksItself, confined } from './confined-container.ts'
import { CONTROL_PORT, CONTROL_SCRATCH_DIR, controlEnvironment, type DeployedHosts } from './control-environment.ts'
import { executionRole } from './execution-role.ts'
import { GRAVITON, imageOf } from './images.ts'

export interface ControlTaskProps {
  readonly deployment: Deployment
  readonly region: string
  readonly taskRole: IRole
  readonly logGroup: ILogGroup
  readonly deployedHosts: readonly DeployedHosts[]
}

export const CONTROL_CONTAINER = 'control-plane'

/** Liveness alone: a store or region that is away is an alarm, and no reason to kill a process that tries again by itself. */
const LIVE = '/health/live'

/** One control plane: confined, without a secret, and with one path to work in. */
export class ControlTask extends Construct {
  readonly definition: FargateTaskDefinition
  readonly executionRole: Role

  constructor(scope: Construct, id: string, { deployment, region, taskRole, logGroup, deployedHosts }: ControlTaskProps) {
    super(scope, id)
    const names = controlNames(deployment, region)
    this.executionRole = executionRole(this, {
      roleName: names.executionRole,
      description: `What ECS does to start a control plane in ${region}`,
      account: deployment.accounts.control,
      region,
    })
    this.definition = new FargateTaskDefinition(this, 'Definition', {
      family: names.service,
      cpu: deployment.controlPlane.cpu,
      memoryLimitMiB: deployment.controlPlane.memoryMiB,
      runtimePlatform: GRAVITON,
      taskRole,
      executionRole: this.executionRole,
      volumes: [{ name: 'scratch' }],
    })
    const container = this.definition.addContainer(CONTROL_CONTAINER, {
      containerName: CONTROL_CONTAINER,
      image: imageOf(this, 'control-plane', { documentsDir: deployment.documentsDir }),
      environment: controlEnvironment(deployment, deployedHosts),
      portMappings: [{ containerPort: CONTROL_PORT, name: 'http' }],
      healthCheck: asksItself({ port: CONTROL_PORT, path: LIVE, startPeriod: Duration.seconds(60) }),
      stopTimeout: Duration.seconds(30),
      ...confined(this, { logGroup, streamPrefix: 'control-plane' }),
    })
    container.addMountPoints({ sourceVolume: 'scratch', containerPath: CONTROL_SCRATCH_DIR, readOnly: false })
    acknowledge(this.definition, { 'AwsSolutions-ECS2': 'names of buckets and hosts, and no secret: the control plane has none' })
  }
}
