import { PublicHostedZone } from 'aws-cdk-lib/aws-route53'
import { RemovalPolicy, Stack } from 'aws-cdk-lib/core'
import type { Construct } from 'constructs'
import { publicNames, stackNames } from '../../config/names.ts'
import type { Deployment } from '../../config/schema.ts'
import { stackProps } from '../cell.ts'
import { pinLogicalId } from '../constructs/logical-id.ts'

/**
 * The zone `control.<domain>`, in the control account: there its certificates validate and its records stand, without a right in the account
 * of the domain's own zone. Deployed before the control plane; the routing stack delegates to it once config pins its name servers.
 */
export class ControlDnsStack extends Stack {
  constructor(scope: Construct, deployment: Deployment) {
    const env = { account: deployment.accounts.control, region: deployment.routingRegion }
    super(scope, stackNames(deployment).controlDns, stackProps({ deployment }, env, 'zone of the control plane', { protect: true }))
    const hostedZone = new PublicHostedZone(this, 'HostedZone', {
      zoneName: publicNames(deployment).controlZone,
      comment: `Aegis ${deployment.environment}: control plane`,
    })
    hostedZone.applyRemovalPolicy(RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE)
    pinLogicalId(hostedZone, 'ControlHostedZone')
  }
}
