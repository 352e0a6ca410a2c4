import { FlowLogDestination, FlowLogTrafficType, IpAddresses, type Subnet, SubnetType, Vpc } from 'aws-cdk-lib/aws-ec2'
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs'
import { Fn, RemovalPolicy, Stack } from 'aws-cdk-lib/core'
import type { Construct } from 'constructs'
import { cellNames, publicNames, stackNames } from '../../config/names.ts'
import { type Cell, cellEnvironment, stackProps } from '../cell.ts'
import { CellEndpoints } from '../constructs/cell-endpoints.ts'
import { DnsFirewall } from '../constructs/dns-firewall.ts'
import { pinLogicalId } from '../constructs/logical-id.ts'
import { NetworkFirewall } from '../constructs/network-firewall.ts'
import { writeParameter } from '../constructs/network-parameter.ts'
import { toolHosts } from '../constructs/tool-hosts.ts'
import { acknowledge, acknowledgeOwnPolicy, inStandards } from '../nag/acknowledge.ts'

/** Every cell has the same addresses: cells never connect to each other, and a number per region would move when a region is added. */
export const VPC_CIDR = '10.0.0.0/16'
const AZ_COUNT_MAX = 3

/** What a VPC with a public entrance cannot avoid. */
function acknowledgeOpenness(vpc: Vpc): void {
  acknowledge(vpc, inStandards({ VPCDefaultSecurityGroupClosed: 'nothing uses the default group, and emptying it would take a Lambda' }))
  for (const subnet of vpc.publicSubnets)
    acknowledge(
      subnet,
      inStandards({ VPCNoUnrestrictedRouteToIGW: 'holds load balancers and NAT gateways alone: tasks and endpoints have no such route' }),
    )
}

/** A region's VPC: load balancer in public subnets, tasks in private ones behind NAT, endpoints in isolated ones. */
export class NetworkStack extends Stack {
  constructor(scope: Construct, cell: Cell) {
    const { deployment, region, zone } = cell
    super(
      scope,
      stackNames(deployment).network(region),
      stackProps(cell, cellEnvironment(cell), `network of ${region}`, { protect: false }),
    )
    const names = cellNames(deployment, region, zone)
    const vpc = new Vpc(this, 'Vpc', {
      vpcName: `${deployment.name}-${deployment.environment}`,
      ipAddresses: IpAddresses.cidr(VPC_CIDR),
      maxAzs: deployment.azCount,
      // Address space of the zones not used yet: to use one later moves no subnet.
      reservedAzs: AZ_COUNT_MAX - deployment.azCount,
      // A NAT gateway a zone: sharing one would tie every zone's egress to one of them. Behind a firewall they are elsewhere.
      natGateways: deployment.network.firewall ? 0 : deployment.azCount,
      subnetConfiguration: [
        { name: 'public', subnetType: SubnetType.PUBLIC, cidrMask: 24, mapPublicIpOnLaunch: false },
        { name: 'private', subnetType: SubnetType.PRIVATE_WITH_EGRESS, cidrMask: 20 },
        { name: 'endpoint', subnetType: SubnetType.PRIVATE_ISOLATED, cidrMask: 26 },
      ],
      // Emptying the default group takes a Lambda. Nothing uses it: every resource here names its own group.
      restrictDefaultSecurityGroup: false,
    })
    // Replacing either would lock the regional tables until they learn the new endpoint's id.
    pinLogicalId(vpc, 'Vpc')
    const flowLogs = new LogGroup(this, 'FlowLogs', {
      logGroupName: names.flowLogs,
      retention: RetentionDays.THREE_MONTHS,
      removalPolicy: RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
    })
    new DnsFirewall(this, 'DnsFirewall', { vpc, name: names.cluster, hosts: allowedHosts(cell) })
    acknowledge(
      flowLogs,
      inStandards({
        CloudWatchLogGroupEncrypted:
          "addresses and ports, encrypted by CloudWatch's own key; the data key is usable through the stores alone",
      }),
    )
    const flowLog = vpc.addFlowLog('Flow', {
      destination: FlowLogDestination.toCloudWatchLogs(flowLogs),
      trafficType: FlowLogTrafficType.ALL,
    })
    acknowledgeOwnPolicy(flowLog)
    acknowledgeOpenness(vpc)
    if (deployment.network.firewall) inspectEgress(this, cell, vpc)
    const endpoints = new CellEndpoints(this, 'Endpoints', { ...cell, vpc, vpcCidr: VPC_CIDR })

    writeParameter(this, names.networkParameter('vpc-id'), vpc.vpcId)
    writeParameter(this, names.networkParameter('dynamodb-endpoint-id'), endpoints.dynamodbEndpointId)
    writeParameter(this, names.networkParameter('s3-endpoint-id'), endpoints.s3EndpointId)
    vpc.publicSubnets.forEach(({ subnetId }, index) => {
      writeParameter(this, names.networkParameter(`public-subnet-${index + 1}`), subnetId)
    })
    vpc.privateSubnets.forEach(({ subnetId }, index) => {
      writeParameter(this, names.networkParameter(`private-subnet-${index + 1}`), subnetId)
    })
  }

  // With a concrete account CDK would ask AWS which zones there are. CloudFormation can say it when it deploys, in any account.
  override get availabilityZones(): string[] {
    return Array.from({ length: AZ_COUNT_MAX }, (_, index) => Fn.select(index, Fn.getAzs()))
  }
}

/** Network Firewall before NAT, for the same hosts as the DNS firewall. */
function inspectEgress(stack: Stack, cell: Cell, vpc: Vpc): void {
  const names = cellNames(cell.deployment, cell.region, cell.zone)
  const logGroup = new LogGroup(stack, 'FirewallLogs', {
    logGroupName: names.firewallLogs,
    retention: RetentionDays.THREE_MONTHS,
    removalPolicy: RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
  })
  acknowledge(
    logGroup,
    inStandards({
      CloudWatchLogGroupEncrypted:
        "addresses and host names, encrypted by CloudWatch's own key; the data key is usable through the stores alone",
    }),
  )
  new NetworkFirewall(stack, 'Firewall', {
    vpc,
    vpcCidr: VPC_CIDR,
    subnets: vpc.privateSubnets as Subnet[],
    internetGatewayId: vpc.internetGatewayId ?? '',
    internetConnected: vpc.node.findChild('VPCGW'),
    name: names.firewallPolicy,
    firewallName: names.firewall,
    hosts: allowedHosts(cell),
    logGroup,
  })
}

/** What tasks of a region may resolve: tools, the operators' OpenID provider, AWS by its own names, and what the deployment adds. */
export function allowedHosts({ deployment, region, zone }: Cell): string[] {
  const operators = new URL(publicNames(deployment).operatorIssuer).hostname
  const tools = toolHosts(deployment.documentsDir, { region, zone: deployment.plannedZones[zone]?.regions ?? [] })
  return [...new Set([...tools, operators, '*.amazonaws.com', ...deployment.egressHosts])].sort()
}
