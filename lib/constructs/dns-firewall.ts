import type { IVpc } from 'aws-cdk-lib/aws-ec2'
import { CfnFirewallDomainList, CfnFirewallRuleGroup, CfnFirewallRuleGroupAssociation } from 'aws-cdk-lib/aws-route53resolver'
import { Construct } from 'constructs'

export const ALLOWED_HOSTS_ID = 'AllowedHosts'

export interface DnsFirewallProps {
  readonly vpc: IVpc
  /** First part of every name here. */
  readonly name: string
  /** Hosts that tasks may resolve; `*.x` stands for every name below. */
  readonly hosts: readonly string[]
  /**
   * Logical id of the list of these hosts.
   * @default ALLOWED_HOSTS_ID, by which the fabric finds what a cell lets out
   */
  readonly allowedId?: string
}

/**
 * What a cell's VPC can resolve: the hosts that documents name, AWS's own names, and nothing else (Route 53 Resolver DNS Firewall). It closes
 * names, not addresses: a task that dials a literal address is stopped by the gateway's guard, and by Network Firewall where there is one.
 */
export class DnsFirewall extends Construct {
  constructor(scope: Construct, id: string, { vpc, name, hosts, allowedId = ALLOWED_HOSTS_ID }: DnsFirewallProps) {
    super(scope, id)
    const allowed = new CfnFirewallDomainList(this, 'Allowed', { name: `${name}-allowed-hosts`, domains: [...hosts] })
    // By this id the fabric, and whoever reads a template, finds what is let out.
    allowed.overrideLogicalId(allowedId)
    const everything = new CfnFirewallDomainList(this, 'Everything', { name: `${name}-all-hosts`, domains: ['*'] })
    const rules = new CfnFirewallRuleGroup(this, 'Rules', {
      name: `${name}-egress`,
      firewallRules: [
        {
          priority: 100,
          action: 'ALLOW',
          firewallDomainListId: allowed.attrId,
          // An allowed host may be an alias of a name that is not on the list: of a provider's load balancer, say.
          firewallDomainRedirectionAction: 'TRUST_REDIRECTION_DOMAIN',
        },
        { priority: 200, action: 'BLOCK', blockResponse: 'NODATA', firewallDomainListId: everything.attrId },
      ],
    })
    new CfnFirewallRuleGroupAssociation(this, 'Association', {
      name: `${name}-egress`,
      firewallRuleGroupId: rules.attrId,
      vpcId: vpc.vpcId,
      // 100 and below are AWS Firewall Manager's.
      priority: 101,
      // Taking it off the VPC takes a change of this first: two steps that nobody does by mistake.
      mutationProtection: 'ENABLED',
    })
  }
}
