import { Role } from 'aws-cdk-lib/aws-iam'
import { Stack } from 'aws-cdk-lib/core'
import type { Construct } from 'constructs'
import { sharedNames, stackNames } from '../../config/names.ts'
import type { Deployment } from '../../config/schema.ts'
import { stackProps } from '../cell.ts'
import { roleArn } from '../constructs/arns.ts'
import { ControlService } from '../constructs/control-service.ts'
import { controlStore, controlStoreCopy } from '../constructs/control-store.ts'
import { SigningKey } from '../constructs/signing-key.ts'
import { markPlaceholders } from '../placeholders.ts'
import { availabilityZones, deployedHosts } from './control-plane.ts'

/**
 * Where the control plane can be rebuilt when its region is lost. What cannot be made then waits here: a signing key that gateways trust
 * already, as the next one of their trust root, and a copy of the store. The service comes with `controlPlane.runsIn: 'standby'`.
 */
export class ControlPlaneStandbyStack extends Stack {
  constructor(scope: Construct, deployment: Deployment, region: string) {
    const env = { account: deployment.accounts.control, region }
    super(scope, stackNames(deployment).controlPlaneStandby, stackProps({ deployment }, env, 'control plane, standby', { protect: true }))
    const names = sharedNames(deployment)
    const publisherRoleArn = roleArn(env.account, names.publisherRole)
    new SigningKey(this, 'BundleSigning', {
      // Aliases are regional: a control plane asks for the same name wherever it runs.
      aliasName: names.bundleSigningKey,
      description: 'Aegis bundles and directories, signed by a control plane that was rebuilt here',
      account: env.account,
      signerRoleArn: publisherRoleArn,
      logicalId: 'StandbySigningKey',
    })
    controlStoreCopy(this, 'ControlStoreCopy', {
      bucketName: names.controlStoreCopy,
      publisherRoleArn,
      replicationRoleArn: roleArn(env.account, names.controlReplicationRole),
    })
    // Apart from the copy: S3 goes on filling that one when the home region is back, over whatever was written since.
    controlStore(this, 'StandbyControlStore', { bucketName: names.standbyControlStore, publisherRoleArn })
    if (deployment.controlPlane.runsIn !== 'standby') return
    const { placeholders } = new ControlService(this, 'ControlPlane', {
      deployment,
      region,
      taskRole: Role.fromRoleArn(this, 'Publisher', publisherRoleArn, { mutable: false }),
      stores: [names.standbyControlStore, names.controlStoreCopy],
      deployedHosts: deployedHosts(deployment),
    })
    markPlaceholders(this, placeholders)
  }

  // As in the home region's stack: nothing is asked of AWS at synth.
  override get availabilityZones(): string[] {
    return availabilityZones()
  }
}
