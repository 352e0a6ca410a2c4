import { Certificate, CertificateValidation } from 'aws-cdk-lib/aws-certificatemanager'
import type { ISecurityGroup, IVpc } from 'aws-cdk-lib/aws-ec2'
import { ApplicationLoadBalancer, ApplicationProtocol, type ApplicationTargetGroup } from 'aws-cdk-lib/aws-elasticloadbalancingv2'
import { PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam'
import { ARecord, HostedZone } from 'aws-cdk-lib/aws-route53'
import { BucketEncryption } from 'aws-cdk-lib/aws-s3'
import { Duration } from 'aws-cdk-lib/core'
import { Construct } from 'constructs'
import { controlNames, publicNames } from '../../config/names.ts'
import type { Deployment } from '../../config/schema.ts'
import { acknowledge, inStandards } from '../nag/acknowledge.ts'
import { PLACEHOLDER_HOSTED_ZONE_ID, type Placeholder } from '../placeholders.ts'
import { bucketArn } from './arns.ts'
import { CONTROL_PORT } from './control-environment.ts'
import { acknowledgeDeletion, aliasTo, gatewayTargets, LOAD_BALANCER_DEFAULTS, logAccess } from './gateway-targets.ts'
import { operatorHttps } from './operator-https.ts'
import { privateBucket } from './private-bucket.ts'

export interface ControlLoadBalancerProps {
  readonly deployment: Deployment
  readonly region: string
  readonly vpc: IVpc
  /** Security group of the tasks: the one place that the load balancer may connect to. */
  readonly taskSecurityGroup: ISecurityGroup
}

/** Folder of the access logs in their bucket. */
const LOGS = 'load-balancers'

/**
 * The way of operators and pipelines to the control plane: internal, HTTPS, for the private ranges that config names. Certificate and record
 * are in the zone `control.<domain>`, which is of this account; the record tells the world a private address.
 */
export class ControlLoadBalancer extends Construct {
  readonly targetGroup: ApplicationTargetGroup

  constructor(scope: Construct, id: string, { deployment, region, vpc, taskSecurityGroup }: ControlLoadBalancerProps) {
    super(scope, id)
    const names = controlNames(deployment, region)
    const host = publicNames(deployment).control(region)
    const hostedZone = HostedZone.fromHostedZoneAttributes(this, 'HostedZone', {
      hostedZoneId: deployment.controlZone?.hostedZoneId ?? PLACEHOLDER_HOSTED_ZONE_ID,
      zoneName: publicNames(deployment).controlZone,
    })
    const logs = accessLogs(this, names.accessLogsBucket, deployment.accounts.control)
    const loadBalancer = new ApplicationLoadBalancer(this, 'LoadBalancer', {
      ...LOAD_BALANCER_DEFAULTS,
      loadBalancerName: names.loadBalancer,
      vpc,
      internetFacing: false,
      vpcSubnets: { subnets: vpc.privateSubnets },
      securityGroup: operatorHttps(this, {
        vpc,
        taskSecurityGroup,
        sources: deployment.operatorCidrs,
        port: CONTROL_PORT,
        words: { whose: 'the control plane', tasks: 'the control planes', from: 'the load balancer' },
      }),
    })
    loadBalancer.node.addDependency(logs)
    acknowledgeDeletion(loadBalancer)
    acknowledge(
      loadBalancer,
      inStandards({
        ALBWAFEnabled: 'no public address: only private networks that config names reach it, and they are not a crowd to limit',
      }),
    )
    logAccess(loadBalancer, names.accessLogsBucket, LOGS)
    this.targetGroup = gatewayTargets(this, 'ControlPlanes', vpc, CONTROL_PORT)
    loadBalancer.addListener('Https', {
      port: 443,
      protocol: ApplicationProtocol.HTTPS,
      // The security group says who may come.
      open: false,
      certificates: [new Certificate(this, 'Certificate', { domainName: host, validation: CertificateValidation.fromDns(hostedZone) })],
      defaultTargetGroups: [this.targetGroup],
    })
    new ARecord(this, 'Record', { zone: hostedZone, recordName: host, target: aliasTo(loadBalancer) })
  }
}

export function controlZonePlaceholders({ controlZone }: Deployment): Placeholder[] {
  return controlZone === undefined ? ['controlZone'] : []
}

function accessLogs(scope: Construct, bucketName: string, account: string) {
  const bucket = privateBucket(scope, 'ControlAccessLogs', {
    bucketName,
    encryption: BucketEncryption.S3_MANAGED,
    lifecycleRules: [{ expiration: Duration.days(90), noncurrentVersionExpiration: Duration.days(7) }],
  })
  bucket.addToResourcePolicy(
    new PolicyStatement({
      sid: 'LoadBalancerLogs',
      principals: [new ServicePrincipal('logdelivery.elasticloadbalancing.amazonaws.com')],
      actions: ['s3:PutObject'],
      resources: [`${bucketArn(bucketName)}/${LOGS}/AWSLogs/${account}/*`],
    }),
  )
  const itself = 'it holds access logs itself, and nobody but the load balancer writes them'
  acknowledge(bucket, {
    'AwsSolutions-S1': itself,
    ...inStandards({
      S3BucketLoggingEnabled: itself,
      S3BucketReplicationEnabled: 'who called which path and when, for three months; the ledger, which is copied, says who did what',
      S3DefaultEncryptionKMS: 'load balancers deliver their logs to no bucket of another encryption',
    }),
  })
  return bucket
}
