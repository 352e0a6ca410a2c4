import { HostedZone, type IHostedZone } from 'aws-cdk-lib/aws-route53'
import type { Construct } from 'constructs'
import type { Deployment } from '../../config/schema.ts'
import { PLACEHOLDER_HOSTED_ZONE_ID, type Placeholder } from '../placeholders.ts'

/** The deployment's hosted zone by the id that config pins, the placeholder until it does. */
export function hostedZoneOf(scope: Construct, deployment: Deployment): IHostedZone {
  return HostedZone.fromHostedZoneAttributes(scope, 'HostedZone', {
    hostedZoneId: deployment.hostedZoneId ?? PLACEHOLDER_HOSTED_ZONE_ID,
    zoneName: deployment.domain,
  })
}

export function hostedZonePlaceholders({ hostedZoneId }: Deployment): Placeholder[] {
  return hostedZoneId === undefined || hostedZoneId === PLACEHOLDER_HOSTED_ZONE_ID ? ['hostedZoneId'] : []
}
