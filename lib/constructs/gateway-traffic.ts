import { AlternateTarget, ListenerRuleConfiguration } from 'aws-cdk-lib/aws-ecs'
import type { ApplicationListenerRule, ApplicationTargetGroup } from 'aws-cdk-lib/aws-elasticloadbalancingv2'
import { PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam'
import { Construct } from 'constructs'
import { cellNames } from '../../config/names.ts'
import type { Cell } from '../cell.ts'
import { acknowledge, acknowledgeOwnPolicy } from '../nag/acknowledge.ts'

/** Where calls by one port of the gateways go: all to one group, and during a deployment some to the other, where the next version is. */
export interface Traffic {
  readonly targetGroup: ApplicationTargetGroup
  /** Empty between deployments. Every deployment changes the two around, so neither is "the" group of the service for long. */
  readonly alternate: ApplicationTargetGroup
  /** The rule whose weights ECS moves. Nothing here may change it once it is deployed: that would set its weights back. */
  readonly rule: ApplicationListenerRule
}

export interface GatewayTrafficProps {
  readonly cell: Cell
  readonly traffic: readonly Traffic[]
}

/** What ECS may do to move calls from one version's tasks to the next one's: register tasks in these groups, and weigh these rules. */
export class GatewayTraffic extends Construct {
  readonly role: Role

  constructor(scope: Construct, id: string, { cell, traffic }: GatewayTrafficProps) {
    super(scope, id)
    const { deployment, region, zone } = cell
    const names = cellNames(deployment, region, zone)
    this.role = new Role(this, 'Role', {
      roleName: names.trafficRole,
      description: `How ECS moves calls to the next version of the gateways of ${region}`,
      assumedBy: new ServicePrincipal('ecs.amazonaws.com', {
        conditions: { StringEquals: { 'aws:SourceAccount': names.account } },
      }),
    })
    // AWS's own AmazonECSInfrastructureRolePolicyForLoadBalancers, with these groups and rules where it has all of them.
    for (const statement of rights(region, traffic)) this.role.addToPolicy(statement)
    acknowledge(this.role, {
      'AwsSolutions-IAM5[Resource::*]': 'to describe load balancing has no resource to name; the condition leaves this region',
    })
    acknowledgeOwnPolicy(this.role)
  }

  /** The other group for a port, for the service to be told. */
  alternateOf({ alternate, rule }: Traffic): AlternateTarget {
    return new AlternateTarget('Alternate', {
      alternateTargetGroup: alternate,
      productionListener: ListenerRuleConfiguration.applicationListenerRule(rule),
      role: this.role,
    })
  }
}

function rights(region: string, traffic: readonly Traffic[]): PolicyStatement[] {
  return [
    new PolicyStatement({
      sid: 'SeeTraffic',
      actions: ['DescribeListeners', 'DescribeRules', 'DescribeTargetGroups', 'DescribeTargetHealth'].map(action),
      resources: ['*'],
      conditions: { StringEquals: { 'aws:RequestedRegion': region } },
    }),
    new PolicyStatement({
      sid: 'RegisterGateways',
      actions: ['RegisterTargets', 'DeregisterTargets'].map(action),
      resources: traffic.flatMap(({ targetGroup, alternate }) => [targetGroup.targetGroupArn, alternate.targetGroupArn]),
    }),
    new PolicyStatement({
      sid: 'WeighTraffic',
      actions: [action('ModifyRule')],
      resources: traffic.map(({ rule }) => rule.listenerRuleArn),
    }),
  ]
}

const action = (name: string) => `elasticloadbalancing:${name}`
