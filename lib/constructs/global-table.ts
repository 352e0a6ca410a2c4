import { AttributeType, Billing, TableEncryptionV2, TableV2 } from 'aws-cdk-lib/aws-dynamodb'
import type { PolicyDocument } from 'aws-cdk-lib/aws-iam'
import { RemovalPolicy, Stack } from 'aws-cdk-lib/core'
import { Construct } from 'constructs'
import { pinLogicalId } from './logical-id.ts'
import { TTL_ATTRIBUTE } from './residency-table.ts'

export interface GlobalTableProps {
  readonly tableName: string
  /** Regions of the replicas beside the stack's own region. */
  readonly replicaRegions: readonly string[]
  /** Policy of the replica in a region: each replica has its own, and none inherits. Undefined: none yet. */
  readonly resourcePolicyOf: (region: string) => PolicyDocument | undefined
}

/**
 * A table in every serving region, eventually consistent: a mailbox, never a judge, as the last writer wins. It takes the AWS-owned key
 * because it may hold no personal data: a customer key would need three deployments in order (key, replica keys, table) to add a region.
 */
export class GlobalTable extends Construct {
  readonly table: TableV2

  constructor(scope: Construct, id: string, { tableName, replicaRegions, resourcePolicyOf }: GlobalTableProps) {
    super(scope, id)
    const pointInTimeRecoverySpecification = { pointInTimeRecoveryEnabled: true }
    this.table = new TableV2(this, 'Table', {
      tableName,
      partitionKey: { name: 'pk', type: AttributeType.STRING },
      sortKey: { name: 'sk', type: AttributeType.STRING },
      billing: Billing.onDemand(),
      encryption: TableEncryptionV2.dynamoOwnedKey(),
      pointInTimeRecoverySpecification,
      deletionProtection: true,
      removalPolicy: RemovalPolicy.RETAIN,
      // Vouchers, wishes and heartbeats end by themselves. A kill switch or promotion has no such attribute and stays.
      timeToLiveAttribute: TTL_ATTRIBUTE,
      ...withPolicy(resourcePolicyOf(Stack.of(this).region)),
      // Nothing but the key schema is inherited for certain, so every replica says what it needs.
      replicas: replicaRegions.map((region) => ({
        region,
        pointInTimeRecoverySpecification,
        deletionProtection: true,
        ...withPolicy(resourcePolicyOf(region)),
      })),
    })
    pinLogicalId(this.table, 'GlobalTable')
  }
}

const withPolicy = (resourcePolicy: PolicyDocument | undefined) => (resourcePolicy === undefined ? {} : { resourcePolicy })
