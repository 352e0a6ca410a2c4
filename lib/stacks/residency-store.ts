import { Alias, type IKey } from 'aws-cdk-lib/aws-kms'
import { type Bucket, BucketEncryption, ObjectLockRetention } from 'aws-cdk-lib/aws-s3'
import { Duration, Stack } from 'aws-cdk-lib/core'
import type { Construct } from 'constructs'
import { cellNames, REGIONAL_TABLES, type RegionalTable, stackNames } from '../../config/names.ts'
import { type Cell, cellEnvironment, stackProps } from '../cell.ts'
import { roleArn, tableArn } from '../constructs/arns.ts'
import { BreakGlassRole } from '../constructs/break-glass-role.ts'
import { loadBalancerLogs } from '../constructs/load-balancer-logs.ts'
import { readParameter } from '../constructs/network-parameter.ts'
import { denyLockBypass, denyObjectsPastEndpoint, denyObjectsUnlessRole, privateBucket } from '../constructs/private-bucket.ts'
import { RegionBackup } from '../constructs/region-backup.ts'
import { ResidencyTable } from '../constructs/residency-table.ts'
import { acknowledge, inStandards } from '../nag/acknowledge.ts'

/** Logical ids of the tables. Fixed, as CloudFormation would replace a table whose id changed. */
const LOGICAL_IDS: Record<RegionalTable, string> = {
  approvals: 'ApprovalsTable',
  chains: 'ChainsTable',
  slices: 'SlicesTable',
  idempotency: 'IdempotencyTable',
  'region-state': 'RegionStateTable',
  'audit-index': 'AuditIndexTable',
}

/** Tables whose items end by themselves: what they hold is good for minutes or days. The rest is kept until somebody removes it. */
const FORGETTING: readonly RegionalTable[] = ['approvals', 'chains', 'slices', 'idempotency']

/** Folder of the load balancer's logs in the access log bucket. */
export const LOAD_BALANCER_LOGS = 'load-balancer'

/** Everything that must stay in its region: tables, audit records, access logs. */
export class ResidencyStoreStack extends Stack {
  constructor(scope: Construct, cell: Cell) {
    const { deployment, region, zone } = cell
    const env = cellEnvironment(cell)
    super(scope, stackNames(deployment).residencyStore(region), stackProps(cell, env, `residency store of ${region}`, { protect: true }))
    const names = cellNames(deployment, region, zone)
    const gatewayRoleArn = roleArn(env.account, names.gatewayRole)
    // Read when this stack is deployed: whoever replaces the endpoint deploys this stack after it, or the gateway is locked out.
    const endpointId = readParameter(names.networkParameter('dynamodb-endpoint-id'))
    const breakGlassRoleArn = deployment.breakGlass && roleArn(env.account, names.breakGlassRole)
    const key = Alias.fromAliasName(this, 'DataKey', names.dataKey)
    for (const purpose of REGIONAL_TABLES) {
      new ResidencyTable(this, LOGICAL_IDS[purpose], {
        tableName: names.table(purpose),
        tableArn: tableArn(region, env.account, names.table(purpose)),
        key,
        gatewayRoleArn,
        endpointId,
        logicalId: LOGICAL_IDS[purpose],
        forgets: FORGETTING.includes(purpose),
        ...(breakGlassRoleArn !== undefined && { breakGlassRoleArn }),
      })
    }
    const accessLogs = loadBalancerLogs(this, 'AccessLogsBucket', {
      bucketName: names.accessLogsBucket,
      folder: LOAD_BALANCER_LOGS,
      account: env.account,
      notCopied: 'access logs name clients, so they stay in this region, and are deleted after three months',
    })
    const s3EndpointId = readParameter(names.networkParameter('s3-endpoint-id'))
    const regional = { key, gatewayRoleArn, accessLogs, endpointId: s3EndpointId }
    const auditReaders = breakGlassRoleArn === undefined ? [] : [breakGlassRoleArn]
    auditBucket(this, names.auditBucket, { ...regional, retentionDays: deployment.auditRetentionDays, readers: auditReaders })
    inputsBucket(this, names.inputsBucket, { ...regional, retentionDays: deployment.inputsRetentionDays })
    if (deployment.breakGlass !== undefined) new BreakGlassRole(this, 'BreakGlass', { cell, ...deployment.breakGlass })
    if (deployment.backup !== undefined) new RegionBackup(this, 'Backup', { cell, ...deployment.backup })
  }
}

interface RegionalBucketProps {
  readonly key: IKey
  readonly gatewayRoleArn: string
  readonly accessLogs: Bucket
  /** Id of the region's S3 gateway endpoint. */
  readonly endpointId: string
  readonly retentionDays: number
}

const READ_OBJECTS = ['s3:GetObject', 's3:GetObjectVersion']

/**
 * Records that nobody can alter or delete before their time, written through the region's endpoint, and read by named roles alone: a
 * gateway, which has no right to, and the break-glass role, where there is one. Governance mode, so that a first deployment can still be taken down, but
 * the policy denies the bypass to everybody: lifting the lock takes a change of this policy, which CloudTrail shows.
 */
function auditBucket(
  scope: Construct,
  bucketName: string,
  { key, gatewayRoleArn, accessLogs, endpointId, retentionDays, readers }: RegionalBucketProps & { readonly readers: readonly string[] },
): void {
  const bucket = privateBucket(scope, 'AuditBucket', {
    bucketName,
    encryption: BucketEncryption.KMS,
    encryptionKey: key,
    bucketKeyEnabled: true,
    objectLockEnabled: true,
    objectLockDefaultRetention: ObjectLockRetention.governance(Duration.days(retentionDays)),
    serverAccessLogsBucket: accessLogs,
    serverAccessLogsPrefix: 'audit-bucket/',
  })
  bucket.addToResourcePolicy(denyObjectsUnlessRole(bucketName, 'OnlyGatewayWrites', ['s3:PutObject'], [gatewayRoleArn]))
  bucket.addToResourcePolicy(denyObjectsUnlessRole(bucketName, 'OnlyNamedRolesRead', READ_OBJECTS, [gatewayRoleArn, ...readers]))
  bucket.addToResourcePolicy(denyObjectsPastEndpoint(bucketName, 'WritesComeThroughTheEndpoint', ['s3:PutObject'], endpointId))
  bucket.addToResourcePolicy(denyObjectsPastEndpoint(bucketName, 'ReadsComeThroughTheEndpoint', READ_OBJECTS, endpointId, readers))
  bucket.addToResourcePolicy(denyLockBypass(bucketName))
  acknowledge(
    bucket,
    inStandards({
      S3BucketReplicationEnabled: 'audit records stay in the region that made them; versions and the object lock keep them there',
    }),
  )
}

/**
 * What policy was asked: arguments of calls, which the gateways seal before they put them, so that whoever reads the bucket reads nothing.
 * Not versioned, unlike the rest: what has expired must be gone, and nothing here is evidence.
 */
function inputsBucket(
  scope: Construct,
  bucketName: string,
  { key, gatewayRoleArn, accessLogs, endpointId, retentionDays }: RegionalBucketProps,
): void {
  const bucket = privateBucket(scope, 'InputsBucket', {
    bucketName,
    versioned: false,
    encryption: BucketEncryption.KMS,
    encryptionKey: key,
    bucketKeyEnabled: true,
    lifecycleRules: [{ expiration: Duration.days(retentionDays) }],
    serverAccessLogsBucket: accessLogs,
    serverAccessLogsPrefix: 'inputs-bucket/',
  })
  const actions = [...READ_OBJECTS, 's3:PutObject']
  bucket.addToResourcePolicy(denyObjectsUnlessRole(bucketName, 'OnlyGatewayReadsAndWrites', actions, [gatewayRoleArn]))
  bucket.addToResourcePolicy(denyObjectsPastEndpoint(bucketName, 'OnlyThroughTheEndpoint', actions, endpointId))
  acknowledge(
    bucket,
    inStandards({
      S3BucketReplicationEnabled:
        "recorded inputs stay in the region where they were asked, and are nobody's evidence: losing them loses a replay",
      S3BucketVersioningEnabled: 'what has expired must be gone: a version kept would be an argument kept',
    }),
  )
}
