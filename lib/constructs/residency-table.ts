import { AttributeType, Billing, TableEncryptionV2, TableV2 } from 'aws-cdk-lib/aws-dynamodb'
import { AnyPrincipal, Effect, PolicyDocument, PolicyStatement } from 'aws-cdk-lib/aws-iam'
import type { IKey } from 'aws-cdk-lib/aws-kms'
import { RemovalPolicy } from 'aws-cdk-lib/core'
import { Construct } from 'constructs'
import { pinLogicalId } from './logical-id.ts'
import { unlessRole, unlessThrough } from './named-principal.ts'

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
   * ARN of a role that may read items past the endpoint when nothing else can. It never writes.
   * @default - nobody is spared
   */
  readonly breakGlassRoleArn?: string
  /**
   * Whether items with the number attribute `ttl` (seconds since the epoch) are deleted some time after it.
   * @default false
   */
  readonly forgets?: boolean
}

/** Attribute by which DynamoDB forgets items. Days late at times, so nobody reads an item as good because it is still there. */
export const TTL_ATTRIBUTE = 'ttl'

/** What reads items, one table at a time. */
export const READ_ACTIONS = ['dynamodb:GetItem', 'dynamodb:BatchGetItem', 'dynamodb:Query', 'dynamodb:Scan']

/** Everything else that reads or writes items, streams excepted (there are none). Creating, describing and restoring tables is not among it. */
const OTHER_ACTIONS = [
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
 *
 * No service-linked role is spared: DynamoDB forgets and recovers items without asking a policy, AWS Backup asks for none of these
 * actions, and the one that does, replication, is what must not be.
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
        statements: denyItemsToOthers(props),
      }),
    })
    pinLogicalId(this.table, props.logicalId)
  }
}

/** Reads are told apart only where somebody may read past the endpoint: the shorter policy is the easier one to be sure of. */
function denyItemsToOthers(props: ResidencyTableProps): PolicyStatement[] {
  const { breakGlassRoleArn: spared } = props
  if (spared === undefined)
    return [
      denyItems(props, 'DenyItemsToOtherRoles', [...READ_ACTIONS, ...OTHER_ACTIONS], unlessRole(props.gatewayRoleArn)),
      denyItems(props, 'DenyItemsPastTheEndpoint', [...READ_ACTIONS, ...OTHER_ACTIONS], unlessThrough(props.endpointId)),
    ]
  return [
    denyItems(props, 'DenyItemsToOtherRoles', OTHER_ACTIONS, unlessRole(props.gatewayRoleArn)),
    denyItems(props, 'DenyItemsPastTheEndpoint', OTHER_ACTIONS, unlessThrough(props.endpointId)),
    denyItems(props, 'DenyReadingToOtherRoles', READ_ACTIONS, unlessRole(props.gatewayRoleArn, spared)),
    denyItems(props, 'DenyReadingPastTheEndpoint', READ_ACTIONS, { ...unlessThrough(props.endpointId), ...unlessRole(spared) }),
  ]
}

function denyItems(
  { tableArn }: ResidencyTableProps,
  sid: string,
  actions: readonly string[],
  conditions: Record<string, Record<string, string | string[]>>,
) {
  return new PolicyStatement({
    sid,
    effect: Effect.DENY,
    principals: [new AnyPrincipal()],
    actions: [...actions],
    resources: [tableArn],
    conditions,
  })
}
