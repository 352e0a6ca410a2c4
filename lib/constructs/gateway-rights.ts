import { PolicyStatement } from 'aws-cdk-lib/aws-iam'
import { cellNames, type RegionalTable, sharedNames } from '../../config/names.ts'
import type { Cell } from '../cell.ts'
import { bucketArn, keysArn, logStreamsArn, roleArn, tableArn } from './arns.ts'
import { bundleObjectArns } from './bundle-objects.ts'
import { DATA_KEY_ACTIONS } from './data-key.ts'
import { notifiedTopics } from './gateway-environment.ts'
import { inputObjectsArn } from './input-objects.ts'
import { onlyPartitions } from './partitions.ts'

type ItemAction = 'GetItem' | 'PutItem' | 'UpdateItem' | 'DeleteItem' | 'Query'

/** What a gateway does with each table of its region. The audit index has no reader and no writer yet. */
export const TABLE_ACTIONS: Readonly<Record<Exclude<RegionalTable, 'audit-index'>, readonly ItemAction[]>> = {
  approvals: ['GetItem', 'PutItem', 'UpdateItem', 'DeleteItem', 'Query'],
  chains: ['GetItem', 'UpdateItem'],
  slices: ['GetItem', 'PutItem', 'UpdateItem', 'Query'],
  idempotency: ['GetItem', 'PutItem', 'UpdateItem', 'DeleteItem'],
  'region-state': ['GetItem', 'PutItem', 'UpdateItem', 'Query'],
}

/** Partitions of the global table that a region may read beside its own pointer, and those it may put items into. */
export function mailboxes(region: string, zone: string) {
  return {
    read: ['kills', `promotions#${zone}`, 'heartbeats', `vouchers#${region}`, 'wants#*', `replays#${region}`],
    write: ['kills', `promotions#${zone}`, 'heartbeats', 'vouchers#*', `wants#${region}`, `fleet#${region}`, `replays#${region}`],
  }
}

/** Every right of a gateway's task, each on resources of its own region, and each one that the runtime uses. */
export function gatewayRights(cell: Cell): PolicyStatement[] {
  const { deployment, region, zone } = cell
  const names = cellNames(deployment, region, zone)
  return [
    new PolicyStatement({ sid: 'ReadBundles', actions: ['s3:GetObject'], resources: bundleObjectArns(names.bundleBucket) }),
    ...globalTableRights(cell),
    ...Object.entries(TABLE_ACTIONS).map(
      ([purpose, actions]) =>
        new PolicyStatement({
          sid: `Keep${pascal(purpose)}`,
          actions: actions.map((action) => `dynamodb:${action}`),
          resources: [tableArn(region, names.account, names.table(purpose as RegionalTable))],
        }),
    ),
    ...recordingRights(cell),
    new PolicyStatement({
      sid: 'UseDataKeyThroughStores',
      actions: DATA_KEY_ACTIONS,
      resources: [keysArn(region, names.account)],
      conditions: {
        StringEquals: { 'kms:ViaService': ['dynamodb', 's3'].map((service) => `${service}.${region}.amazonaws.com`) },
        'ForAnyValue:StringEquals': { 'kms:ResourceAliases': names.dataKey },
      },
    }),
    ...signingRights(cell),
    ...notifyingRights(cell),
    ...telemetryRights(cell),
  ]
}

/**
 * IAM sees a request's partition key alone: neither its sort key nor its condition. So it keeps a region to the partitions above and from
 * ever updating or deleting in them; that nothing there is overwritten, and that a heartbeat is the region's own, is up to the condition
 * that the runtime puts with every item, and no reader trusts an item further than that it restricts or is matched by the writer's table.
 */
function globalTableRights({ deployment, region, zone }: Cell): PolicyStatement[] {
  const resources = [tableArn(region, cellNames(deployment, region, zone).account, sharedNames(deployment).globalTable)]
  const { read, write } = mailboxes(region, zone)
  return [
    new PolicyStatement({
      sid: 'ReadOwnPointer',
      actions: ['dynamodb:Query'],
      resources,
      conditions: onlyPartitions(`pointer#${region}`),
    }),
    new PolicyStatement({
      sid: 'ReadMailboxes',
      actions: ['dynamodb:Query'],
      resources,
      conditions: onlyPartitions(...read),
    }),
    new PolicyStatement({ sid: 'PutIntoMailboxes', actions: ['dynamodb:PutItem'], resources, conditions: onlyPartitions(...write) }),
  ]
}

/** The inputs that it records it also reads again: for replays and for explaining. It deletes none; the bucket forgets by itself. */
function recordingRights({ deployment, region, zone }: Cell): PolicyStatement[] {
  const { inputsBucket } = cellNames(deployment, region, zone)
  return [
    new PolicyStatement({ sid: 'KeepInputs', actions: ['s3:PutObject', 's3:GetObject'], resources: [inputObjectsArn(inputsBucket)] }),
    new PolicyStatement({ sid: 'ListInputs', actions: ['s3:ListBucket'], resources: [bucketArn(inputsBucket)] }),
  ]
}

/** Its own keys it uses itself. The data-protection key it may only look at: to sign with it takes the other role, and a person's name. */
function signingRights({ deployment, region, zone }: Cell): PolicyStatement[] {
  const names = cellNames(deployment, region, zone)
  const onlyKeys = (aliases: string[]) => ({ 'ForAnyValue:StringEquals': { 'kms:ResourceAliases': aliases } })
  const resources = [keysArn(region, names.account)]
  return [
    new PolicyStatement({
      sid: 'SignTokensAndApprovals',
      actions: ['kms:Sign', 'kms:GetPublicKey'],
      resources,
      conditions: onlyKeys(
        (['token', 'approval'] as const).flatMap((purpose) => [names.signingKey(purpose), names.previousSigningKey(purpose)]),
      ),
    }),
    new PolicyStatement({
      sid: 'CheckAttestations',
      actions: ['kms:GetPublicKey'],
      resources,
      conditions: onlyKeys([names.signingKey('data-protection')]),
    }),
    new PolicyStatement({
      sid: 'ActForDataProtectionOfficers',
      actions: ['sts:AssumeRole', 'sts:SetSourceIdentity'],
      resources: [roleArn(names.account, names.dataProtectionRole)],
    }),
  ]
}

function notifyingRights({ deployment, region, zone }: Cell): PolicyStatement[] {
  const resources = notifiedTopics(deployment, region, cellNames(deployment, region, zone).account)
  return resources.length === 0 ? [] : [new PolicyStatement({ sid: 'TellOfApprovals', actions: ['sns:Publish'], resources })]
}

/** The collector's, which has the same role: every container of a task does. */
function telemetryRights({ deployment, region, zone }: Cell): PolicyStatement[] {
  const { account, metricsLogs } = cellNames(deployment, region, zone)
  return [
    new PolicyStatement({
      sid: 'KeepMetrics',
      actions: ['logs:CreateLogStream', 'logs:PutLogEvents'],
      resources: [logStreamsArn(region, account, metricsLogs)],
    }),
    new PolicyStatement({
      sid: 'KeepSpans',
      actions: ['xray:PutTraceSegments'],
      resources: ['*'],
      conditions: { StringEquals: { 'aws:RequestedRegion': region } },
    }),
  ]
}

const pascal = (text: string) => text.replace(/(^|-)([a-z])/g, (_match, _hyphen, letter: string) => letter.toUpperCase())
