import { type IVpc, PublicSubnet, RouterType, Subnet } from 'aws-cdk-lib/aws-ec2'
import type { LogGroup } from 'aws-cdk-lib/aws-logs'
import { CfnFirewall, CfnFirewallPolicy, CfnLoggingConfiguration, CfnRuleGroup } from 'aws-cdk-lib/aws-networkfirewall'
import { Fn } from 'aws-cdk-lib/core'
import { Construct, type IDependable } from 'constructs'
import { acknowledge, inStandards } from '../nag/acknowledge.ts'

export interface NetworkFirewallProps {
  readonly vpc: IVpc
  /** The VPC's own range: what the rules take for inside. Everything else is outside. */
  readonly vpcCidr: string
  /** Private subnets, whose way out leads through the firewall; one an availability zone. */
  readonly subnets: readonly Subnet[]
  readonly internetGatewayId: string
  /** What must be there before a NAT gateway can work. */
  readonly internetConnected: IDependable
  /** Name of the policy, and the beginning of the names of its rule groups. */
  readonly name: string
  /** Name of the firewall of an availability zone, counted from 1. */
  readonly firewallName: (az: number) => string
  /** Hosts that may be connected to, as the DNS firewall has them; `*.x` stands for every name below. */
  readonly hosts: readonly string[]
  /** Gets what was dropped. */
  readonly logGroup: LogGroup
}

/** Addresses at the end of the VPC's range, where no other subnet will come to be. AWS asks for a /28 for a firewall endpoint. */
const firewallCidr = (az: number) => `10.0.255.${16 * (az - 1)}/28`
const natCidr = (az: number) => `10.0.255.${64 + 16 * (az - 1)}/28`

/** Rules that one group may hold, times what one host needs: it cannot be changed later without a new group. */
const HOSTS_CAPACITY = 1000
const PROTOCOLS_CAPACITY = 10

/**
 * AWS Network Firewall between the private subnets and NAT: it reads the name in a TLS handshake or an HTTP request, so a task that dials an
 * address without asking DNS gets no further than with it.
 *
 *     private subnet ──> firewall endpoint ──> NAT gateway ──> internet gateway
 *            └──────────────── back the same way ─────────────────┘
 *
 * The NAT gateways get subnets of their own, in place of the public ones: a route there that sends answers back through the firewall would
 * otherwise catch half of what the load balancers in the same subnets send to tasks, on its way in alone, and a stateful firewall drops
 * what it sees one half of (Network Firewall developer guide, "Avoiding asymmetric routing"). VPC, subnets and endpoints stay as they are.
 *
 * One firewall an availability zone, under one policy: CloudFormation gives the endpoints of a firewall in no certain order, and a route to
 * another zone's endpoint would be such a half.
 */
export class NetworkFirewall extends Construct {
  constructor(scope: Construct, id: string, props: NetworkFirewallProps) {
    super(scope, id)
    const policy = this.policy(props)
    for (const [index, subnet] of props.subnets.entries()) this.leadThrough(props, policy, subnet, index + 1)
  }

  private leadThrough(props: NetworkFirewallProps, policy: CfnFirewallPolicy, privateSubnet: Subnet, az: number): void {
    const { vpc, firewallName, logGroup, internetGatewayId, internetConnected } = props
    const place = { vpcId: vpc.vpcId, availabilityZone: privateSubnet.availabilityZone }
    const firewallSubnet = new Subnet(this, `FirewallSubnet${az}`, { ...place, cidrBlock: firewallCidr(az), mapPublicIpOnLaunch: false })
    const natSubnet = new PublicSubnet(this, `NatSubnet${az}`, { ...place, cidrBlock: natCidr(az), mapPublicIpOnLaunch: false })
    const firewall = new CfnFirewall(this, `Firewall${az}`, {
      firewallName: firewallName(az),
      description: 'Lets tasks reach the hosts of their tools, and nothing else',
      firewallPolicyArn: policy.attrFirewallPolicyArn,
      vpcId: vpc.vpcId,
      subnetMappings: [{ subnetId: firewallSubnet.subnetId }],
      // Both take a change of their own first: two steps that nobody does by mistake.
      deleteProtection: true,
      subnetChangeProtection: true,
    })
    new CfnLoggingConfiguration(this, `Logging${az}`, {
      firewallArn: firewall.attrFirewallArn,
      loggingConfiguration: {
        logDestinationConfigs: [
          { logType: 'ALERT', logDestinationType: 'CloudWatchLogs', logDestination: { logGroup: logGroup.logGroupName } },
        ],
      },
    })
    // `<zone>:<id>`, and one of them, as the firewall has one subnet.
    const endpointId = Fn.select(1, Fn.split(':', Fn.select(0, firewall.attrEndpointIds)))

    natSubnet.addDefaultInternetRoute(internetGatewayId, internetConnected)
    const nat = natSubnet.addNatGateway()
    natSubnet.addRoute('Back', {
      routerType: RouterType.VPC_ENDPOINT,
      routerId: endpointId,
      destinationCidrBlock: privateSubnet.ipv4CidrBlock,
    })
    acknowledge(
      natSubnet,
      inStandards({ VPCNoUnrestrictedRouteToIGW: 'holds a NAT gateway alone, and what comes to it was let through by the firewall' }),
    )
    firewallSubnet.addRoute('Out', {
      routerType: RouterType.NAT_GATEWAY,
      routerId: nat.attrNatGatewayId,
      enablesInternetConnectivity: true,
    })
    // The id that this route has when NAT is next to it: CloudFormation then changes the route, and never has none or two of them.
    privateSubnet.addRoute('DefaultRoute', {
      routerType: RouterType.VPC_ENDPOINT,
      routerId: endpointId,
      enablesInternetConnectivity: true,
    })
  }

  private policy({ name, hosts, vpcCidr }: NetworkFirewallProps): CfnFirewallPolicy {
    const homeNet = { HOME_NET: { definition: [vpcCidr] } }
    const protocols = new CfnRuleGroup(this, 'Protocols', {
      ruleGroupName: `${name}-protocols`,
      description: 'Nothing leaves but TCP',
      type: 'STATEFUL',
      capacity: PROTOCOLS_CAPACITY,
      ruleGroup: {
        rulesSource: { statefulRules: ['UDP', 'ICMP'].map((protocol, index) => dropAll(protocol, vpcCidr, index + 1)) },
        statefulRuleOptions: { ruleOrder: 'STRICT_ORDER' },
      },
    })
    const allowed = new CfnRuleGroup(this, 'Hosts', {
      ruleGroupName: `${name}-hosts`,
      description: 'Hosts of the tools, operators and AWS, by the name in the handshake or request',
      type: 'STATEFUL',
      capacity: HOSTS_CAPACITY,
      ruleGroup: {
        ruleVariables: { ipSets: homeNet },
        rulesSource: {
          rulesSourceList: {
            generatedRulesType: 'ALLOWLIST',
            targetTypes: ['TLS_SNI', 'HTTP_HOST'],
            targets: hosts.map(asTarget),
          },
        },
        statefulRuleOptions: { ruleOrder: 'STRICT_ORDER' },
      },
    })
    return new CfnFirewallPolicy(this, 'Policy', {
      firewallPolicyName: name,
      firewallPolicy: {
        policyVariables: { ruleVariables: homeNet },
        // Nothing is decided packet by packet.
        statelessDefaultActions: ['aws:forward_to_sfe'],
        statelessFragmentDefaultActions: ['aws:forward_to_sfe'],
        statefulEngineOptions: {
          ruleOrder: 'STRICT_ORDER',
          // A connection that the firewall lost sight of is reset, so that its task connects anew at once and does not wait for a timeout.
          streamExceptionPolicy: 'REJECT',
        },
        // The handshake of TCP must come through, as the name is said only after it. What then names no allowed host is dropped.
        statefulDefaultActions: ['aws:drop_established', 'aws:alert_established'],
        statefulRuleGroupReferences: [
          { priority: 1, resourceArn: protocols.attrRuleGroupArn },
          { priority: 2, resourceArn: allowed.attrRuleGroupArn },
        ],
      },
    })
  }
}

/** Protocols without a handshake are never "established" by a first packet, and one packet is enough to carry something out. */
function dropAll(protocol: string, source: string, sid: number): CfnRuleGroup.StatefulRuleProperty {
  return {
    action: 'DROP',
    header: { protocol, source, sourcePort: 'ANY', direction: 'FORWARD', destination: 'ANY', destinationPort: 'ANY' },
    ruleOptions: [{ keyword: 'sid', settings: [String(sid)] }],
  }
}

/** Network Firewall writes a dot where the DNS firewall writes `*.`, and means the name itself too (developer guide, "Domain list rule groups"). */
const asTarget = (host: string) => host.replace(/^\*(?=\.)/, '')
