import { type IVpc, Peer, Port, SecurityGroup, Vpc } from 'aws-cdk-lib/aws-ec2'
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs'
import { Annotations, RemovalPolicy, Stack } from 'aws-cdk-lib/core'
import type { Construct } from 'constructs'
import { cellNames, stackNames } from '../../config/names.ts'
import { isPlaceholder, type TrustRoot } from '../../config/trust.ts'
import { type Cell, cellEnvironment, stackProps } from '../cell.ts'
import { Collector } from '../constructs/collector.ts'
import { GatewayLoadBalancer } from '../constructs/gateway-load-balancer.ts'
import { GatewayRoles } from '../constructs/gateway-roles.ts'
import { GatewayService } from '../constructs/gateway-service.ts'
import { GatewayTask } from '../constructs/gateway-task.ts'
import { hostedZoneOf, hostedZonePlaceholders } from '../constructs/hosted-zone.ts'
import { readParameter } from '../constructs/network-parameter.ts'
import { OperatorLoadBalancer } from '../constructs/operator-load-balancer.ts'
import { RegionAlarms } from '../constructs/region-alarms.ts'
import { acknowledge, inStandards } from '../nag/acknowledge.ts'
import { markPlaceholders } from '../placeholders.ts'
import { LOAD_BALANCER_LOGS } from './residency-store.ts'

export interface GatewayStackProps extends Cell {
  readonly trustRoot: TrustRoot
}

/** The data plane of a region: gateways, a load balancer for agents and one for operators, and the records that lead there. */
export class GatewayStack extends Stack {
  constructor(scope: Construct, { trustRoot, ...cell }: GatewayStackProps) {
    const { deployment, region, zone } = cell
    super(scope, stackNames(deployment).gateway(region), stackProps(cell, cellEnvironment(cell), `gateway of ${region}`, { protect: true }))
    const names = cellNames(deployment, region, zone)
    const vpc = networkOf(this, cell)
    const securityGroup = new SecurityGroup(this, 'TaskSecurityGroup', {
      vpc,
      description: 'Gateways: HTTP from the load balancers, HTTPS to tools and AWS',
      allowAllOutbound: false,
    })
    securityGroup.addEgressRule(Peer.anyIpv4(), Port.tcp(443), 'HTTPS to tools and AWS')
    const entrance = {
      cell,
      vpc,
      hostedZone: hostedZoneOf(this, deployment),
      taskSecurityGroup: securityGroup,
      logFolder: LOAD_BALANCER_LOGS,
    }
    const { traffic } = new GatewayLoadBalancer(this, 'Entrance', entrance)
    const { traffic: operatorTraffic } = new OperatorLoadBalancer(this, 'OperatorEntrance', entrance)
    const logGroup = new LogGroup(this, 'Logs', {
      logGroupName: names.gatewayLogs,
      retention: RetentionDays.THREE_MONTHS,
      removalPolicy: RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
    })
    acknowledge(
      logGroup,
      inStandards({
        CloudWatchLogGroupEncrypted:
          "no argument, result or verdict is logged here; encrypted by CloudWatch's own key, as the data key is usable through the stores alone",
      }),
    )
    const roles = new GatewayRoles(this, 'Roles', cell)
    const task = new GatewayTask(this, 'Task', { cell, roles, logGroup, trustRoot })
    new Collector(this, 'Collector', { cell, definition: task.definition, logGroup })
    const alarms = new RegionAlarms(this, 'Alarms', { cell, traffic })
    new GatewayService(this, 'Gateway', { cell, vpc, task, securityGroup, traffic, operatorTraffic, alarms })
    markPlaceholders(this, [...hostedZonePlaceholders(deployment), ...(isPlaceholder(trustRoot) ? (['trustRoot'] as const) : [])])
  }
}

/** The network stack's VPC, by the ids in its parameters. */
function networkOf(stack: Stack, { deployment, region, zone }: Cell): IVpc {
  const { networkParameter } = cellNames(deployment, region, zone)
  const azs = Array.from({ length: deployment.azCount }, (_, index) => index + 1)
  Annotations.of(stack).acknowledgeWarning('@aws-cdk/aws-ec2:noSubnetRouteTableId', 'nothing here adds a route')
  return Vpc.fromVpcAttributes(stack, 'Vpc', {
    vpcId: readParameter(networkParameter('vpc-id')),
    availabilityZones: azs.map((az) => `az-${az}`),
    publicSubnetIds: azs.map((az) => readParameter(networkParameter(`public-subnet-${az}`))),
    privateSubnetIds: azs.map((az) => readParameter(networkParameter(`private-subnet-${az}`))),
  })
}
