import { FlowLogDestination, FlowLogTrafficType, IpAddresses, SubnetType, Vpc } from 'aws-cdk-lib/aws-ec2'
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs'
import { RemovalPolicy } from 'aws-cdk-lib/core'
import { Construct } from 'constructs'
import { controlNames } from '../../config/names.ts'
import type { Deployment } from '../../config/schema.ts'
import { acknowledge, acknowledgeOwnPolicy, inStandards } from '../nag/acknowledge.ts'
import { ControlEndpoints } from './control-endpoints.ts'
import { controlPlaneHosts } from './control-hosts.ts'
import { DnsFirewall } from './dns-firewall.ts'
import { pinLogicalId } from './logical-id.ts'

/** Of no cell: operators may have a way into a cell's network and into this one. */
export const CONTROL_VPC_CIDR = '10.64.0.0/20'
/** One is lost at a time, and the other goes on publishing. */
const AZ_COUNT = 2

export interface ControlNetworkProps {
  readonly deployment: Deployment
  readonly region: string
  /** Buckets of the control account that a control plane here keeps its history in, or begins from. */
  readonly stores: readonly string[]
  /** Repository of its image. */
  readonly repository: string
}

/**
 * The control plane's VPC: it has no public entrance. Tasks leave by NAT, because the services of other regions have no endpoint here, and
 * resolve nothing but those and the operators' OpenID provider.
 */
export class ControlNetwork extends Construct {
  readonly vpc: Vpc

  constructor(scope: Construct, id: string, { deployment, region, stores, repository }: ControlNetworkProps) {
    super(scope, id)
    const names = controlNames(deployment, region)
    this.vpc = new Vpc(this, 'Vpc', {
      vpcName: names.cluster,
      ipAddresses: IpAddresses.cidr(CONTROL_VPC_CIDR),
      maxAzs: AZ_COUNT,
      natGateways: AZ_COUNT,
      subnetConfiguration: [
        { name: 'public', subnetType: SubnetType.PUBLIC, cidrMask: 26, mapPublicIpOnLaunch: false },
        { name: 'private', subnetType: SubnetType.PRIVATE_WITH_EGRESS, cidrMask: 24 },
        { name: 'endpoint', subnetType: SubnetType.PRIVATE_ISOLATED, cidrMask: 26 },
      ],
      // Emptying the default group takes a Lambda. Nothing uses it: every resource here names its own group.
      restrictDefaultSecurityGroup: false,
    })
    pinLogicalId(this.vpc, 'Vpc')
    acknowledge(
      this.vpc,
      inStandards({ VPCDefaultSecurityGroupClosed: 'nothing uses the default group, and emptying it would take a Lambda' }),
    )
    for (const subnet of this.vpc.publicSubnets)
      acknowledge(
        subnet,
        inStandards({ VPCNoUnrestrictedRouteToIGW: 'holds NAT gateways alone: no task or load balancer has such a route' }),
      )
    const flowLogs = new LogGroup(this, 'FlowLogs', {
      logGroupName: names.flowLogs,
      retention: RetentionDays.THREE_MONTHS,
      removalPolicy: RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
    })
    acknowledge(flowLogs, inStandards({ CloudWatchLogGroupEncrypted: "addresses and ports, encrypted by CloudWatch's own key" }))
    acknowledgeOwnPolicy(
      this.vpc.addFlowLog('Flow', { destination: FlowLogDestination.toCloudWatchLogs(flowLogs), trafficType: FlowLogTrafficType.ALL }),
    )
    new DnsFirewall(this, 'DnsFirewall', {
      vpc: this.vpc,
      name: names.cluster,
      hosts: controlPlaneHosts(deployment, region),
      // Not a cell's list: documents are not checked against it.
      allowedId: 'ControlAllowedHosts',
    })
    new ControlEndpoints(this, 'Endpoints', { deployment, region, vpc: this.vpc, vpcCidr: CONTROL_VPC_CIDR, stores, repository })
  }
}
