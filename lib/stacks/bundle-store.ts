import { PolicyStatement } from 'aws-cdk-lib/aws-iam'
import { BucketEncryption } from 'aws-cdk-lib/aws-s3'
import { Duration, Stack } from 'aws-cdk-lib/core'
import type { Construct } from 'constructs'
import { cellNames, sharedNames, stackNames } from '../../config/names.ts'
import { type Cell, cellEnvironment, stackProps } from '../cell.ts'
import { bucketArn, roleArn } from '../constructs/arns.ts'
import { bundleObjectArns } from '../constructs/bundle-objects.ts'
import { namedRole } from '../constructs/named-principal.ts'
import { denyObjectsUnlessRole, privateBucket } from '../constructs/private-bucket.ts'
import { acknowledge, inStandards } from '../nag/acknowledge.ts'

/** Signed bundles and directories of one region: the publisher writes, this region's gateways read, nobody else does either. */
export class BundleStoreStack extends Stack {
  constructor(scope: Construct, cell: Cell) {
    const { deployment, region, zone } = cell
    const env = cellEnvironment(cell)
    super(scope, stackNames(deployment).bundleStore(region), stackProps(cell, env, `bundle store of ${region}`, { protect: true }))
    const { bundleBucket, gatewayRole } = cellNames(deployment, region, zone)
    const { control } = deployment.accounts
    const publisher = roleArn(control, sharedNames(deployment).publisherRole)
    const gateway = roleArn(env.account, gatewayRole)

    const bucket = privateBucket(this, 'BundleBucket', {
      bucketName: bundleBucket,
      // Not the data key: the publisher is in another account, and what is in here is protected by its signature, not by secrecy.
      encryption: BucketEncryption.S3_MANAGED,
      lifecycleRules: [{ noncurrentVersionExpiration: Duration.days(30) }],
    })
    bucket.addToResourcePolicy(
      new PolicyStatement({
        sid: 'PublisherShips',
        principals: [namedRole(control, publisher)],
        actions: ['s3:PutObject', 's3:GetObject'],
        resources: bundleObjectArns(bundleBucket),
      }),
    )
    bucket.addToResourcePolicy(
      new PolicyStatement({
        sid: 'PublisherSeesWhatIsMissing',
        principals: [namedRole(control, publisher)],
        actions: ['s3:ListBucket'],
        resources: [bucketArn(bundleBucket)],
      }),
    )
    // The publisher reads too: a pointer moves only after the object was read back from its region.
    bucket.addToResourcePolicy(
      denyObjectsUnlessRole(bundleBucket, 'OnlyGatewayAndPublisherRead', ['s3:GetObject', 's3:GetObjectVersion'], [gateway, publisher]),
    )
    bucket.addToResourcePolicy(
      denyObjectsUnlessRole(
        bundleBucket,
        'OnlyPublisherWrites',
        ['s3:PutObject', 's3:DeleteObject', 's3:DeleteObjectVersion'],
        [publisher],
      ),
    )
    const accessLogs =
      'two roles reach the objects, which are signed, content-addressed and read by digest; the access log bucket comes in a later stack'
    acknowledge(bucket, {
      'AwsSolutions-S1': accessLogs,
      ...inStandards({
        S3BucketLoggingEnabled: accessLogs,
        S3BucketReplicationEnabled: 'the publisher ships every object to every region itself and reads it back from there',
        S3DefaultEncryptionKMS: 'signed, not secret: what is in here every gateway may read; encrypted at rest by the key of S3',
      }),
    })
  }
}
