import { AccountRootPrincipal, AnyPrincipal, Effect, PolicyStatement, Role } from 'aws-cdk-lib/aws-iam'
import { BucketEncryption } from 'aws-cdk-lib/aws-s3'
import { Duration, Stack } from 'aws-cdk-lib/core'
import type { Construct } from 'constructs'
import { cellNames, sharedNames, stackNames } from '../../config/names.ts'
import { type Deployment, regionsOf } from '../../config/schema.ts'
import { stackProps } from '../cell.ts'
import { bucketArn, keysArn, roleArn, tableArn } from '../constructs/arns.ts'
import { bundleObjectArns } from '../constructs/bundle-objects.ts'
import { pinLogicalId } from '../constructs/logical-id.ts'
import { denyObjectsUnlessRole, privateBucket } from '../constructs/private-bucket.ts'
import { SigningKey } from '../constructs/signing-key.ts'
import { acknowledge, acknowledgeOwnPolicy, inStandards } from '../nag/acknowledge.ts'
import { PUBLISHER_ACTIONS } from './global-state.ts'

/** The control account's part: the key that signs bundles and directories, the role that publishes them to every region, and what it remembers. */
export class ControlPlaneStack extends Stack {
  constructor(scope: Construct, deployment: Deployment) {
    const env = { account: deployment.accounts.control, region: deployment.homeRegion }
    super(scope, stackNames(deployment).controlPlane, stackProps({ deployment }, env, 'control plane', { protect: true }))
    const names = sharedNames(deployment)
    const { key } = new SigningKey(this, 'BundleSigning', {
      aliasName: names.bundleSigningKey,
      description: 'Aegis bundles and directories: the trust root of every gateway',
      account: env.account,
      signerRoleArn: roleArn(env.account, names.publisherRole),
      logicalId: 'BundleSigningKey',
    })

    const publisher = new Role(this, 'PublisherRole', {
      roleName: names.publisherRole,
      description: 'Signs bundles and directories, puts them into every region and moves the pointers',
      // Whom the control account's administrators allow to assume it: a pipeline or a person. The service comes with the control plane.
      assumedBy: new AccountRootPrincipal(),
      maxSessionDuration: Duration.hours(1),
    })
    pinLogicalId(publisher, 'PublisherRole')
    publisher.addToPolicy(new PolicyStatement({ sid: 'Sign', actions: ['kms:Sign', 'kms:GetPublicKey'], resources: [key.keyArn] }))
    const rights = publishing(deployment)
    for (const { statement } of rights) publisher.addToPolicy(statement)
    acknowledge(publisher, Object.assign({}, ...rights.map(({ findings }) => findings)))
    acknowledgeOwnPolicy(publisher)
    controlStore(this, names.controlStore, roleArn(env.account, names.publisherRole))
  }
}

/**
 * The control plane's own bucket: ledger, revisions, everything signed. Versioned, and nothing in it is ever deleted or, but for a module's
 * checks, written twice: an entry of the ledger is created once, by a conditional write. Encrypted by S3's own key, because what is in here
 * is protected by its digests and signatures, not by secrecy; documents and tenants' names are for the control account to see.
 */
function controlStore(stack: Stack, bucketName: string, publisherRoleArn: string): void {
  const bucket = privateBucket(stack, 'ControlStore', { bucketName, encryption: BucketEncryption.S3_MANAGED })
  bucket.addToResourcePolicy(
    denyObjectsUnlessRole(
      bucketName,
      'OnlyPublisherReadsAndWrites',
      ['s3:GetObject', 's3:GetObjectVersion', 's3:PutObject'],
      [publisherRoleArn],
    ),
  )
  bucket.addToResourcePolicy(
    new PolicyStatement({
      sid: 'NobodyDeletesHistory',
      effect: Effect.DENY,
      principals: [new AnyPrincipal()],
      actions: ['s3:DeleteObject', 's3:DeleteObjectVersion'],
      resources: [`${bucketArn(bucketName)}/*`],
    }),
  )
  const accessLogs =
    'one role reaches the objects, and the ledger in it is itself the log of who did what; CloudTrail data events can be added'
  acknowledge(bucket, {
    'AwsSolutions-S1': accessLogs,
    ...inStandards({
      S3BucketLoggingEnabled: accessLogs,
      S3BucketReplicationEnabled:
        "the control plane is in one region by choice: gateways serve without it, from what is in every region's own bundle bucket",
      S3DefaultEncryptionKMS:
        'protected by digests and signatures, and by a policy that lets one role read; encrypted at rest by the key of S3',
    }),
  })
}

/** All that the control plane ever writes into its bucket. */
const CONTROL_STORE_FOLDERS = ['ledger', 'revisions', 'modules', 'objects']

/** What publishing takes, here and in the workload account, each right with the findings that come with it. */
function publishing(deployment: Deployment): { statement: PolicyStatement; findings: Record<string, string> }[] {
  const { globalTable } = sharedNames(deployment)
  const cells = regionsOf(deployment).map(({ region, zone }) => ({ region, ...cellNames(deployment, region, zone) }))
  const objects = cells.flatMap(({ bundleBucket }) => bundleObjectArns(bundleBucket))
  const keys = cells.map(({ region, account }) => keysArn(region, account))
  const tables = cells.map(({ region, account }) => tableArn(region, account, globalTable))
  const wildcards = (resources: string[], reason: string) =>
    Object.fromEntries(resources.map((resource) => [`AwsSolutions-IAM5[Resource::${resource}]`, reason]))
  const { controlStore: store } = sharedNames(deployment)
  const kept = CONTROL_STORE_FOLDERS.map((folder) => `${bucketArn(store)}/${folder}/*`)
  return [
    {
      statement: new PolicyStatement({ sid: 'KeepHistory', actions: ['s3:PutObject', 's3:GetObject'], resources: kept }),
      findings: wildcards(kept, 'entries are numbered and objects named by their digest, so only the folders can be named here'),
    },
    {
      statement: new PolicyStatement({ sid: 'ReadHistory', actions: ['s3:ListBucket'], resources: [bucketArn(store)] }),
      findings: {},
    },
    {
      statement: new PolicyStatement({ sid: 'Ship', actions: ['s3:PutObject', 's3:GetObject'], resources: objects }),
      findings: wildcards(objects, 'objects are named by their digest, so only the folder can be named here'),
    },
    {
      // Without it S3 answers 403 for an object that is not there yet, which looks like a lost right.
      statement: new PolicyStatement({
        sid: 'SeeWhatIsMissing',
        actions: ['s3:ListBucket'],
        resources: cells.map(({ bundleBucket }) => bucketArn(bundleBucket)),
      }),
      findings: {},
    },
    {
      statement: new PolicyStatement({ sid: 'MovePointers', actions: [...PUBLISHER_ACTIONS], resources: tables }),
      findings: {},
    },
    {
      // The directory lists the public keys of every region's token issuer and attester.
      statement: new PolicyStatement({ sid: 'ReadIssuerKeys', actions: ['kms:GetPublicKey'], resources: keys }),
      findings: wildcards(
        keys,
        'AWS makes up key ids; of the keys in the other account, the policies of those keys alone let this role in',
      ),
    },
  ]
}
