import { PolicyStatement } from 'aws-cdk-lib/aws-iam'
import { Fn, Stack } from 'aws-cdk-lib/core'
import type { Construct } from 'constructs'
import { sharedNames, stackNames } from '../../config/names.ts'
import { type Deployment, regionsOf } from '../../config/schema.ts'
import { stackProps } from '../cell.ts'
import { roleArn } from '../constructs/arns.ts'
import type { DeployedHosts } from '../constructs/control-environment.ts'
import { ControlService } from '../constructs/control-service.ts'
import { controlStore } from '../constructs/control-store.ts'
import { publisherRole } from '../constructs/publisher-role.ts'
import { SigningKey } from '../constructs/signing-key.ts'
import { markPlaceholders } from '../placeholders.ts'
import { allowedHosts } from './network.ts'

/**
 * The control account's part: the key that signs bundles and directories, the role that publishes them to every region, what the control
 * plane remembers, and the service itself. Key, role and store stay here when the service runs in the standby region.
 */
export class ControlPlaneStack extends Stack {
  constructor(scope: Construct, deployment: Deployment) {
    const env = { account: deployment.accounts.control, region: deployment.homeRegion }
    super(scope, stackNames(deployment).controlPlane, stackProps({ deployment }, env, 'control plane', { protect: true }))
    const names = sharedNames(deployment)
    const publisherRoleArn = roleArn(env.account, names.publisherRole)
    const { key } = new SigningKey(this, 'BundleSigning', {
      aliasName: names.bundleSigningKey,
      description: 'Aegis bundles and directories: the trust root of every gateway',
      account: env.account,
      signerRoleArn: publisherRoleArn,
      logicalId: 'BundleSigningKey',
    })
    const sign = new PolicyStatement({ sid: 'Sign', actions: ['kms:Sign', 'kms:GetPublicKey'], resources: [key.keyArn] })
    const publisher = publisherRole(this, deployment, [{ statement: sign, findings: {} }])
    controlStore(this, 'ControlStore', {
      bucketName: names.controlStore,
      publisherRoleArn,
      ...(deployment.controlPlane.standbyRegion !== undefined && {
        copy: { account: env.account, roleName: names.controlReplicationRole, toBucket: names.controlStoreCopy },
      }),
    })
    if (deployment.controlPlane.runsIn !== 'home') return
    const { placeholders } = new ControlService(this, 'ControlPlane', {
      deployment,
      region: env.region,
      taskRole: publisher,
      stores: [names.controlStore],
      deployedHosts: deployedHosts(deployment),
    })
    markPlaceholders(this, placeholders)
  }

  // With a concrete account CDK would ask AWS which zones there are. CloudFormation can say it when it deploys, in any account.
  override get availabilityZones(): string[] {
    return availabilityZones()
  }
}

/** The first two of whichever region it is. */
export function availabilityZones(): string[] {
  return [0, 1].map((index) => Fn.select(index, Fn.getAzs()))
}

/** Every region's network, as it is deployed with the same documents: a publication is refused that names another host. */
export function deployedHosts(deployment: Deployment): DeployedHosts[] {
  return regionsOf(deployment).map(({ region, zone }) => ({
    region,
    stack: stackNames(deployment).network(region),
    hosts: allowedHosts({ deployment, region, zone }),
  }))
}
