import type { ISecurityGroup, IVpc } from 'aws-cdk-lib/aws-ec2'
import {
  AlarmBehavior,
  AvailabilityZoneRebalancing,
  Cluster,
  ContainerInsights,
  DeploymentStrategy,
  FargateService,
  PropagatedTagSource,
} from 'aws-cdk-lib/aws-ecs'
import { Duration } from 'aws-cdk-lib/core'
import { Construct, type IDependable } from 'constructs'
import type { RegionAlarm } from '../../config/alarms.ts'
import { cellNames } from '../../config/names.ts'
import type { Cell } from '../cell.ts'
import { GATEWAY_PORT, OPERATOR_PORT } from './gateway-environment.ts'
import { GatewayScaling } from './gateway-scaling.ts'
import { CONTAINER_NAME, type GatewayTask } from './gateway-task.ts'
import { GatewayTraffic, type Traffic } from './gateway-traffic.ts'

export interface GatewayServiceProps {
  readonly cell: Cell
  readonly vpc: IVpc
  readonly task: GatewayTask
  readonly securityGroup: ISecurityGroup
  readonly traffic: Traffic
  /** By the operators' load balancer: the same tasks by their other port. */
  readonly operatorTraffic: Traffic
  /** The region's alarms. ECS makes no service that is to watch an alarm that is not there. */
  readonly alarms: IDependable
}

/** Alarms that take a deployment back. Each may be the fault of a version; one that says what a region has lost, or what was published, is not among them. */
export const DEPLOYMENT_ALARMS: readonly RegionAlarm[] = ['gateway-errors', 'decision-latency', 'stage-failures', 'audit-unavailable']

/**
 * The gateways of a region behind their load balancers. A new version is a canary: its tasks start beside the old ones, get a few calls, then
 * all, and the old ones stay for a while. An alarm in that time, or tasks that do not start, and calls go back to the old ones.
 */
export class GatewayService extends Construct {
  constructor(scope: Construct, id: string, props: GatewayServiceProps) {
    super(scope, id)
    const { cell, vpc, task, securityGroup, traffic, operatorTraffic, alarms } = props
    const { deployment, region, zone } = cell
    const { canaryPercent, canaryBakeMin, bakeMin } = deployment.gateway
    const names = cellNames(deployment, region, zone)
    const cluster = new Cluster(this, 'Cluster', { clusterName: names.cluster, vpc, containerInsightsV2: ContainerInsights.ENABLED })
    const moving = new GatewayTraffic(this, 'Traffic', { cell, traffic: [traffic, operatorTraffic] })
    // No desired count: it belongs to the scaling, and a deploy that set it would scale a loaded region in.
    const service = new FargateService(this, 'Service', {
      serviceName: names.service,
      cluster,
      taskDefinition: task.definition,
      vpcSubnets: { subnets: vpc.privateSubnets },
      securityGroups: [securityGroup],
      assignPublicIp: false,
      deploymentStrategy: DeploymentStrategy.CANARY,
      canaryConfiguration: { stepPercent: canaryPercent, stepBakeTime: Duration.minutes(canaryBakeMin) },
      bakeTime: Duration.minutes(bakeMin),
      deploymentAlarms: { alarmNames: DEPLOYMENT_ALARMS.map(names.alarm), behavior: AlarmBehavior.ROLLBACK_ON_ALARM },
      // Sees what no alarm does: tasks that never start.
      circuitBreaker: { enable: true, rollback: true },
      minHealthyPercent: 100,
      maxHealthyPercent: 200,
      availabilityZoneRebalancing: AvailabilityZoneRebalancing.ENABLED,
      healthCheckGracePeriod: Duration.seconds(60),
      propagateTags: PropagatedTagSource.SERVICE,
      enableExecuteCommand: false,
    })
    // Tasks that start before these rights and rules exist cannot pull their image or be reached.
    service.node.addDependency(securityGroup, moving, alarms)
    if (task.definition.executionRole !== undefined) service.node.addDependency(task.definition.executionRole)
    for (const [way, containerPort] of [
      [traffic, GATEWAY_PORT],
      [operatorTraffic, OPERATOR_PORT],
    ] as const) {
      const alternateTarget = moving.alternateOf(way)
      way.targetGroup.addTarget(service.loadBalancerTarget({ containerName: CONTAINER_NAME, containerPort, alternateTarget }))
    }
    new GatewayScaling(this, 'Scaling', { cell, service, traffic })
  }
}
