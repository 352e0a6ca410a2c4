import {
  AwsLogDriverMode,
  Capability,
  CpuArchitecture,
  FargateTaskDefinition,
  LinuxParameters,
  LogDrivers,
  OperatingSystemFamily,
} from 'aws-cdk-lib/aws-ecs'
import { type IRole, PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam'
import type { ILogGroup } from 'aws-cdk-lib/aws-logs'
import { Duration } from 'aws-cdk-lib/core'
import { Construct } from 'constructs'
import { controlNames } from '../../config/names.ts'
import type { Deployment } from '../../config/schema.ts'
import { acknowledge, acknowledgeOwnPolicy } from '../nag/acknowledge.ts'
import { repositoryArn } from './arns.ts'
import { CONTROL_PORT, CONTROL_SCRATCH_DIR, controlEnvironment, type DeployedHosts } from './control-environment.ts'
import { imageOf, imageRepository } from './images.ts'

export interface ControlTaskProps {
  readonly deployment: Deployment
  readonly region: string
  readonly taskRole: IRole
  readonly logGroup: ILogGroup
  readonly deployedHosts: readonly DeployedHosts[]
}

export const CONTROL_CONTAINER = 'control-plane'

/** Unprivileged, in the official Node images. The image declares CONTROL_SCRATCH_DIR a VOLUME of this user, or ECS mounts it as root's. */
const USER = '1000:1000'

/** Liveness alone: a store or region that is away is an alarm, and no reason to kill a process that tries again by itself. */
const LIVE = `fetch('http://127.0.0.1:${CONTROL_PORT}/health/live').then(r=>process.exit(r.ok?0:1),()=>process.exit(1))`

/** One control plane: read-only root, no Linux capability, an unprivileged user, no secret, and one path to work in. */
export class ControlTask extends Construct {
  readonly definition: FargateTaskDefinition
  readonly executionRole: Role

  constructor(scope: Construct, id: string, { deployment, region, taskRole, logGroup, deployedHosts }: ControlTaskProps) {
    super(scope, id)
    const names = controlNames(deployment, region)
    this.executionRole = executionRole(this, deployment, region)
    this.definition = new FargateTaskDefinition(this, 'Definition', {
      family: names.service,
      cpu: deployment.controlPlane.cpu,
      memoryLimitMiB: deployment.controlPlane.memoryMiB,
      runtimePlatform: { cpuArchitecture: CpuArchitecture.ARM64, operatingSystemFamily: OperatingSystemFamily.LINUX },
      taskRole,
      executionRole: this.executionRole,
      volumes: [{ name: 'scratch' }],
    })
    const linuxParameters = new LinuxParameters(this, 'Linux', { initProcessEnabled: true })
    linuxParameters.dropCapabilities(Capability.ALL)
    const container = this.definition.addContainer(CONTROL_CONTAINER, {
      containerName: CONTROL_CONTAINER,
      image: imageOf(this, 'control-plane', { documentsDir: deployment.documentsDir }),
      environment: controlEnvironment(deployment, deployedHosts),
      portMappings: [{ containerPort: CONTROL_PORT, name: 'http' }],
      readonlyRootFilesystem: true,
      user: USER,
      linuxParameters,
      healthCheck: {
        command: ['CMD', 'node', '-e', LIVE],
        interval: Duration.seconds(10),
        timeout: Duration.seconds(5),
        retries: 3,
        startPeriod: Duration.seconds(60),
      },
      stopTimeout: Duration.seconds(30),
      logging: LogDrivers.awsLogs({ logGroup, streamPrefix: 'control-plane', mode: AwsLogDriverMode.NON_BLOCKING }),
    })
    container.addMountPoints({ sourceVolume: 'scratch', containerPath: CONTROL_SCRATCH_DIR, readOnly: false })
    acknowledge(this.definition, { 'AwsSolutions-ECS2': 'names of buckets and hosts, and no secret: the control plane has none' })
  }
}

function executionRole(scope: Construct, deployment: Deployment, region: string): Role {
  const { control } = deployment.accounts
  const role = new Role(scope, 'Execution', {
    roleName: controlNames(deployment, region).executionRole,
    description: `What ECS does to start a control plane in ${region}`,
    assumedBy: new ServicePrincipal('ecs-tasks.amazonaws.com'),
  })
  role.addToPolicy(
    new PolicyStatement({
      sid: 'LogIn',
      actions: ['ecr:GetAuthorizationToken'],
      resources: ['*'],
      conditions: { StringEquals: { 'aws:RequestedRegion': region } },
    }),
  )
  role.addToPolicy(
    new PolicyStatement({
      sid: 'PullImage',
      actions: ['ecr:BatchCheckLayerAvailability', 'ecr:BatchGetImage', 'ecr:GetDownloadUrlForLayer'],
      resources: [repositoryArn(region, control, imageRepository(scope, control, region))],
    }),
  )
  acknowledge(role, { 'AwsSolutions-IAM5[Resource::*]': 'ecr:GetAuthorizationToken has no resource to name' })
  acknowledgeOwnPolicy(role)
  return role
}
