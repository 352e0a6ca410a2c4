import { deployment as input } from '../../../config/deployment.ts'
import { cellNames, REGIONAL_TABLES, sharedNames, stackNames } from '../../../config/names.ts'
import { regionsOf, watchingRegions } from '../../../config/schema.ts'
import { resourcesOf, type Synthesized, synthesize } from '../synthesized.ts'

interface Statement {
  Sid: string
  Effect: string
  Action?: string[]
  NotAction?: string[]
  Resource: string | string[]
  Condition?: Record<string, Record<string, unknown>>
}

/** "Quotas for AWS Organizations": characters of a service control or resource control policy. */
const POLICY_MAX = 5120

export function orgGuardrailsSuite(byDefault: Synthesized): void {
  const prod = input.environments.prod as NonNullable<(typeof input.environments)[string]>
  const management = '999999999999'
  const organization = { id: 'o-a1b2c3d4e5', targets: ['ou-ab12-cdefghij'] }
  let synthesized: Synthesized
  let policies: Map<string, { Type: string; TargetIds: string[]; Statement: Statement[]; text: string }>

  beforeAll(() => {
    synthesized = synthesize({ environments: { prod: { ...prod, accounts: { ...prod.accounts, management }, organization } } })
    const template = synthesized.templates.get(stackNames(synthesized.deployment).orgGuardrails)
    policies = new Map(
      resourcesOf(template, 'AWS::Organizations::Policy').map(([id, { Properties }]) => [
        id,
        { ...Properties, Statement: Properties.Content.Statement, text: JSON.stringify(Properties.Content) },
      ]),
    )
  }, 60_000)

  it('is not there without a management account', () => {
    expect(byDefault.templates.has(stackNames(byDefault.deployment).orgGuardrails)).toBe(false)
  })

  it('binds the targets from config, by policies that fit', () => {
    expect([...policies].map(([id, { Type, TargetIds }]) => [id, Type, TargetIds])).toEqual([
      ['Regions', 'SERVICE_CONTROL_POLICY', organization.targets],
      ['Residency', 'SERVICE_CONTROL_POLICY', organization.targets],
      ['Perimeter', 'RESOURCE_CONTROL_POLICY', organization.targets],
    ])
    for (const [id, { text }] of policies) expect([id, text.length < POLICY_MAX]).toEqual([id, true])
  })

  it('denies, and allows nothing', () => {
    for (const { Statement: statements } of policies.values()) for (const { Effect } of statements) expect(Effect).toBe('Deny')
  })

  it('leaves the regions that the deployment has stacks in, and no other', () => {
    const { deployment, app } = synthesized
    const used = new Set(
      app.node.children.flatMap((child) => ('region' in child && !child.node.id.includes('org-guardrails') ? [String(child.region)] : [])),
    )
    const [statement] = policies.get('Regions')?.Statement ?? []
    expect(statement?.Condition?.StringNotEquals?.['aws:RequestedRegion']).toEqual([...used].toSorted())
    expect([...used].toSorted()).toEqual(
      [
        ...new Set([...regionsOf(deployment).map(({ region }) => region), deployment.routingRegion, ...watchingRegions(deployment)]),
      ].toSorted(),
    )
  })

  it('exempts services with one endpoint for the world, and none that holds data', () => {
    const exempt = policies.get('Regions')?.Statement[0]?.NotAction ?? []
    // As in AWS's own example.
    expect(exempt).toEqual(expect.arrayContaining(['cloudfront:*', 'iam:*', 'route53:*', 'support:*', 'budgets:*', 'organizations:*']))
    const holding = [
      's3',
      'kms',
      'dynamodb',
      'secretsmanager',
      'ecr',
      'logs',
      'backup',
      'rds',
      'bedrock',
      'lambda',
      'sqs',
      'sns',
      'ssm',
      'ec2',
    ]
    for (const service of holding) expect([service, exempt.includes(`${service}:*`)]).toEqual([service, false])
  })

  it('denies replicas of every regional table and leaves the global table its own', () => {
    const { deployment } = synthesized
    const tables = policies.get('Residency')?.Statement.find(({ Sid }) => Sid === 'DenyReplicasOfRegionalTables')
    expect(tables?.Action).toContain('dynamodb:CreateTableReplica')
    const matches = (arn: string) => [tables?.Resource ?? []].flat().some((pattern) => glob(pattern).test(arn))
    for (const { region, zone } of regionsOf(deployment)) {
      const names = cellNames(deployment, region, zone)
      for (const purpose of REGIONAL_TABLES)
        expect(matches(`arn:aws:dynamodb:${region}:${names.account}:table/${names.table(purpose)}`)).toBe(true)
      expect(matches(`arn:aws:dynamodb:${region}:${names.account}:table/${sharedNames(deployment).globalTable}`)).toBe(false)
    }
  })

  it('denies replication of buckets that hold residency data', () => {
    const { deployment } = synthesized
    const buckets = policies.get('Residency')?.Statement.find(({ Sid }) => Sid === 'DenyReplicationOfRegionalBuckets')
    const matches = (arn: string) => [buckets?.Resource ?? []].flat().some((pattern) => glob(pattern).test(arn))
    for (const { region, zone } of regionsOf(deployment)) {
      const { auditBucket, inputsBucket, accessLogsBucket } = cellNames(deployment, region, zone)
      for (const bucket of [auditBucket, inputsBucket, accessLogsBucket])
        expect([bucket, matches(`arn:aws:s3:::${bucket}`)]).toEqual([bucket, true])
    }
  })

  it('keeps out who is not of the organization, but for AWS services that act for it', () => {
    const [identities, deputies] = policies.get('Perimeter')?.Statement ?? []
    expect(identities?.Condition).toEqual({
      StringNotEqualsIfExists: { 'aws:PrincipalOrgID': organization.id },
      BoolIfExists: { 'aws:PrincipalIsAWSService': 'false' },
    })
    expect(deputies?.Condition).toMatchObject({
      StringNotEqualsIfExists: { 'aws:SourceOrgID': organization.id },
      Bool: { 'aws:PrincipalIsAWSService': 'true' },
    })
  })
}

function glob(pattern: string): RegExp {
  return new RegExp(`^${pattern.replace(/[.+?^${}()|[\]\\]/g, '\\$&').replaceAll('*', '.*')}$`)
}
