import { Template } from 'aws-cdk-lib/assertions'
import { sharedNames, stackNames } from '../../../config/names.ts'
import { regionsOf } from '../../../config/schema.ts'
import { GlobalStateStack } from '../../../lib/stacks/global-state.ts'
import { cdkContext } from '../../support/cdk-context.ts'
import { smallApp } from '../../support/small-app.ts'
import { type Synthesized, theResource } from '../synthesized.ts'

interface Replica {
  Region: string
  DeletionProtectionEnabled?: boolean
  PointInTimeRecoverySpecification?: { PointInTimeRecoveryEnabled?: boolean }
  SSESpecification?: unknown
  ResourcePolicy?: unknown
}

/** Replicas that could be deleted by mistake or not be restored. cdk-nag never looks at global tables. */
export function unprotected(replicas: readonly Replica[]): string[] {
  return replicas
    .filter((replica) => !(replica.DeletionProtectionEnabled && replica.PointInTimeRecoverySpecification?.PointInTimeRecoveryEnabled))
    .map(({ Region }) => Region)
}

export function globalStateSuite({ deployment, templates }: Synthesized): void {
  const { Properties } = theResource(templates.get(stackNames(deployment).globalState), 'AWS::DynamoDB::GlobalTable')
  const replicas: Replica[] = Properties.Replicas

  it('has a replica in every serving region and nowhere else', () => {
    expect(Properties.TableName).toBe(sharedNames(deployment).globalTable)
    const regions = regionsOf(deployment).map(({ region }) => region)
    expect(replicas.map(({ Region }) => Region).toSorted()).toEqual(regions.toSorted())
  })

  it('protects every replica from deletion and keeps point-in-time recovery', () => {
    expect(unprotected(replicas)).toEqual([])
  })

  it('would see a replica without protection', () => {
    const [first, ...rest] = replicas as [Replica, ...Replica[]]
    expect(unprotected([{ ...first, DeletionProtectionEnabled: false }, ...rest])).toEqual([first.Region])
    expect(unprotected([{ Region: 'eu-west-1', DeletionProtectionEnabled: true }])).toEqual(['eu-west-1'])
  })

  it('needs no key of ours in any region', () => {
    expect(Properties.SSESpecification).toEqual({ SSEEnabled: false })
    expect(replicas.filter(({ SSESpecification }) => SSESpecification !== undefined)).toEqual([])
  })

  it('is keyed by the strings pk and sk, on demand', () => {
    expect(Properties.KeySchema).toEqual([
      { AttributeName: 'pk', KeyType: 'HASH' },
      { AttributeName: 'sk', KeyType: 'RANGE' },
    ])
    expect(Properties.AttributeDefinitions.map(({ AttributeType }: { AttributeType: string }) => AttributeType)).toEqual(['S', 'S'])
    expect(Properties.BillingMode).toBe('PAY_PER_REQUEST')
  })

  it('forgets what has an end, in every replica', () => {
    expect(Properties.TimeToLiveSpecification).toEqual({ AttributeName: 'ttl', Enabled: true })
  })

  it('lets the publisher into its own partitions of a replica that stands, and write nothing else', () => {
    const deployedReplicas = replicas.map(({ Region }) => Region as string)
    const stack = new GlobalStateStack(smallApp({ context: cdkContext() }), { ...deployment, deployedReplicas })
    const [table] = Object.values(Template.fromStack(stack).findResources('AWS::DynamoDB::GlobalTable'))
    expect(table?.Properties.Replicas).toHaveLength(4)
    for (const { Region, ResourcePolicy } of table?.Properties.Replicas ?? []) {
      expect(ResourcePolicy.PolicyDocument.Statement).toEqual([
        {
          Sid: 'PublisherKeepsItsPartitions',
          Effect: 'Allow',
          Principal: { AWS: `arn:aws:iam::${deployment.accounts.control}:root` },
          Action: ['dynamodb:PutItem', 'dynamodb:Query'],
          Resource: `arn:aws:dynamodb:${Region}:${deployment.accounts.workload}:table/${Properties.TableName}`,
          Condition: {
            ArnEquals: { 'aws:PrincipalArn': `arn:aws:iam::${deployment.accounts.control}:role/${sharedNames(deployment).publisherRole}` },
            'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': ['pointer#*', 'fleet#*', 'replays#*'] },
            Null: { 'dynamodb:LeadingKeys': 'false' },
          },
        },
      ])
    }
  })

  it('gives no policy to a replica that is yet to be made, which CloudFormation would refuse outside the home region', () => {
    const withPolicy = replicas.filter(({ ResourcePolicy }) => ResourcePolicy !== undefined)
    expect(withPolicy.map(({ Region }) => Region)).toEqual([deployment.homeRegion])
  })
}
