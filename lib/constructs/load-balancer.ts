import type { Certificate } from 'aws-cdk-lib/aws-certificatemanager'
import type { ISecurityGroup, IVpc } from 'aws-cdk-lib/aws-ec2'
import {
  type ApplicationListener,
  ApplicationLoadBalancer,
  ApplicationProtocol,
  ApplicationTargetGroup,
  type BaseApplicationListenerProps,
  DesyncMitigationMode,
  TargetGroupLoadBalancingAlgorithmType,
  TargetType,
} from 'aws-cdk-lib/aws-elasticloadbalancingv2'
import { RecordTarget } from 'aws-cdk-lib/aws-route53'
import { Duration } from 'aws-cdk-lib/core'
import type { Construct } from 'constructs'
import { acknowledge, inStandards } from '../nag/acknowledge.ts'

// What every load balancer of ours has in common, whoever comes through it.

export interface LoadBalancerProps {
  readonly loadBalancerName: string
  readonly vpc: IVpc
  /** In the public subnets, with public addresses; else in the private ones, without. */
  readonly internetFacing: boolean
  /** Says who may come: listeners let in whom it does. */
  readonly securityGroup: ISecurityGroup
  readonly logs: AccessLogs
}

/** Where access logs go. By the bucket's name, as it may be another stack's, which also lets the log delivery write into it (`loadBalancerLogs`). */
export interface AccessLogs {
  readonly bucketName: string
  readonly folder: string
}

export function loadBalancer(
  scope: Construct,
  { loadBalancerName, vpc, internetFacing, securityGroup, logs }: LoadBalancerProps,
): ApplicationLoadBalancer {
  const made = new ApplicationLoadBalancer(scope, 'LoadBalancer', {
    loadBalancerName,
    vpc,
    internetFacing,
    vpcSubnets: { subnets: internetFacing ? vpc.publicSubnets : vpc.privateSubnets },
    securityGroup,
    // An hour by default: clients with a connection open would stay with a lost region whatever the TTL.
    clientKeepAlive: Duration.seconds(180),
    idleTimeout: Duration.seconds(60),
    dropInvalidHeaderFields: true,
    desyncMitigationMode: DesyncMitigationMode.STRICTEST,
    // Not protected from deletion itself: a first deploy that fails could then not be rolled back. The stack is.
    deletionProtection: false,
  })
  acknowledge(
    made,
    inStandards({
      ELBDeletionProtectionEnabled:
        'the stack is protected from deletion; protecting the load balancer too, a failed first deploy could not go',
    }),
  )
  made.setAttribute('access_logs.s3.enabled', 'true')
  made.setAttribute('access_logs.s3.bucket', logs.bucketName)
  made.setAttribute('access_logs.s3.prefix', logs.folder)
  return made
}

/** The one listener of a load balancer. `answer`: what it does with a call, `defaultAction` or `defaultTargetGroups`. */
export function httpsListener(
  through: ApplicationLoadBalancer,
  certificate: Certificate,
  answer: Pick<BaseApplicationListenerProps, 'defaultAction' | 'defaultTargetGroups'>,
): ApplicationListener {
  return through.addListener('Https', {
    port: 443,
    protocol: ApplicationProtocol.HTTPS,
    // The security group says who may come.
    open: false,
    certificates: [certificate],
    ...answer,
  })
}

/** Tasks by one of their ports. */
export function taskTargets(scope: Construct, id: string, vpc: IVpc, port: number): ApplicationTargetGroup {
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

/** Alias to a load balancer by its plain name, without the `dualstack.` that CDK's own target puts before it: there is no IPv6 here. */
export function aliasTo(target: ApplicationLoadBalancer): RecordTarget {
  return RecordTarget.fromAlias({
    bind: () => ({
      dnsName: target.loadBalancerDnsName,
      hostedZoneId: target.loadBalancerCanonicalHostedZoneId,
      evaluateTargetHealth: true,
    }),
  })
}
