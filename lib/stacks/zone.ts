import { CfnSecret } from 'aws-cdk-lib/aws-secretsmanager'
import { RemovalPolicy, Stack } from 'aws-cdk-lib/core'
import type { Construct } from 'constructs'
import { cellNames, stackNames, zoneNames } from '../../config/names.ts'
import { type Deployment, primaryOf } from '../../config/schema.ts'
import { stackProps } from '../cell.ts'
import { acknowledge, inStandards } from '../nag/acknowledge.ts'

/** Letters and digits, 381 bits of them: the gateway hashes what it gets. */
const SECRET_LENGTH = 64

/**
 * What the regions of one zone must have alike: the key of its pseudonyms, so that a standby writes the same pseudonym for the same value
 * as the primary did. Made in the primary region and copied to the zone's other regions, never out of the zone: who has the key can
 * tell whose pseudonym it is. Each copy is encrypted by its own region's data key, so the keys stacks of all of them are deployed first.
 */
export class ZoneStack extends Stack {
  constructor(scope: Construct, deployment: Deployment, zone: string) {
    const region = primaryOf(deployment, zone)
    const names = zoneNames(deployment, zone)
    const env = { account: names.account, region }
    super(scope, stackNames(deployment).zone(zone), stackProps({ deployment }, env, `secrets of zone ${zone}`, { protect: true }))
    const dataKeyOf = (place: string) => cellNames(deployment, place, zone).dataKey
    const others = deployment.zones[zone]?.regions.filter((other) => other !== region) ?? []
    const secret = new CfnSecret(this, 'PseudonymKey', {
      name: names.pseudonymSecret,
      description: `Keys the pseudonyms of zone ${zone}`,
      kmsKeyId: dataKeyOf(region),
      generateSecretString: { passwordLength: SECRET_LENGTH, excludePunctuation: true },
      replicaRegions: others.map((other) => ({ region: other, kmsKeyId: dataKeyOf(other) })),
    })
    secret.overrideLogicalId('PseudonymKey')
    secret.applyRemovalPolicy(RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE)
    const rotation = 'a new key gives every value a new pseudonym, which breaks all that was joined by the old: a decision, not a schedule'
    acknowledge(secret, { 'AwsSolutions-SMG4': rotation, ...inStandards({ SecretsManagerRotationEnabled: rotation }) })
  }
}
