import type { ISecurityGroup, IVpc } from 'aws-cdk-lib/aws-ec2'
import { AvailabilityZoneRebalancing, Cluster, ContainerInsights, FargateService, PropagatedTagSource } from 'aws-cdk-lib/aws-ecs'
import type { ApplicationTargetGroup } from 'aws-cdk-lib/aws-elasticloadbalancingv2'
import { Duration } from 'aws-cdk-lib/core'
import { Construct } from 'constructs'
import { cellNames } from '../../config/names.ts'
import type { Cell } from '../cell.ts'
import { GATEWAY_PORT, OPERATOR_PORT } from './gateway-environment.ts'
import { CONTAINER_NAME, type GatewayTask } from './gateway-task.ts'

export interface GatewayServiceProps {
  readonly cell: Cell
  readonly vpc: IVpc
  readonly task: GatewayTask
  readonly securityGroup: ISecurityGroup
  readonly targetGroup: ApplicationTargetGroup
  /** Of the operators' load balancer: the same tasks by their other port. */
  readonly operatorTargetGroup: ApplicationTargetGroup
}

/** The gateways of a region behind their target group. Rolling deployment: new tasks first, and back to the old ones if they fail to start. */
export class GatewayService extends Construct {
  constructor(scope: Construct, id: string, props: GatewayServiceProps) {
    super(scope, id)
    const { cell, vpc, task, securityGroup, targetGroup, operatorTargetGroup } = props
    const { deployment, region, zone } = cell
    const names = cellNames(deployment, region, zone)
    const cluster = new Cluster(this, 'Cluster', { clusterName: names.cluster, vpc, containerInsightsV2: ContainerInsights.ENABLED })
    // No desired count: it belongs to the scaling, and a deploy that set it would scale a loaded region in.
    const service = new FargateService(this, 'Service', {
      serviceName: names.service,
      cluster,
      taskDefinition: task.definition,
      vpcSubnets: { subnets: vpc.privateSubnets },
      securityGroups: [securityGroup],
      assignPublicIp: false,
      circuitBreaker: { enable: true, rollback: true },
      minHealthyPercent: 100,
      maxHealthyPercent: 200,
      availabilityZoneRebalancing: AvailabilityZoneRebalancing.ENABLED,
      healthCheckGracePeriod: Duration.seconds(60),
      propagateTags: PropagatedTagSource.SERVICE,
      enableExecuteCommand: false,
    })
    // Tasks that start before these rights and rules exist cannot pull their image or be reached.
    service.node.addDependency(securityGroup, ...(task.definition.executionRole === undefined ? [] : [task.definition.executionRole]))
    targetGroup.addTarget(service.loadBalancerTarget({ containerName: CONTAINER_NAME, containerPort: GATEWAY_PORT }))
    operatorTargetGroup.addTarget(service.loadBalancerTarget({ containerName: CONTAINER_NAME, containerPort: OPERATOR_PORT }))

    const scaling = service.autoScaleTaskCount({ minCapacity: deployment.gateway.minTasks, maxCapacity: deployment.gateway.maxTasks })
    // Half of each task stays free, for the others of an active-active region. A standby idles at its minimum and takes over the
    // primary's whole load: where that matters, raise `minTasks` to half the primary's peak.
    scaling.scaleOnCpuUtilization('Cpu', {
      targetUtilizationPercent: 50,
      scaleInCooldown: Duration.minutes(5),
      scaleOutCooldown: Duration.seconds(30),
    })
    scaling.scaleOnRequestCount('Requests', {
      targetGroup,
      requestsPerTarget: 30_000,
      scaleInCooldown: Duration.minutes(5),
      scaleOutCooldown: Duration.seconds(30),
    })
  }
}
