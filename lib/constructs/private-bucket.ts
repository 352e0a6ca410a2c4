import { AnyPrincipal, Effect, PolicyStatement } from 'aws-cdk-lib/aws-iam'
import { BlockPublicAccess, Bucket, type BucketProps, ObjectOwnership } from 'aws-cdk-lib/aws-s3'
import { Duration, RemovalPolicy } from 'aws-cdk-lib/core'
import type { Construct } from 'constructs'
import { bucketArn } from './arns.ts'
import { pinLogicalId } from './logical-id.ts'
import { unlessRole, unlessThrough } from './named-principal.ts'

/** A versioned bucket that nobody outside reaches, over TLS 1.2 or later only, kept when its stack goes. `bucketName` is a literal. */
export function privateBucket(scope: Construct, logicalId: string, props: BucketProps & { readonly bucketName: string }): Bucket {
  const bucket = new Bucket(scope, logicalId, {
    blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
    enforceSSL: true,
    minimumTLSVersion: 1.2,
    objectOwnership: ObjectOwnership.BUCKET_OWNER_ENFORCED,
    versioned: true,
    removalPolicy: RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
    ...props,
    lifecycleRules: [{ abortIncompleteMultipartUploadAfter: Duration.days(7) }, ...(props.lifecycleRules ?? [])],
  })
  pinLogicalId(bucket, logicalId)
  return bucket
}

/** Denies actions on every object of a bucket to everybody, administrators included, but the roles named by ARN. */
export function denyObjectsUnlessRole(
  bucketName: string,
  sid: string,
  actions: readonly string[],
  roleArns: readonly string[],
): PolicyStatement {
  return new PolicyStatement({
    sid,
    effect: Effect.DENY,
    principals: [new AnyPrincipal()],
    actions: [...actions],
    resources: [`${bucketArn(bucketName)}/*`],
    conditions: unlessRole(...roleArns),
  })
}

/** Denies actions on every object of a bucket to whatever does not come through an endpoint, the roles named by ARN spared. */
export function denyObjectsPastEndpoint(
  bucketName: string,
  sid: string,
  actions: readonly string[],
  endpointId: string,
  roleArns: readonly string[] = [],
): PolicyStatement {
  return new PolicyStatement({
    sid,
    effect: Effect.DENY,
    principals: [new AnyPrincipal()],
    actions: [...actions],
    resources: [`${bucketArn(bucketName)}/*`],
    conditions: { ...unlessThrough(endpointId), ...(roleArns.length > 0 && unlessRole(...roleArns)) },
  })
}

/** Denies everybody, administrators included, what lifts or shortens the lock on an object: it takes a change of this policy. */
export function denyLockBypass(bucketName: string): PolicyStatement {
  return new PolicyStatement({
    sid: 'NobodyBypassesTheLock',
    effect: Effect.DENY,
    principals: [new AnyPrincipal()],
    actions: ['s3:BypassGovernanceRetention', 's3:PutObjectRetention', 's3:PutObjectLegalHold'],
    resources: [`${bucketArn(bucketName)}/*`],
  })
}
