import { AccountPrincipal, PolicyStatement, Role } from 'aws-cdk-lib/aws-iam'
import { Duration } from 'aws-cdk-lib/core'
import { Construct } from 'constructs'
import { cellNames, REGIONAL_TABLES } from '../../config/names.ts'
import type { Cell } from '../cell.ts'
import { acknowledge, acknowledgeOwnPolicy } from '../nag/acknowledge.ts'
import { bucketArn, keysArn, tableArn } from './arns.ts'
import { pinLogicalId } from './logical-id.ts'
import { READ_ACTIONS } from './residency-table.ts'

export interface BreakGlassRoleProps {
  readonly cell: Cell
  /** ARNs of the roles and users that may take the role. */
  readonly principals: readonly string[]
}

/**
 * The one way past the endpoint: a role that reads a region's tables and audit records, for the hour in which no gateway does. It is made
 * beforehand, as IAM's control plane may be what is away. Whoever takes it must say in whose name (`sts:SourceIdentity`), which CloudTrail
 * shows with every read. It writes nothing, and recorded inputs are not among what it reads: gateways seal them.
 */
export class BreakGlassRole extends Construct {
  constructor(scope: Construct, id: string, { cell, principals }: BreakGlassRoleProps) {
    super(scope, id)
    const { deployment, region, zone } = cell
    const names = cellNames(deployment, region, zone)
    const somebody = new AccountPrincipal(names.account).withConditions({
      ArnEquals: { 'aws:PrincipalArn': [...principals] },
      StringLike: { 'sts:SourceIdentity': '?*' },
    })
    const role = new Role(this, 'Role', {
      roleName: names.breakGlassRole,
      description: `Reads tables and audit records of ${region} when no gateway does`,
      assumedBy: somebody,
      maxSessionDuration: Duration.hours(1),
    })
    pinLogicalId(role, 'BreakGlassRole')
    role.assumeRolePolicy?.addStatements(new PolicyStatement({ actions: ['sts:SetSourceIdentity'], principals: [somebody] }))
    const tables = REGIONAL_TABLES.map((purpose) => tableArn(region, names.account, names.table(purpose)))
    const records = `${bucketArn(names.auditBucket)}/*`
    const rights = [
      new PolicyStatement({ sid: 'ReadItems', actions: READ_ACTIONS, resources: tables }),
      new PolicyStatement({ sid: 'ReadAuditRecords', actions: ['s3:GetObject', 's3:GetObjectVersion'], resources: [records] }),
      new PolicyStatement({ sid: 'ListAuditRecords', actions: ['s3:ListBucket'], resources: [bucketArn(names.auditBucket)] }),
      new PolicyStatement({
        sid: 'DecryptThroughStores',
        actions: ['kms:Decrypt'],
        resources: [keysArn(region, names.account)],
        conditions: {
          StringEquals: { 'kms:ViaService': ['dynamodb', 's3'].map((service) => `${service}.${region}.amazonaws.com`) },
          'ForAnyValue:StringEquals': { 'kms:ResourceAliases': names.dataKey },
        },
      }),
    ]
    for (const right of rights) role.addToPolicy(right)
    acknowledge(role, {
      [`AwsSolutions-IAM5[Resource::${records}]`]: 'which record is wanted is known only when it is',
      [`AwsSolutions-IAM5[Resource::${keysArn(region, names.account)}]`]:
        'AWS makes up key ids; the conditions leave the data key of this region, through the stores alone',
    })
    acknowledgeOwnPolicy(role)
  }
}
