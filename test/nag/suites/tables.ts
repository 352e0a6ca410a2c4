import type { CfnGlobalTable } from 'aws-cdk-lib/aws-dynamodb'
import { Alias } from 'aws-cdk-lib/aws-kms'
import type { CfnResource, Stack } from 'aws-cdk-lib/core'
import { cellNames, sharedNames, stackNames } from '../../../config/names.ts'
import { ResidencyTable } from '../../../lib/constructs/residency-table.ts'
import { residencyTableHasCustomerKey } from '../../../lib/nag/rules/residency-table-has-customer-key.ts'
import { residencyTableHasNoReplica } from '../../../lib/nag/rules/residency-table-has-no-replica.ts'
import { tableIsProtected } from '../../../lib/nag/rules/table-is-protected.ts'
import { deployment, type RuleSuite, raw, WORKLOAD } from '../planted.ts'

const GLOBAL_STATE = stackNames(deployment).globalState
const { globalTable: GLOBAL_TABLE } = sharedNames(deployment)
const GLOBAL = 'AWS::DynamoDB::GlobalTable'

interface Replica {
  Region: string
  PointInTimeRecoverySpecification?: { PointInTimeRecoveryEnabled: boolean }
  DeletionProtectionEnabled?: boolean
  SSESpecification?: { KMSMasterKeyId: string }
}

const PROTECTED = { PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true }, DeletionProtectionEnabled: true }
const replica = (Region: string, more: Partial<Replica> = {}): Replica => ({ Region, ...PROTECTED, ...more })
const globalTable = (replicas: Replica[], more: Record<string, unknown> = {}) =>
  raw(GLOBAL, { TableName: 'x', Replicas: replicas, ...more })

/** A regional table as the residency store makes it. */
function residencyTable(stack: Stack): CfnResource {
  const names = cellNames(deployment, 'eu-west-1', 'eu')
  const { table } = new ResidencyTable(stack, 'Approvals', {
    tableName: names.table('approvals'),
    tableArn: `arn:aws:dynamodb:eu-west-1:${WORKLOAD}:table/${names.table('approvals')}`,
    key: Alias.fromAliasName(stack, 'Key', names.dataKey),
    gatewayRoleArn: `arn:aws:iam::${WORKLOAD}:role/${names.gatewayRole}`,
    endpointId: 'vpce-1',
    logicalId: 'ApprovalsTable',
  })
  return table.node.defaultChild as CfnGlobalTable
}

export const tableSuites: RuleSuite[] = [
  {
    rule: residencyTableHasNoReplica,
    refuses: [
      {
        name: 'a regional table with a replica in another zone, put there by an escape hatch',
        plant: (stack) => residencyTable(stack).addPropertyOverride('Replicas.1', replica('us-east-1')),
        finds: ['Replica::us-east-1'],
      },
      {
        name: 'a replica in another region of the zone too',
        plant: globalTable([replica('eu-west-1'), replica('eu-central-1')]),
        finds: ['Replica::eu-central-1'],
      },
      { name: 'a table that lies elsewhere as a whole', plant: globalTable([replica('us-east-1')]), finds: ['Replica::us-east-1'] },
      {
        name: "the global table's name on a table of another stack",
        plant: raw(GLOBAL, { TableName: GLOBAL_TABLE, Replicas: [replica('eu-west-1'), replica('us-east-1')] }),
        finds: ['Replica::us-east-1'],
      },
      {
        name: 'another table in the stack of the global one',
        stackName: GLOBAL_STATE,
        plant: globalTable([replica('eu-west-1'), replica('us-east-1')]),
        finds: ['Replica::us-east-1'],
      },
      {
        name: 'a witness, which holds the writes of a strongly consistent table',
        plant: globalTable([replica('eu-west-1')], { GlobalTableWitnesses: [{ Region: 'eu-central-1' }] }),
        finds: ['Witness::eu-central-1'],
      },
      {
        name: "a replica of another account's table",
        plant: globalTable([replica('eu-west-1')], { GlobalTableSourceArn: 'arn:aws:dynamodb:us-east-1:333333333333:table/x' }),
        finds: ['Source::arn:aws:dynamodb:us-east-1:333333333333:table/x'],
      },
      {
        name: "a replica made by the custom resource of CDK's first table",
        plant: raw('Custom::DynamoDBReplica', { TableName: 'x', Region: 'us-east-1' }),
        finds: ['Replica::us-east-1'],
      },
      {
        name: 'replicas that the template does not list',
        plant: raw(GLOBAL, { Replicas: { 'Fn::FindInMap': ['a', 'b', 'c'] } }),
        finds: ['Aegis-ResidencyTableHasNoReplica'],
      },
      {
        name: 'a replica under a condition',
        plant: globalTable([replica('eu-west-1'), { 'Fn::If': ['Far', replica('us-east-1'), { Ref: 'AWS::NoValue' }] } as never]),
        finds: ['Replica::'],
      },
    ],
    accepts: [
      { name: 'a regional table as the residency store makes it', plant: (stack) => void residencyTable(stack) },
      {
        name: 'replicas of the global table',
        stackName: GLOBAL_STATE,
        plant: raw(GLOBAL, { TableName: GLOBAL_TABLE, Replicas: [replica('eu-west-1'), replica('us-east-1')] }),
      },
    ],
  },
  {
    rule: residencyTableHasCustomerKey,
    refuses: [
      { name: "a table under DynamoDB's own key", plant: globalTable([replica('eu-west-1')]), finds: ['Key::eu-west-1'] },
      {
        name: 'a key that is named but not switched on',
        plant: globalTable([replica('eu-west-1', { SSESpecification: { KMSMasterKeyId: 'alias/x' } })]),
        finds: ['Key::eu-west-1'],
      },
      {
        name: "the account's AWS managed key",
        plant: globalTable([replica('eu-west-1', { SSESpecification: { KMSMasterKeyId: 'alias/aws/dynamodb' } })], {
          SSESpecification: { SSEEnabled: true, SSEType: 'KMS' },
        }),
        finds: ['Key::eu-west-1'],
      },
      { name: 'a table of the old type', plant: raw('AWS::DynamoDB::Table', { ...PROTECTED }), finds: ['Key::eu-west-1'] },
    ],
    accepts: [
      { name: 'a regional table as the residency store makes it', plant: (stack) => void residencyTable(stack) },
      {
        name: 'a table of the old type under a customer key',
        plant: raw('AWS::DynamoDB::Table', { SSESpecification: { SSEEnabled: true, SSEType: 'KMS', KMSMasterKeyId: 'alias/x' } }),
      },
      {
        name: 'the global table, which holds no personal data',
        stackName: GLOBAL_STATE,
        plant: raw(GLOBAL, { TableName: GLOBAL_TABLE, Replicas: [replica('eu-west-1')] }),
      },
    ],
  },
  {
    rule: tableIsProtected,
    refuses: [
      {
        name: 'a replica of the global table that inherits nothing',
        stackName: GLOBAL_STATE,
        plant: raw(GLOBAL, { TableName: GLOBAL_TABLE, Replicas: [replica('eu-west-1'), { Region: 'us-east-1' }] }),
        finds: ['PointInTimeRecovery::us-east-1', 'DeletionProtection::us-east-1'],
      },
      {
        name: 'a regional table whose protection an escape hatch took away',
        plant: (stack) => residencyTable(stack).addPropertyOverride('Replicas.0.DeletionProtectionEnabled', false),
        finds: ['DeletionProtection::eu-west-1'],
      },
      {
        name: 'a table of the old type',
        plant: raw('AWS::DynamoDB::Table', { DeletionProtectionEnabled: true }),
        finds: ['PointInTimeRecovery::eu-west-1'],
      },
      {
        name: 'a table of the control account too',
        account: deployment.accounts.control,
        plant: globalTable([{ Region: 'eu-west-1', DeletionProtectionEnabled: true }]),
        finds: ['PointInTimeRecovery::eu-west-1'],
      },
    ],
    accepts: [
      { name: 'a regional table as the residency store makes it', plant: (stack) => void residencyTable(stack) },
      { name: 'a protected table of the old type', plant: raw('AWS::DynamoDB::Table', { ...PROTECTED }) },
    ],
  },
]
