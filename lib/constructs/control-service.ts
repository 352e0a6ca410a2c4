import { Peer, Port, SecurityGroup } from 'aws-cdk-lib/aws-ec2'
import {
  AlarmBehavior,
  AvailabilityZoneRebalancing,
  Cluster,
  ContainerInsights,
  FargateService,
  PropagatedTagSource,
} from 'aws-cdk-lib/aws-ecs'
import type { IRole } from 'aws-cdk-lib/aws-iam'
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs'
import { Duration, RemovalPolicy } from 'aws-cdk-lib/core'
import { Construct } from 'constructs'
import { controlNames } from '../../config/names.ts'
import type { Deployment } from '../../config/schema.ts'
import { acknowledge, inStandards } from '../nag/acknowledge.ts'
import type { Placeholder } from '../placeholders.ts'
import { ControlAlarms } from './control-alarms.ts'
import { CONTROL_PORT, type DeployedHosts } from './control-environment.ts'
import { ControlLoadBalancer, controlZonePlaceholders } from './control-load-balancer.ts'
import { ControlNetwork } from './control-network.ts'
import { CONTROL_CONTAINER, ControlTask } from './control-task.ts'
import { imageRepository } from './images.ts'

export interface ControlServiceProps {
  readonly deployment: Deployment
  readonly region: string
  /** The publisher: what the control plane does, it does as this role. */
  readonly taskRole: IRole
  /** Buckets of the control account that it keeps its history in, or begins from. */
  readonly stores: readonly string[]
  /** What documents' hosts are checked against at publication. */
  readonly deployedHosts: readonly DeployedHosts[]
}

/** One in each availability zone. Both work: of two that decide at once the ledger lets one come first. */
const TASKS = 2

/** The control plane in one region: network, entrance, two tasks over two availability zones, alarms. */
export class ControlService extends Construct {
  /** What is not known yet, for the metadata of the stack. */
  readonly placeholders: readonly Placeholder[]

  constructor(scope: Construct, id: string, props: ControlServiceProps) {
    super(scope, id)
    const { deployment, region, taskRole, stores, deployedHosts } = props
    const names = controlNames(deployment, region)
    this.placeholders = controlZonePlaceholders(deployment)
    const { vpc } = new ControlNetwork(this, 'Network', {
      deployment,
      region,
      stores,
      repository: imageRepository(this, deployment.accounts.control, region),
    })
    const securityGroup = new SecurityGroup(this, 'TaskSecurityGroup', {
      vpc,
      description: 'Control planes: HTTP from the load balancer, HTTPS to AWS and the OpenID provider',
      allowAllOutbound: false,
    })
    securityGroup.addEgressRule(Peer.anyIpv4(), Port.tcp(443), 'HTTPS to AWS and the OpenID provider')
    const { targetGroup } = new ControlLoadBalancer(this, 'Entrance', { deployment, region, vpc, taskSecurityGroup: securityGroup })
    const logGroup = new LogGroup(this, 'Logs', {
      logGroupName: names.logs,
      retention: RetentionDays.THREE_MONTHS,
      removalPolicy: RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
    })
    acknowledge(
      logGroup,
      inStandards({
        CloudWatchLogGroupEncrypted: "who ordered what, as in the ledger; no call's data is known here. Encrypted by CloudWatch's own key",
      }),
    )
    const alarms = new ControlAlarms(this, 'Alarms', { deployment, region, targetGroup, logGroup })
    const task = new ControlTask(this, 'Task', { deployment, region, taskRole, logGroup, deployedHosts })
    const cluster = new Cluster(this, 'Cluster', { clusterName: names.cluster, vpc, containerInsightsV2: ContainerInsights.ENABLED })
    const service = new FargateService(this, 'Service', {
      serviceName: names.service,
      cluster,
      taskDefinition: task.definition,
      desiredCount: TASKS,
      vpcSubnets: { subnets: vpc.privateSubnets },
      securityGroups: [securityGroup],
      assignPublicIp: false,
      circuitBreaker: { enable: true, rollback: true },
      // A version that starts, and then fails at its work, goes back too.
      deploymentAlarms: {
        alarmNames: [names.alarm('control-plane-failing'), names.alarm('control-plane-errors')],
        behavior: AlarmBehavior.ROLLBACK_ON_ALARM,
      },
      minHealthyPercent: 100,
      maxHealthyPercent: 200,
      availabilityZoneRebalancing: AvailabilityZoneRebalancing.ENABLED,
      healthCheckGracePeriod: Duration.seconds(60),
      propagateTags: PropagatedTagSource.SERVICE,
      enableExecuteCommand: false,
    })
    // Tasks that start before these rights and rules exist cannot pull their image or be reached, and ECS looks for the alarms.
    service.node.addDependency(securityGroup, task.executionRole, taskRole, alarms)
    targetGroup.addTarget(service.loadBalancerTarget({ containerName: CONTROL_CONTAINER, containerPort: CONTROL_PORT }))
  }
}
