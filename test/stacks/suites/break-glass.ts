import { cellNames, REGIONAL_TABLES, stackNames } from '../../../config/names.ts'
import { regionsOf } from '../../../config/schema.ts'
import { resourcesOf, type Synthesized, type Template } from '../synthesized.ts'

interface Statement {
  Sid?: string
  Effect: string
  Action: string | string[]
  Condition?: Record<string, Record<string, string | string[]>>
}

interface Caller {
  arn: string
  endpoint?: string
}

const READS = ['dynamodb:GetItem', 'dynamodb:BatchGetItem', 'dynamodb:Query', 'dynamodb:Scan']
const WRITES = [
  'dynamodb:PutItem',
  'dynamodb:UpdateItem',
  'dynamodb:DeleteItem',
  'dynamodb:BatchWriteItem',
  'dynamodb:ExportTableToPointInTime',
]

/** Whether a policy denies an action, by the two conditions that it uses: all of a statement's must hold, and an absent key equals nothing. */
function denies(statements: readonly Statement[], action: string, { arn, endpoint }: Caller): boolean {
  const values = (value: string | string[] | undefined) => [value ?? []].flat()
  const holds = ([operator, keys]: [string, Record<string, string | string[]>]) => {
    const [[key = '', wanted] = []] = Object.entries(keys)
    const known: Record<string, string | undefined> = { 'ArnNotEquals aws:PrincipalArn': arn, 'StringNotEquals aws:SourceVpce': endpoint }
    if (!(`${operator} ${key}` in known)) throw new Error(`${operator} ${key} is not judged here`)
    return !values(wanted).includes(known[`${operator} ${key}`] ?? '')
  }
  return statements.some(
    ({ Effect, Action, Condition = {} }) => Effect === 'Deny' && values(Action).includes(action) && Object.entries(Condition).every(holds),
  )
}

export function breakGlassSuite(off: Synthesized, on: Synthesized): void {
  const { deployment } = on
  const cells = regionsOf(deployment).map(({ region, zone }) => {
    const names = cellNames(deployment, region, zone)
    const role = (name: string) => `arn:aws:iam::${names.account}:role/${name}`
    const stack = stackNames(deployment).residencyStore(region)
    const endpoint = (service: string) => `{{resolve:ssm:${names.networkParameter(`${service}-endpoint-id`)}}}`
    return {
      names,
      endpoint,
      gateway: role(names.gatewayRole),
      breakGlass: role(names.breakGlassRole),
      others: [
        role('administrator'),
        role(names.backupRole),
        role('aws-service-role/replication.dynamodb.amazonaws.com/AWSServiceRoleForDynamoDBReplication'),
      ],
      off: off.templates.get(stack),
      on: on.templates.get(stack),
    }
  })
  const tablePolicies = (template: Template | undefined) =>
    resourcesOf(template, 'AWS::DynamoDB::GlobalTable').map(
      ([, { Properties }]) => Properties.Replicas[0].ResourcePolicy.PolicyDocument.Statement as Statement[],
    )
  const bucketPolicy = (template: Template | undefined, bucket: string): Statement[] =>
    resourcesOf(template, 'AWS::S3::BucketPolicy')
      .find(([, { Properties }]) => Properties.Bucket.Ref === bucket)?.[1]
      .Properties.PolicyDocument.Statement.filter(({ Sid }: Statement) => Sid !== undefined)

  it('gives items to the gateway through the endpoint, and to nobody else while there is no break-glass role', () => {
    for (const cell of cells) {
      for (const policy of tablePolicies(cell.off)) {
        for (const action of [...READS, ...WRITES]) {
          expect(denies(policy, action, { arn: cell.gateway, endpoint: cell.endpoint('dynamodb') })).toBe(false)
          for (const arn of [cell.gateway, cell.breakGlass, ...cell.others]) expect(denies(policy, action, { arn })).toBe(true)
          for (const arn of [cell.breakGlass, ...cell.others])
            expect(denies(policy, action, { arn, endpoint: cell.endpoint('dynamodb') })).toBe(true)
        }
      }
    }
  })

  it('lets the break-glass role read past the endpoint, and write nothing; no service-linked role gets in', () => {
    for (const cell of cells) {
      expect(tablePolicies(cell.on)).toHaveLength(REGIONAL_TABLES.length)
      for (const policy of tablePolicies(cell.on)) {
        for (const action of READS) expect(denies(policy, action, { arn: cell.breakGlass })).toBe(false)
        for (const action of WRITES) expect(denies(policy, action, { arn: cell.breakGlass })).toBe(true)
        for (const action of [...READS, ...WRITES]) {
          expect(denies(policy, action, { arn: cell.gateway, endpoint: cell.endpoint('dynamodb') })).toBe(false)
          for (const arn of [cell.gateway, ...cell.others]) expect(denies(policy, action, { arn })).toBe(true)
          for (const arn of cell.others) expect(denies(policy, action, { arn, endpoint: cell.endpoint('dynamodb') })).toBe(true)
        }
      }
    }
  })

  it('gives audit records and recorded inputs to named roles through the S3 endpoint', () => {
    for (const cell of cells) {
      const through = { endpoint: cell.endpoint('s3') }
      for (const [template, opened] of [
        [cell.off, false],
        [cell.on, true],
      ] as const) {
        const audit = bucketPolicy(template, 'AuditBucket')
        const inputs = bucketPolicy(template, 'InputsBucket')
        expect(denies(audit, 's3:PutObject', { arn: cell.gateway, ...through })).toBe(false)
        expect(denies(audit, 's3:PutObject', { arn: cell.gateway })).toBe(true)
        expect(denies(audit, 's3:PutObject', { arn: cell.breakGlass, ...through })).toBe(true)
        expect(denies(audit, 's3:GetObject', { arn: cell.breakGlass })).toBe(!opened)
        for (const arn of cell.others) expect(denies(audit, 's3:GetObject', { arn, ...through })).toBe(true)
        for (const action of ['s3:GetObject', 's3:GetObjectVersion', 's3:PutObject']) {
          expect(denies(inputs, action, { arn: cell.gateway, ...through })).toBe(false)
          expect(denies(inputs, action, { arn: cell.gateway })).toBe(true)
          for (const arn of [cell.breakGlass, ...cell.others]) expect(denies(inputs, action, { arn, ...through })).toBe(true)
        }
      }
    }
  })

  it('is taken by named principals in the name of a person, for an hour, and reads alone', () => {
    for (const { names, on: template } of cells) {
      const { AssumeRolePolicyDocument, MaxSessionDuration, RoleName } = template?.Resources.BreakGlassRole?.Properties ?? {}
      expect([RoleName, MaxSessionDuration]).toEqual([names.breakGlassRole, 3600])
      for (const { Condition } of AssumeRolePolicyDocument.Statement)
        expect(Condition).toEqual({
          ArnEquals: { 'aws:PrincipalArn': deployment.breakGlass?.principals },
          StringLike: { 'sts:SourceIdentity': '?*' },
        })
      const policy = resourcesOf(template, 'AWS::IAM::Policy').find(([id]) => id.startsWith('BreakGlassRole'))
      const actions: string[] = policy?.[1].Properties.PolicyDocument.Statement.flatMap(({ Action }: Statement) => Action)
      expect(actions.toSorted()).toEqual([...READS, 's3:GetObject', 's3:GetObjectVersion', 's3:ListBucket', 'kms:Decrypt'].toSorted())
    }
  })

  it('is no role at all as it comes', () => {
    for (const { off: template } of cells) expect(template?.Resources).not.toHaveProperty('BreakGlassRole')
  })
}
