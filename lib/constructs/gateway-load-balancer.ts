import { Certificate, CertificateValidation } from 'aws-cdk-lib/aws-certificatemanager'
import { type ISecurityGroup, type IVpc, Peer, Port, SecurityGroup } from 'aws-cdk-lib/aws-ec2'
import {
  ApplicationLoadBalancer,
  ApplicationProtocol,
  ApplicationTargetGroup,
  DesyncMitigationMode,
  TargetGroupLoadBalancingAlgorithmType,
  TargetType,
} from 'aws-cdk-lib/aws-elasticloadbalancingv2'
import { ARecord, type IHostedZone, RecordTarget } from 'aws-cdk-lib/aws-route53'
import { Duration } from 'aws-cdk-lib/core'
import { Construct } from 'constructs'
import { cellNames, publicNames } from '../../config/names.ts'
import type { Cell } from '../cell.ts'
import { acknowledge } from '../nag/acknowledge.ts'
import { GATEWAY_PORT } from './gateway-environment.ts'
import { RateLimit } from './rate-limit.ts'

export interface GatewayLoadBalancerProps {
  readonly cell: Cell
  readonly vpc: IVpc
  readonly hostedZone: IHostedZone
  /** Security group of the tasks: the one place that the load balancer may connect to. */
  readonly taskSecurityGroup: ISecurityGroup
  /** Folder of the access logs in the region's access log bucket. */
  readonly logPrefix: string
}

/** A region's public entrance: HTTPS under its regional, zone and global name, and the alias record that leads to it. */
export class GatewayLoadBalancer extends Construct {
  readonly targetGroup: ApplicationTargetGroup

  constructor(scope: Construct, id: string, { cell, vpc, hostedZone, taskSecurityGroup, logPrefix }: GatewayLoadBalancerProps) {
    super(scope, id)
    const { deployment, region, zone } = cell
    const cellName = cellNames(deployment, region, zone)
    const names = publicNames(deployment)
    const securityGroup = publicHttps(this, vpc, taskSecurityGroup)
    const loadBalancer = new ApplicationLoadBalancer(this, 'LoadBalancer', {
      loadBalancerName: cellName.loadBalancer,
      vpc,
      internetFacing: true,
      vpcSubnets: { subnets: vpc.publicSubnets },
      securityGroup,
      // An hour by default: clients with a connection open would stay with a lost region whatever the TTL.
      clientKeepAlive: Duration.seconds(180),
      idleTimeout: Duration.seconds(60),
      dropInvalidHeaderFields: true,
      desyncMitigationMode: DesyncMitigationMode.STRICTEST,
      // Not protected from deletion itself: a first deploy that fails could then not be rolled back. The stack is.
      deletionProtection: false,
    })
    // Set by name: the bucket is another stack's, which also lets the log delivery write into it.
    loadBalancer.setAttribute('access_logs.s3.enabled', 'true')
    loadBalancer.setAttribute('access_logs.s3.bucket', cellName.accessLogsBucket)
    loadBalancer.setAttribute('access_logs.s3.prefix', logPrefix)

    this.targetGroup = targetGroup(this, vpc)
    loadBalancer.addListener('Https', {
      port: 443,
      protocol: ApplicationProtocol.HTTPS,
      // The security group says who may come.
      open: false,
      certificates: [
        new Certificate(this, 'Certificate', {
          domainName: names.regional(region),
          subjectAlternativeNames: [names.zone(zone), names.global],
          validation: CertificateValidation.fromDns(hostedZone),
        }),
      ],
      defaultTargetGroups: [this.targetGroup],
    })
    new RateLimit(this, 'RateLimit', { loadBalancerArn: loadBalancer.loadBalancerArn })
    new ARecord(this, 'RegionalRecord', {
      zone: hostedZone,
      recordName: names.regional(region),
      // The plain name, without the `dualstack.` that CDK's own target puts before it: there is no IPv6 here.
      target: RecordTarget.fromAlias({
        bind: () => ({
          dnsName: loadBalancer.loadBalancerDnsName,
          hostedZoneId: loadBalancer.loadBalancerCanonicalHostedZoneId,
          evaluateTargetHealth: true,
        }),
      }),
    })
  }
}

function publicHttps(scope: Construct, vpc: IVpc, taskSecurityGroup: ISecurityGroup): SecurityGroup {
  const securityGroup = new SecurityGroup(scope, 'SecurityGroup', {
    vpc,
    description: 'HTTPS from everywhere to the load balancer',
    allowAllOutbound: false,
  })
  securityGroup.addIngressRule(Peer.anyIpv4(), Port.tcp(443), 'HTTPS from everywhere')
  securityGroup.addEgressRule(taskSecurityGroup, Port.tcp(GATEWAY_PORT), 'HTTP to the gateways')
  taskSecurityGroup.addIngressRule(securityGroup, Port.tcp(GATEWAY_PORT), 'HTTP from the load balancer')
  acknowledge(securityGroup, {
    'AwsSolutions-EC23': 'the public entrance of the region: HTTPS alone, rate limited, and every call authenticated',
  })
  return securityGroup
}

function targetGroup(scope: Construct, vpc: IVpc): ApplicationTargetGroup {
  return new ApplicationTargetGroup(scope, 'Gateways', {
    vpc,
    targetType: TargetType.IP,
    protocol: ApplicationProtocol.HTTP,
    port: GATEWAY_PORT,
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
