import { Certificate, CertificateValidation } from 'aws-cdk-lib/aws-certificatemanager'
import { AaaaRecord, ARecord, RecordTarget } from 'aws-cdk-lib/aws-route53'
import { CloudFrontTarget } from 'aws-cdk-lib/aws-route53-targets'
import { BucketEncryption, ObjectOwnership } from 'aws-cdk-lib/aws-s3'
import { Duration, Stack } from 'aws-cdk-lib/core'
import type { Construct } from 'constructs'
import { edgeNames, publicNames, stackNames } from '../../config/names.ts'
import { type Deployment, regionsOf } from '../../config/schema.ts'
import { stackProps } from '../cell.ts'
import { EdgeDiscovery } from '../constructs/edge-discovery.ts'
import { hostedZoneOf, hostedZonePlaceholders } from '../constructs/hosted-zone.ts'
import { privateBucket } from '../constructs/private-bucket.ts'
import { acknowledge, inStandards } from '../nag/acknowledge.ts'
import { markPlaceholders } from '../placeholders.ts'

/** CloudFront takes certificates and web ACLs of this region alone ("Requirements for using SSL/TLS certificates with CloudFront"). */
export const EDGE_REGION = 'us-east-1'

/** What the edge serves: keys and metadata of every region's token issuer, under one name. */
export class EdgeStack extends Stack {
  constructor(scope: Construct, deployment: Deployment) {
    const env = { account: deployment.accounts.workload, region: EDGE_REGION }
    super(scope, stackNames(deployment).edge, stackProps({ deployment }, env, 'edge', { protect: false }))
    const names = publicNames(deployment)
    const { cachePolicy, function: functionName, logsBucket } = edgeNames(deployment)
    const webAclArn = deployment.edge?.webAclArn
    const hostedZone = hostedZoneOf(this, deployment)
    const certificate = new Certificate(this, 'Certificate', {
      domainName: names.discovery,
      validation: CertificateValidation.fromDns(hostedZone),
    })
    const { distribution } = new EdgeDiscovery(this, 'Discovery', {
      domainName: names.discovery,
      certificate,
      issuers: new Map(regionsOf(deployment).map(({ region }) => [region, names.regional(region)])),
      logsBucket: edgeLogs(this, logsBucket),
      cachePolicyName: cachePolicy,
      functionName,
      ...(webAclArn !== undefined && { webAclArn }),
    })
    const target = RecordTarget.fromAlias(new CloudFrontTarget(distribution))
    new ARecord(this, 'Record', { zone: hostedZone, recordName: names.discovery, target })
    new AaaaRecord(this, 'RecordV6', { zone: hostedZone, recordName: names.discovery, target })
    markPlaceholders(this, hostedZonePlaceholders(deployment))
  }
}

function edgeLogs(scope: Construct, bucketName: string) {
  const bucket = privateBucket(scope, 'EdgeLogsBucket', {
    bucketName,
    encryption: BucketEncryption.S3_MANAGED,
    // CloudFront's standard logging delivers by an ACL.
    objectOwnership: ObjectOwnership.BUCKET_OWNER_PREFERRED,
    lifecycleRules: [{ expiration: Duration.days(30), noncurrentVersionExpiration: Duration.days(1) }],
  })
  const itself = 'is the log itself, of public documents, kept for a month'
  acknowledge(bucket, {
    'AwsSolutions-S1': itself,
    ...inStandards({
      S3BucketLoggingEnabled: itself,
      S3BucketReplicationEnabled: 'names whoever fetched a document, so there is one of it',
      S3DefaultEncryptionKMS: 'the bucket holds no data of tenants, and the data key is usable through the stores of residency data alone',
    }),
  })
  return bucket
}
