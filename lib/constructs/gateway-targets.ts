import type { IVpc } from 'aws-cdk-lib/aws-ec2'
import {
  type ApplicationListener,
  ApplicationListenerRule,
  type ApplicationLoadBalancer,
  ApplicationProtocol,
  ApplicationTargetGroup,
  DesyncMitigationMode,
  ListenerAction,
  ListenerCondition,
  TargetGroupLoadBalancingAlgorithmType,
  TargetType,
} from 'aws-cdk-lib/aws-elasticloadbalancingv2'
import { RecordTarget } from 'aws-cdk-lib/aws-route53'
import { Duration } from 'aws-cdk-lib/core'
import type { Construct } from 'constructs'
import { acknowledge, inStandards } from '../nag/acknowledge.ts'
import type { Traffic } from './gateway-traffic.ts'

// What both load balancers of a region have in common.

export const LOAD_BALANCER_DEFAULTS = {
  // An hour by default: clients with a connection open would stay with a lost region whatever the TTL.
  clientKeepAlive: Duration.seconds(180),
  idleTimeout: Duration.seconds(60),
  dropInvalidHeaderFields: true,
  desyncMitigationMode: DesyncMitigationMode.STRICTEST,
  // Not protected from deletion itself: a first deploy that fails could then not be rolled back. The stack is.
  deletionProtection: false,
} as const

export function acknowledgeDeletion(loadBalancer: ApplicationLoadBalancer): void {
  acknowledge(
    loadBalancer,
    inStandards({
      ELBDeletionProtectionEnabled:
        'the stack is protected from deletion; protecting the load balancer too, a failed first deploy could not go',
    }),
  )
}

/** What a listener answers that no rule takes a call from: never, as the one rule takes all. Weights are moved in rules alone. */
export const NO_ROUTE = ListenerAction.fixedResponse(404)

/** All calls of a listener to one port of the gateways, by a rule that ECS can weigh between two groups. */
export function gatewayTraffic(
  scope: Construct,
  id: string,
  { vpc, port, listener }: { vpc: IVpc; port: number; listener: ApplicationListener },
): Traffic {
  const targetGroup = gatewayTargets(scope, id, vpc, port)
  const alternate = gatewayTargets(scope, `${id}Alternate`, vpc, port)
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

/** Tasks by one of their ports. */
export function gatewayTargets(scope: Construct, id: string, vpc: IVpc, port: number): ApplicationTargetGroup {
  return new ApplicationTargetGroup(scope, id, {
    vpc,
    targetType: TargetType.IP,
    protocol: ApplicationProtocol.HTTP,
    port,
    deregistrationDelay: Duration.seconds(30),
    loadBalancingAlgorithmType: TargetGroupLoadBalancingAlgorithmType.LEAST_OUTSTANDING_REQUESTS,
    healthCheck: {
      // Liveness, not readiness: ECS kills what this calls unhealthy, and an expired bundle must refuse calls, not lose its gateways.
      path: '/health/live',
      healthyHttpCodes: '200',
      interval: Duration.seconds(10),
      timeout: Duration.seconds(5),
      healthyThresholdCount: 2,
      unhealthyThresholdCount: 3,
    },
  })
}

/** Access logs, by the bucket's name: it is another stack's, which also lets the log delivery write into it. */
export function logAccess(loadBalancer: ApplicationLoadBalancer, bucketName: string, prefix: string): void {
  loadBalancer.setAttribute('access_logs.s3.enabled', 'true')
  loadBalancer.setAttribute('access_logs.s3.bucket', bucketName)
  loadBalancer.setAttribute('access_logs.s3.prefix', prefix)
}

/** Alias to a load balancer by its plain name, without the `dualstack.` that CDK's own target puts before it: there is no IPv6 here. */
export function aliasTo(loadBalancer: ApplicationLoadBalancer): RecordTarget {
  return RecordTarget.fromAlias({
    bind: () => ({
      dnsName: loadBalancer.loadBalancerDnsName,
      hostedZoneId: loadBalancer.loadBalancerCanonicalHostedZoneId,
      evaluateTargetHealth: true,
    }),
  })
}
