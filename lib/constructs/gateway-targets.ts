import type { IVpc } from 'aws-cdk-lib/aws-ec2'
import {
  type ApplicationListener,
  ApplicationListenerRule,
  ListenerAction,
  ListenerCondition,
} from 'aws-cdk-lib/aws-elasticloadbalancingv2'
import type { Construct } from 'constructs'
import type { Traffic } from './gateway-traffic.ts'
import { taskTargets } from './load-balancer.ts'

// What both load balancers of a region's gateways have in common.

/** What a listener answers that no rule takes a call from: never, as the one rule takes all. Weights are moved in rules alone. */
export const NO_ROUTE = ListenerAction.fixedResponse(404)

/** All calls of a listener to one port of the gateways, by a rule that ECS can weigh between two groups. */
export function gatewayTraffic(
  scope: Construct,
  id: string,
  { vpc, port, listener }: { vpc: IVpc; port: number; listener: ApplicationListener },
): Traffic {
  const targetGroup = taskTargets(scope, id, vpc, port)
  const alternate = taskTargets(scope, `${id}Alternate`, vpc, port)
  const rule = new ApplicationListenerRule(scope, `${id}Rule`, {
    listener,
    priority: 1,
    conditions: [ListenerCondition.pathPatterns(['*'])],
    action: ListenerAction.weightedForward([
      { targetGroup, weight: 100 },
      { targetGroup: alternate, weight: 0 },
    ]),
  })
  return { targetGroup, alternate, rule }
}
