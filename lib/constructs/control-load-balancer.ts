import { Certificate, CertificateValidation } from 'aws-cdk-lib/aws-certificatemanager'
import type { ISecurityGroup, IVpc } from 'aws-cdk-lib/aws-ec2'
import type { ApplicationTargetGroup } from 'aws-cdk-lib/aws-elasticloadbalancingv2'
import { ARecord, HostedZone } from 'aws-cdk-lib/aws-route53'
import { Construct } from 'constructs'
import { controlNames, publicNames } from '../../config/names.ts'
import type { Deployment } from '../../config/schema.ts'
import { acknowledge, inStandards } from '../nag/acknowledge.ts'
import { PLACEHOLDER_HOSTED_ZONE_ID, type Placeholder } from '../placeholders.ts'
import { CONTROL_PORT } from './control-environment.ts'
import { aliasTo, httpsListener, taskTargets } from './load-balancer.ts'
import { loadBalancerLogs } from './load-balancer-logs.ts'
import { privateLoadBalancer } from './private-load-balancer.ts'

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
    const bucket = loadBalancerLogs(this, 'ControlAccessLogs', {
      bucketName: names.accessLogsBucket,
      folder: LOGS,
      account: deployment.accounts.control,
      notCopied: 'who called which path and when, for three months; the ledger, which is copied, says who did what',
    })
    const itself = 'it holds access logs itself, and nobody but the load balancer writes them'
    acknowledge(bucket, { 'AwsSolutions-S1': itself, ...inStandards({ S3BucketLoggingEnabled: itself }) })
    const loadBalancer = privateLoadBalancer(this, {
      loadBalancerName: names.loadBalancer,
      vpc,
      taskSecurityGroup,
      sources: deployment.operatorCidrs,
      port: CONTROL_PORT,
      words: { whose: 'the control plane', tasks: 'the control planes', from: 'the load balancer' },
      logs: { bucketName: names.accessLogsBucket, folder: LOGS },
    })
    loadBalancer.node.addDependency(bucket)
    this.targetGroup = taskTargets(this, 'ControlPlanes', vpc, CONTROL_PORT)
    const certificate = new Certificate(this, 'Certificate', { domainName: host, validation: CertificateValidation.fromDns(hostedZone) })
    httpsListener(loadBalancer, certificate, { defaultTargetGroups: [this.targetGroup] })
    new ARecord(this, 'Record', { zone: hostedZone, recordName: host, target: aliasTo(loadBalancer) })
  }
}

export function controlZonePlaceholders({ controlZone }: Deployment): Placeholder[] {
  return controlZone === undefined ? ['controlZone'] : []
}
