import { PublicHostedZone } from 'aws-cdk-lib/aws-route53'
import { RemovalPolicy, Stack } from 'aws-cdk-lib/core'
import type { Construct } from 'constructs'
import { stackNames } from '../../config/names.ts'
import type { Deployment } from '../../config/schema.ts'
import { stackProps } from '../cell.ts'
import { pinLogicalId } from '../constructs/logical-id.ts'

/** The hosted zone of the domain, deployed once and first: its name servers must be delegated to before a certificate validates. */
export class DnsStack extends Stack {
  constructor(scope: Construct, deployment: Deployment) {
    const env = { account: deployment.accounts.workload, region: deployment.routingRegion }
    super(scope, stackNames(deployment).dns, stackProps({ deployment }, env, 'hosted zone', { protect: true }))
    const hostedZone = new PublicHostedZone(this, 'HostedZone', {
      zoneName: deployment.domain,
      comment: `Aegis ${deployment.environment}`,
    })
    hostedZone.applyRemovalPolicy(RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE)
    pinLogicalId(hostedZone, 'HostedZone')
  }
}
