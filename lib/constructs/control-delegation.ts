import { type IHostedZone, NsRecord } from 'aws-cdk-lib/aws-route53'
import { Duration } from 'aws-cdk-lib/core'
import type { Construct } from 'constructs'
import { publicNames } from '../../config/names.ts'
import type { Deployment } from '../../config/schema.ts'

/** As short as every record here: a zone that had to be made anew is then found within a minute. */
const TTL_S = 60

/** Hands `control.<domain>` over to the zone in the control account, once config knows its name servers. */
export function controlDelegation(scope: Construct, deployment: Deployment, zone: IHostedZone): void {
  if (deployment.controlZone === undefined) return
  new NsRecord(scope, 'ControlDelegation', {
    zone,
    recordName: publicNames(deployment).controlZone,
    values: deployment.controlZone.nameServers,
    ttl: Duration.seconds(TTL_S),
  })
}
