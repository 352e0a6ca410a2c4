import { PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam'
import { type Bucket, BucketEncryption } from 'aws-cdk-lib/aws-s3'
import { Duration } from 'aws-cdk-lib/core'
import type { Construct } from 'constructs'
import { acknowledge, inStandards } from '../nag/acknowledge.ts'
import { bucketArn } from './arns.ts'
import { privateBucket } from './private-bucket.ts'

export interface LoadBalancerLogsProps {
  readonly bucketName: string
  /** Folder in the bucket, as `loadBalancer` is told it too. */
  readonly folder: string
  /** Account of the load balancers. */
  readonly account: string
  /** Why no copy of the logs is made, for whoever reads the findings of the standards. */
  readonly notCopied: string
}

/**
 * Bucket of load balancers' access logs: who called which path and when, for three months. Server-side encryption is S3's own, as load
 * balancers deliver to no other kind of bucket.
 * @see https://docs.aws.amazon.com/elasticloadbalancing/latest/application/enable-access-logging.html
 */
export function loadBalancerLogs(
  scope: Construct,
  logicalId: string,
  { bucketName, folder, account, notCopied }: LoadBalancerLogsProps,
): Bucket {
  const bucket = privateBucket(scope, logicalId, {
    bucketName,
    encryption: BucketEncryption.S3_MANAGED,
    lifecycleRules: [{ expiration: Duration.days(90), noncurrentVersionExpiration: Duration.days(7) }],
  })
  bucket.addToResourcePolicy(
    new PolicyStatement({
      sid: 'LoadBalancerLogs',
      principals: [new ServicePrincipal('logdelivery.elasticloadbalancing.amazonaws.com')],
      actions: ['s3:PutObject'],
      resources: [`${bucketArn(bucketName)}/${folder}/AWSLogs/${account}/*`],
    }),
  )
  acknowledge(
    bucket,
    inStandards({
      S3BucketReplicationEnabled: notCopied,
      S3DefaultEncryptionKMS: 'load balancers deliver their logs to no bucket of another encryption',
    }),
  )
  return bucket
}
