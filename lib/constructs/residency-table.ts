import { AttributeType, Billing, TableEncryptionV2, TableV2 } from 'aws-cdk-lib/aws-dynamodb'
import { AnyPrincipal, Effect, PolicyDocument, PolicyStatement } from 'aws-cdk-lib/aws-iam'
import type { IKey } from 'aws-cdk-lib/aws-kms'
import { RemovalPolicy } from 'aws-cdk-lib/core'
import { Construct } from 'constructs'
import { pinLogicalId } from './logical-id.ts'
import { unlessRole } from './named-principal.ts'

export interface ResidencyTableProps {
  readonly tableName: string
  readonly tableArn: string
  /** The region's data key. */
  readonly key: IKey
  /** ARN of the one role whose calls reach the items. */
  readonly gatewayRoleArn: string
  /** Id of the region's DynamoDB gateway endpoint, the one way to the items. */
  readonly endpointId: string
  readonly logicalId: string
  /**
   * Whether items with the number attribute `ttl` (seconds since the epoch) are deleted some time after it.
   * @default false
   */
  readonly forgets?: boolean
}

/** Attribute by which DynamoDB forgets items. Days late at times, so nobody reads an item as good because it is still there. */
export const TTL_ATTRIBUTE = 'ttl'

/** Everything that reads or writes items, streams excepted (there are none). Creating, describing and restoring tables is not among it. */
const DATA_PLANE_ACTIONS = [
  'dynamodb:GetItem',
  'dynamodb:BatchGetItem',
  'dynamodb:Query',
  'dynamodb:Scan',
  'dynamodb:ConditionCheckItem',
  'dynamodb:PutItem',
  'dynamodb:UpdateItem',
  'dynamodb:DeleteItem',
  'dynamodb:BatchWriteItem',
  'dynamodb:PartiQLSelect',
  'dynamodb:PartiQLInsert',
  'dynamodb:PartiQLUpdate',
  'dynamodb:PartiQLDelete',
  'dynamodb:ExportTableToPointInTime',
]

/**
 * A table of one region: what is in it stays where it was made. It has no replica, its own region's key, and a policy that denies items
 * to everybody, administrators included, but the region's gateway role coming through the region's endpoint. `aws:RequestedRegion` would
 * prove nothing here, as it is always the table's own region.
 */
export class ResidencyTable extends Construct {
  readonly table: TableV2

  constructor(scope: Construct, id: string, props: ResidencyTableProps) {
    super(scope, id)
    this.table = new TableV2(this, 'Table', {
      tableName: props.tableName,
      partitionKey: { name: 'pk', type: AttributeType.STRING },
      sortKey: { name: 'sk', type: AttributeType.STRING },
      billing: Billing.onDemand(),
      encryption: TableEncryptionV2.customerManagedKey(props.key),
      pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
      deletionProtection: true,
      removalPolicy: RemovalPolicy.RETAIN,
      ...(props.forgets && { timeToLiveAttribute: TTL_ATTRIBUTE }),
      resourcePolicy: new PolicyDocument({
        statements: [
          denyItems(props, 'DenyItemsToOtherRoles', unlessRole(props.gatewayRoleArn)),
          denyItems(props, 'DenyItemsPastTheEndpoint', { StringNotEquals: { 'aws:SourceVpce': props.endpointId } }),
        ],
      }),
    })
    pinLogicalId(this.table, props.logicalId)
  }
}

function denyItems({ tableArn }: ResidencyTableProps, sid: string, conditions: Record<string, Record<string, string | string[]>>) {
  return new PolicyStatement({
    sid,
    effect: Effect.DENY,
    principals: [new AnyPrincipal()],
    actions: DATA_PLANE_ACTIONS,
    resources: [tableArn],
    conditions,
  })
}
