import { AnyPrincipal, Effect, PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam'
import { BucketEncryption, type CfnBucket } from 'aws-cdk-lib/aws-s3'
import type { Construct } from 'constructs'
import { acknowledge, acknowledgeOwnPolicy, inStandards } from '../nag/acknowledge.ts'
import { bucketArn } from './arns.ts'
import { denyObjectsUnlessRole, privateBucket } from './private-bucket.ts'

/** All that a control plane ever writes into its store. */
const FOLDERS = ['ledger', 'revisions', 'modules', 'objects']

export function storeObjectArns(bucketName: string): string[] {
  return FOLDERS.map((folder) => `${bucketArn(bucketName)}/${folder}/*`)
}

export interface ControlStoreProps {
  readonly bucketName: string
  readonly publisherRoleArn: string
  /**
   * Where S3 copies everything to, as the named role.
   * @default nowhere
   */
  readonly copy?: CopyProps
}

export interface CopyProps {
  readonly account: string
  readonly roleName: string
  /** Bucket of another region: it is there already, versioned. */
  readonly toBucket: string
}

/**
 * The control plane's own bucket: ledger, revisions, everything signed. Versioned, and nothing in it is ever deleted or, but for a module's
 * checks, written twice: an entry of the ledger is created once, by a conditional write. Encrypted by S3's own key, because what is in here
 * is protected by its digests and signatures, not by secrecy; documents and tenants' names are for the control account to see.
 */
export function controlStore(scope: Construct, logicalId: string, { bucketName, publisherRoleArn, copy }: ControlStoreProps): void {
  const bucket = privateBucket(scope, logicalId, { bucketName, encryption: BucketEncryption.S3_MANAGED })
  bucket.addToResourcePolicy(
    denyObjectsUnlessRole(
      bucketName,
      'OnlyPublisherReadsAndWrites',
      ['s3:GetObject', 's3:GetObjectVersion', 's3:PutObject'],
      [publisherRoleArn],
    ),
  )
  bucket.addToResourcePolicy(nobodyDeletes(bucketName))
  acknowledge(bucket, {
    'AwsSolutions-S1': ACCESS_LOGS,
    ...inStandards({ S3BucketLoggingEnabled: ACCESS_LOGS, S3DefaultEncryptionKMS: ENCRYPTION }),
  })
  if (copy !== undefined) replicate(scope, bucket.node.defaultChild as CfnBucket, bucketName, copy)
  else
    acknowledge(
      bucket,
      inStandards({
        S3BucketReplicationEnabled:
          "gateways serve without it, from what is in every region's own bundle bucket; config names a standby region, or none by choice",
      }),
    )
}

/** What S3 keeps of a store in another region. Only S3 writes there, and only the publisher reads. */
export function controlStoreCopy(
  scope: Construct,
  logicalId: string,
  { bucketName, publisherRoleArn, replicationRoleArn }: { bucketName: string; publisherRoleArn: string; replicationRoleArn: string },
): void {
  const bucket = privateBucket(scope, logicalId, { bucketName, encryption: BucketEncryption.S3_MANAGED })
  bucket.addToResourcePolicy(
    denyObjectsUnlessRole(bucketName, 'OnlyPublisherReads', ['s3:GetObject', 's3:GetObjectVersion'], [publisherRoleArn]),
  )
  bucket.addToResourcePolicy(
    denyObjectsUnlessRole(bucketName, 'OnlyReplicationWrites', ['s3:PutObject', 's3:ReplicateObject'], [replicationRoleArn]),
  )
  bucket.addToResourcePolicy(nobodyDeletes(bucketName))
  acknowledge(bucket, {
    'AwsSolutions-S1': ACCESS_LOGS,
    ...inStandards({
      S3BucketLoggingEnabled: ACCESS_LOGS,
      S3BucketReplicationEnabled: 'it is itself the copy',
      S3DefaultEncryptionKMS: ENCRYPTION,
    }),
  })
}

const ACCESS_LOGS =
  'one role reads the objects, and the ledger among them is itself the log of who did what; CloudTrail data events can be added'
const ENCRYPTION = 'protected by digests and signatures, and by a policy that lets one role read; encrypted at rest by the key of S3'

function nobodyDeletes(bucketName: string): PolicyStatement {
  return new PolicyStatement({
    sid: 'NobodyDeletesHistory',
    effect: Effect.DENY,
    principals: [new AnyPrincipal()],
    actions: ['s3:DeleteObject', 's3:DeleteObjectVersion'],
    resources: [`${bucketArn(bucketName)}/*`],
  })
}

const REPLICATED_WITHIN_MIN = 15

/** Every object, within 15 minutes or a metric says so (S3 Replication Time Control). Deletions are not copied, and there are none. */
function replicate(scope: Construct, bucket: CfnBucket, fromBucket: string, { account, roleName, toBucket }: CopyProps): void {
  const role = new Role(scope, 'ReplicationRole', {
    roleName,
    description: 'Copies the store of the control plane into the standby region',
    // The conditions keep S3 from being talked into it by a bucket of another account (the confused deputy).
    assumedBy: new ServicePrincipal('s3.amazonaws.com', {
      conditions: { StringEquals: { 'aws:SourceAccount': account }, ArnEquals: { 'aws:SourceArn': bucketArn(fromBucket) } },
    }),
  })
  role.addToPolicy(
    new PolicyStatement({
      sid: 'SeeWhatToCopy',
      actions: ['s3:GetReplicationConfiguration', 's3:ListBucket'],
      resources: [bucketArn(fromBucket)],
    }),
  )
  const [from, to] = [storeObjectArns(fromBucket), storeObjectArns(toBucket)]
  role.addToPolicy(
    new PolicyStatement({
      sid: 'ReadToCopy',
      actions: ['s3:GetObjectVersionForReplication', 's3:GetObjectVersionAcl', 's3:GetObjectVersionTagging'],
      resources: from,
    }),
  )
  role.addToPolicy(new PolicyStatement({ sid: 'WriteCopy', actions: ['s3:ReplicateObject', 's3:ReplicateTags'], resources: to }))
  acknowledge(
    role,
    Object.fromEntries(
      [...from, ...to].map((arn) => [`AwsSolutions-IAM5[Resource::${arn}]`, 'all that a store holds is to be copied, folder by folder']),
    ),
  )
  acknowledgeOwnPolicy(role)
  bucket.replicationConfiguration = {
    role: role.roleArn,
    rules: [
      {
        id: 'standby',
        status: 'Enabled',
        priority: 1,
        filter: { prefix: '' },
        deleteMarkerReplication: { status: 'Disabled' },
        destination: {
          bucket: bucketArn(toBucket),
          replicationTime: { status: 'Enabled', time: { minutes: REPLICATED_WITHIN_MIN } },
          metrics: { status: 'Enabled', eventThreshold: { minutes: REPLICATED_WITHIN_MIN } },
        },
      },
    ],
  }
}
