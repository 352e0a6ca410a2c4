import { cellNames, type RegionalTable, sharedNames, stackNames } from '../../../config/names.ts'
import { regionsOf } from '../../../config/schema.ts'
import { sdkActionsIn, sdkCallsOf } from '../sdk-calls.ts'
import { resourcesOf, type Synthesized, type Template } from '../synthesized.ts'

interface Statement {
  Sid?: string
  Effect: 'Allow' | 'Deny'
  Action: string | string[]
  Resource?: unknown
  Condition?: Record<string, Record<string, unknown>>
}

/** Granted, and called by no code of ours: by whom then. */
const NOT_BY_THE_SDK: readonly { action: RegExp; because: string; sid: RegExp }[] = [
  {
    // "DynamoDB encryption at rest: usage notes" and "Using server-side encryption with AWS KMS": what the two ask for in their caller's name.
    action: /^kms:(DescribeKey|Decrypt|Encrypt|GenerateDataKey(WithoutPlaintext)?|ReEncrypt(From|To))$/,
    because: 'DynamoDB and S3 use the data key in the name of who calls them',
    sid: /ThroughStores$/,
  },
  {
    action: /^(logs:(CreateLogStream|PutLogEvents)|xray:PutTraceSegments)$/,
    because: 'the collector beside the gateway has the same role',
    sid: /^Keep(Metrics|Spans)$/,
  },
]

/** Which table the repositories in `runtime/state` are made for; the gateway's wiring says so. What is in none keeps the global table. */
const REPOSITORIES: Readonly<Record<Exclude<RegionalTable, 'audit-index'>, readonly string[]>> = {
  approvals: ['approvals'],
  chains: ['chains'],
  slices: ['slices', 'outcomes'],
  idempotency: ['idempotency'],
  'region-state': ['heartbeats', 'high-water', 'last-good', 'region-secret', 'replay-claim'],
}

/** What of two lists is on one side alone, as findings. */
function compare(granted: readonly Statement[], used: ReadonlyMap<string, string[]>): string[] {
  const allowed = granted.filter(({ Effect }) => Effect === 'Allow')
  const actions = new Set(allowed.flatMap(actionsOf))
  const excused = (statement: Statement, action: string) =>
    NOT_BY_THE_SDK.some((one) => one.action.test(action) && one.sid.test(statement.Sid ?? ''))
  return [
    ...new Set([
      ...allowed.flatMap((statement) =>
        actionsOf(statement)
          .filter((action) => !used.has(action) && !excused(statement, action))
          .map((action) => `${action} is granted by ${statement.Sid}, and no code calls it`),
      ),
      ...[...used]
        .filter(([action]) => !actions.has(action))
        .map(([action, files]) => `${action} is not granted, and ${files[0]} calls it`),
    ]),
  ]
}

/** Whether a policy denies an action to everybody, or lets nobody through. Patterns as IAM reads them. */
const matches = (pattern: string, action: string) => new RegExp(`^${pattern.replaceAll('*', '.*').replaceAll('?', '.')}$`, 'i').test(action)

export function usedRightsSuite({ deployment, templates }: Synthesized, notifying: Synthesized): void {
  const gateway = sdkCallsOf('runtime/gateway/server.ts')
  const controlPlane = sdkCallsOf('runtime/control-plane/server.ts')
  const cells = regionsOf(deployment).map(({ region, zone }) => ({
    region,
    cell: cellNames(deployment, region, zone),
    template: templates.get(stackNames(deployment).gateway(region)),
    network: templates.get(stackNames(deployment).network(region)),
    keys: templates.get(stackNames(deployment).keys(region)),
  }))
  // To people notices go by SNS only where config names topics.
  const withoutTopics = new Map([...gateway].filter(([action]) => action !== 'sns:Publish'))

  it('finds the calls of both processes', () => {
    expect([...gateway.keys()]).toEqual(expect.arrayContaining(['dynamodb:DeleteItem', 'sts:AssumeRole', 's3:ListBucket', 'sns:Publish']))
    expect([...controlPlane.keys()]).toEqual(expect.arrayContaining(['s3:PutObject', 'kms:Sign', 'dynamodb:Query']))
    expect([...controlPlane.keys()]).not.toContain('sts:AssumeRole')
  })

  it('grants a gateway every action that its code calls, and none beside', () => {
    for (const { region, cell, template } of cells)
      expect([region, compare(statementsOf(template, cell.gatewayRole), withoutTopics)]).toEqual([region, []])
  })

  it('grants on each table what the repositories on it call, and nothing beside', () => {
    for (const { region, cell, template } of cells) {
      for (const [purpose, files] of Object.entries(REPOSITORIES)) {
        const arn = `arn:aws:dynamodb:${region}:${cell.account}:table/${cell.table(purpose as RegionalTable)}`
        const granted = statementsOf(template, cell.gatewayRole).filter(({ Resource }) => [Resource].flat().includes(arn))
        const used = new Map(files.flatMap((file) => [...sdkCallsOf(`runtime/state/${file}.ts`)]))
        expect([purpose, compare(granted, used)]).toEqual([purpose, []])
      }
    }
  })

  it('grants sns:Publish where config names topics, and only there', () => {
    for (const { region, zone } of regionsOf(notifying.deployment)) {
      const template = notifying.templates.get(stackNames(notifying.deployment).gateway(region))
      expect(compare(statementsOf(template, cellNames(notifying.deployment, region, zone).gatewayRole), gateway)).toEqual([])
    }
  })

  it('grants the publisher every action that the control plane calls, and none beside', () => {
    const template = templates.get(stackNames(deployment).controlPlane)
    expect(compare(statementsOf(template, sharedNames(deployment).publisherRole), controlPlane)).toEqual([])
  })

  it('grants who signs attestations what signing takes, and none beside', () => {
    const signing = new Map([...gateway].filter(([action]) => ['kms:Sign', 'kms:GetPublicKey'].includes(action)))
    for (const { region, cell, keys } of cells)
      expect([region, compare(statementsOf(keys, cell.dataProtectionRole), signing)]).toEqual([region, []])
  })

  it('would see a right that no code uses, and a call that nothing grants', () => {
    const { cell, template } = cells[0] ?? {}
    const granted = statementsOf(template, cell?.gatewayRole ?? '')
    const planted: Statement = { Sid: 'Planted', Effect: 'Allow', Action: ['dynamodb:Scan', 'dynamodb:GetItem'] }
    expect(compare([...granted, planted], withoutTopics)).toEqual(['dynamodb:Scan is granted by Planted, and no code calls it'])
    const without = granted.filter(({ Action }) => ![Action].flat().includes('sts:AssumeRole'))
    expect(compare(without, withoutTopics)).toEqual(
      expect.arrayContaining([expect.stringMatching(/^sts:AssumeRole is not granted, and runtime\/.+ calls it$/)]),
    )
    // An excuse is for its own statement: the same action elsewhere is a finding.
    const decrypting: Statement = { Sid: 'Planted', Effect: 'Allow', Action: 'kms:Decrypt' }
    expect(compare([...granted, decrypting], withoutTopics)).toEqual(['kms:Decrypt is granted by Planted, and no code calls it'])
  })

  it('refuses a command whose actions nobody has said, and an import that hides its commands', () => {
    expect(() => sdkActionsIn("import { ScanCommand } from '@aws-sdk/client-dynamodb'", 'x.ts')).toThrow(/x\.ts: say .* ScanCommand takes/)
    expect(() => sdkActionsIn("import * as all from '@aws-sdk/client-dynamodb'", 'x.ts')).toThrow(/by their names/)
    expect(sdkActionsIn("import { type GetItemCommand, PutItemCommand as Put } from '@aws-sdk/client-dynamodb'", 'x.ts')).toEqual([
      'dynamodb:PutItem',
    ])
  })

  it('lets every call of a gateway through the endpoints of its network', () => {
    for (const { region, network } of cells) {
      const through = resourcesOf(network, 'AWS::EC2::VPCEndpoint').flatMap(([, { Properties }]) =>
        (Properties.PolicyDocument?.Statement ?? []).flatMap((statement: Statement) =>
          statement.Effect === 'Allow' ? actionsOf(statement) : [],
        ),
      )
      const stuck = (used: Iterable<string>) => [...used].filter((action) => !through.some((pattern) => matches(pattern, action)))
      expect([region, stuck(withoutTopics.keys())]).toEqual([region, []])
      expect(stuck(['dynamodb:Scan', 's3:DeleteObject'])).toEqual(['dynamodb:Scan', 's3:DeleteObject'])
    }
  })

  it('denies by no policy of a bucket or table what the role that uses it calls', () => {
    const exempt = [...cells.map(({ cell }) => cell.gatewayRole), sharedNames(deployment).publisherRole]
    const used = new Set([...gateway.keys(), ...controlPlane.keys()])
    const stores = [
      stackNames(deployment).globalState,
      stackNames(deployment).controlPlane,
      ...cells.flatMap(({ region }) => [stackNames(deployment).bundleStore(region), stackNames(deployment).residencyStore(region)]),
    ]
    let denials = 0
    for (const name of stores) {
      for (const statement of resourcePolicies(templates.get(name))) {
        if (statement.Effect !== 'Deny' || !actionsOf(statement).some((pattern) => [...used].some((action) => matches(pattern, action))))
          continue
        expect([name, statement.Sid, spares(statement, exempt)]).toEqual([name, statement.Sid, true])
        denials += 1
      }
    }
    expect(denials).toBeGreaterThan(20)
    const planted: Statement = { Sid: 'Planted', Effect: 'Deny', Action: 's3:GetObject' }
    const others = { ArnNotEquals: { 'aws:PrincipalArn': 'arn:aws:iam::1:role/other' } }
    expect([planted, { ...planted, Condition: others }].map((statement) => spares(statement, exempt))).toEqual([false, false])
  })
}

/** By the role, or by the way that is taken, which the gateway's network and the SDK have: its endpoint, TLS. */
function spares({ Condition = {} }: Statement, roles: readonly string[]): boolean {
  const spared = [Condition.ArnNotEquals?.['aws:PrincipalArn']].flat().map(String)
  const ways = ['aws:SourceVpce', 'aws:SecureTransport', 's3:TlsVersion']
  return spared.some((arn) => roles.some((role) => arn.endsWith(`/${role}`))) || ways.some((way) => JSON.stringify(Condition).includes(way))
}

const actionsOf = ({ Action }: Statement) => [Action].flat()

/** Of every inline policy and every policy of its own, by the role's name. */
function statementsOf(template: Template | undefined, roleName: string): Statement[] {
  const found = resourcesOf(template, 'AWS::IAM::Role').find(([, { Properties }]) => Properties.RoleName === roleName)
  if (found === undefined) throw new Error(`no role ${roleName}`)
  const [roleId, { Properties: role }] = found
  const inline = (role.Policies ?? []).flatMap((policy: { PolicyDocument: { Statement: Statement[] } }) => policy.PolicyDocument.Statement)
  const attached = resourcesOf(template, 'AWS::IAM::Policy')
    .filter(([, { Properties }]) => Properties.Roles.some(({ Ref }: { Ref?: string }) => Ref === roleId))
    .flatMap(([, { Properties }]) => Properties.PolicyDocument.Statement)
  return [...inline, ...attached]
}

function resourcePolicies(template: Template | undefined): Statement[] {
  return [
    ...resourcesOf(template, 'AWS::S3::BucketPolicy').flatMap(([, { Properties }]) => Properties.PolicyDocument.Statement),
    ...resourcesOf(template, 'AWS::DynamoDB::GlobalTable').flatMap(([, { Properties }]) =>
      Properties.Replicas.flatMap(
        (replica: { ResourcePolicy?: { PolicyDocument: { Statement: Statement[] } } }) =>
          replica.ResourcePolicy?.PolicyDocument.Statement ?? [],
      ),
    ),
  ]
}
