import { cellNames, REGIONAL_TABLES, type RegionalTable, sharedNames, stackNames, zoneNames } from '../../../config/names.ts'
import { regionsOf } from '../../../config/schema.ts'
import { resourcesOf, type Synthesized, type Template, theResource } from '../synthesized.ts'

interface Statement {
  Sid: string
  Action: string | string[]
  Resource: string | string[]
  Condition?: Record<string, Record<string, string | string[]>>
}

const actionsOf = ({ Action }: Statement) => [Action].flat()
const resourcesIn = ({ Resource }: Statement) => [Resource].flat()

/** Statements on a table that also hold for a request that names no partition: `ForAllValues` is true of an empty set. */
function openToAnyPartition(statements: readonly Statement[]): string[] {
  return statements
    .filter(({ Condition }) => Condition?.Null?.['dynamodb:LeadingKeys'] !== 'false' || partitions(Condition).length === 0)
    .map(({ Sid }) => Sid)
}

const partitions = (condition: Statement['Condition']) => [condition?.['ForAllValues:StringLike']?.['dynamodb:LeadingKeys'] ?? []].flat()

export function gatewayRightsSuite({ deployment, templates, assets }: Synthesized, notifying: Synthesized): void {
  const cells = regionsOf(deployment).map(({ region, zone }) => {
    const template = templates.get(stackNames(deployment).gateway(region))
    const { Properties: task } = theResource(template, 'AWS::ECS::TaskDefinition')
    return { region, zone, cell: cellNames(deployment, region, zone), template, task }
  })
  const rightsOf = ({ template, task }: (typeof cells)[number]) => statementsOf(template, task.TaskRoleArn['Fn::GetAtt'][0])
  const tableOf = (region: string, account: string, name: string) => `arn:aws:dynamodb:${region}:${account}:table/${name}`

  it('gives a task rights on resources of its own region alone, by its own role', () => {
    for (const one of cells) {
      const [roleId] = one.task.TaskRoleArn['Fn::GetAtt']
      expect(one.template?.Resources[roleId]?.Properties.RoleName).toBe(one.cell.gatewayRole)
      const everywhere = rightsOf(one).filter((statement) => resourcesIn(statement).includes('*'))
      expect(everywhere).toEqual([
        {
          Sid: 'KeepSpans',
          Effect: 'Allow',
          Action: 'xray:PutTraceSegments',
          Resource: '*',
          Condition: { StringEquals: { 'aws:RequestedRegion': one.region } },
        },
      ])
      for (const resource of rightsOf(one).flatMap(resourcesIn)) {
        if (resource === '*') continue
        const [, , service, region, account] = resource.split(':')
        if (service === 's3') expect(resource).toMatch(new RegExp(`:::(${one.cell.bundleBucket}|${one.cell.inputsBucket})(/|$)`))
        else if (service === 'iam') expect(resource).toBe(`arn:aws:iam::${one.cell.account}:role/${one.cell.dataProtectionRole}`)
        else expect([resource, region, account]).toEqual([resource, one.region, one.cell.account])
      }
      expect(rightsOf(one).flatMap(actionsOf)).not.toContainEqual(expect.stringMatching(/\*|Scan|Batch/))
    }
  })

  it('lets the collector write the metrics of its region, and no other log', () => {
    for (const one of cells) {
      const logging = rightsOf(one).filter((statement) => actionsOf(statement).some((action) => action.startsWith('logs:')))
      expect(logging).toMatchObject([
        {
          Action: ['logs:CreateLogStream', 'logs:PutLogEvents'],
          Resource: `arn:aws:logs:${one.region}:${one.cell.account}:log-group:${one.cell.metricsLogs}:*`,
        },
      ])
    }
  })

  it('keeps recorded inputs, under the data key, and deletes none', () => {
    for (const one of cells) {
      const { inputsBucket, dataKey } = one.cell
      const kept = rightsOf(one).filter((statement) => resourcesIn(statement).some((resource) => resource.includes(inputsBucket)))
      expect(kept).toMatchObject([
        { Action: ['s3:GetObject', 's3:PutObject'], Resource: `arn:aws:s3:::${inputsBucket}/inputs/*` },
        { Action: 's3:ListBucket', Resource: `arn:aws:s3:::${inputsBucket}` },
      ])
      const using = rightsOf(one).find((statement) => actionsOf(statement).includes('kms:GenerateDataKey'))
      expect(using?.Condition).toEqual({
        StringEquals: { 'kms:ViaService': [`dynamodb.${one.region}.amazonaws.com`, `s3.${one.region}.amazonaws.com`] },
        'ForAnyValue:StringEquals': { 'kms:ResourceAliases': dataKey },
      })
    }
  })

  it('keeps its own tables by items, and has no hand on the audit index', () => {
    for (const one of cells) {
      const tables = Object.fromEntries(
        rightsOf(one).flatMap((statement) =>
          resourcesIn(statement)
            .filter((resource) => resource.includes(`table/${one.cell.table('approvals').replace(/approvals$/, '')}`))
            .map((resource) => [resource, actionsOf(statement)]),
        ),
      )
      const kept = REGIONAL_TABLES.filter((purpose: RegionalTable) => purpose !== 'audit-index')
      expect(Object.keys(tables).toSorted()).toEqual(
        kept.map((purpose) => tableOf(one.region, one.cell.account, one.cell.table(purpose))).toSorted(),
      )
      for (const actions of Object.values(tables)) expect(actions).toContain('dynamodb:GetItem')
    }
  })

  it('reads and puts in named partitions of the global table, and changes or deletes nothing there', () => {
    for (const one of cells) {
      const { region, zone } = one
      const global = tableOf(region, one.cell.account, sharedNames(deployment).globalTable)
      const statements = rightsOf(one).filter((statement) => resourcesIn(statement).includes(global))
      const rights = statements.flatMap((statement) =>
        actionsOf(statement).flatMap((action) => partitions(statement.Condition).map((partition) => `${action} ${partition}`)),
      )
      const mailboxes = ['kills', `promotions#${zone}`, 'heartbeats']
      expect(rights.toSorted()).toEqual(
        [
          `Query pointer#${region}`,
          ...[...mailboxes, `vouchers#${region}`, 'wants#*', `replays#${region}`].map((partition) => `Query ${partition}`),
          ...[...mailboxes, 'vouchers#*', `wants#${region}`, `fleet#${region}`, `replays#${region}`].map(
            (partition) => `PutItem ${partition}`,
          ),
        ]
          .map((right) => `dynamodb:${right}`)
          .toSorted(),
      )
      expect(openToAnyPartition(statements)).toEqual([])
    }
  })

  it('would see a right that an absent partition key passes', () => {
    const open = { 'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': ['kills'] } }
    expect(openToAnyPartition([{ Sid: 'Open', Action: 'dynamodb:Query', Resource: 't', Condition: open }])).toEqual(['Open'])
  })

  it('signs tokens and approvals, and attestations only in the name of somebody, by the other role', () => {
    for (const one of cells) {
      const { cell } = one
      const using = (action: string) =>
        rightsOf(one)
          .filter((statement) => actionsOf(statement).includes(action))
          .flatMap(({ Condition }) => [Condition?.['ForAnyValue:StringEquals']?.['kms:ResourceAliases'] ?? 'any key'].flat())
      const own = (['token', 'approval'] as const).flatMap((purpose) => [cell.signingKey(purpose), cell.previousSigningKey(purpose)])
      expect(using('kms:Sign')).toEqual(own)
      expect(using('kms:GetPublicKey')).toEqual([...own, cell.signingKey('data-protection')])
      const taking = rightsOf(one).filter((statement) => actionsOf(statement).some((action) => action.startsWith('sts:')))
      expect(taking).toMatchObject([
        {
          Action: ['sts:AssumeRole', 'sts:SetSourceIdentity'],
          Resource: `arn:aws:iam::${cell.account}:role/${cell.dataProtectionRole}`,
        },
      ])
    }
  })

  it('publishes to the topics that config names, and reads who is notified from the secret that it names', () => {
    const region = 'eu-west-1'
    const template = notifying.templates.get(stackNames(deployment).gateway(region))
    const { Properties: task } = theResource(template, 'AWS::ECS::TaskDefinition')
    const rights = (role: string) => statementsOf(template, task[role]['Fn::GetAtt'][0])
    const publishing = rights('TaskRoleArn').filter((statement) => actionsOf(statement).includes('sns:Publish'))
    expect(publishing.flatMap(resourcesIn)).toEqual([`arn:aws:sns:${region}:${deployment.accounts.workload}:approvals`])
    const reading = rights('ExecutionRoleArn').filter((statement) => actionsOf(statement).includes('secretsmanager:GetSecretValue'))
    expect(reading.flatMap(resourcesIn)).toContainEqual(expect.stringMatching(/:secret:company\/aegis-notify-\?{6}$/))
    expect(task.ContainerDefinitions[0].Secrets.map(({ Name }: { Name: string }) => Name)).toEqual(['AEGIS_PSEUDONYM_KEY', 'AEGIS_NOTIFY'])
    const network = JSON.stringify(notifying.templates.get(stackNames(deployment).network(region)))
    expect(network).toContain('.sns')
  })

  it('lets ECS pull the image of this region, by the name that it is published under, and no other', () => {
    for (const { region, cell, template, task } of cells) {
      const published = assets.get(stackNames(deployment).gateway(region))?.images ?? []
      const image = published.find(({ dockerFile }) => dockerFile === 'runtime/gateway/Dockerfile')
      expect(new Set(published.map((one) => one.repository))).toEqual(new Set([image?.repository]))
      const uri = `${cell.account}.dkr.ecr.${region}.\${AWS::URLSuffix}/${image?.repository}:${image?.tag}`
      expect(task.ContainerDefinitions[0].Image).toEqual({ 'Fn::Sub': uri })
      const repository = `arn:aws:ecr:${region}:${cell.account}:repository/${image?.repository}`
      const pulling = statementsOf(template, task.ExecutionRoleArn['Fn::GetAtt'][0]).filter((statement) =>
        actionsOf(statement).some((action) => action.startsWith('ecr:')),
      )
      expect(pulling).toMatchObject([
        { Action: 'ecr:GetAuthorizationToken', Resource: '*', Condition: { StringEquals: { 'aws:RequestedRegion': region } } },
        { Action: ['ecr:BatchCheckLayerAvailability', 'ecr:BatchGetImage', 'ecr:GetDownloadUrlForLayer'], Resource: repository },
      ])
      // The way there leads to no other repository either.
      const network = templates.get(stackNames(deployment).network(region))
      const ways = resourcesOf(network, 'AWS::EC2::VPCEndpoint').flatMap(
        ([, { Properties }]) => Properties.PolicyDocument.Statement as Statement[],
      )
      const images = ways.filter((way) => actionsOf(way).includes('ecr:BatchGetImage')).flatMap(resourcesIn)
      expect(images).toEqual([repository, repository])
    }
  })

  it("lets ECS read the zone's secret, in this region, to start a task, and nothing else in there", () => {
    for (const { region, zone, cell, template, task } of cells) {
      const [roleId] = task.ExecutionRoleArn['Fn::GetAtt']
      const statements = statementsOf(template, roleId)
      const reading = statements.filter((statement) => actionsOf(statement).some((action) => action.startsWith('secretsmanager:')))
      expect(reading).toMatchObject([
        {
          Action: 'secretsmanager:GetSecretValue',
          Resource: `arn:aws:secretsmanager:${region}:${cell.account}:secret:${zoneNames(deployment, zone).pseudonymSecret}-??????`,
        },
      ])
      expect(statements.filter((statement) => actionsOf(statement).some((action) => action.startsWith('kms:')))).toMatchObject([
        {
          Action: 'kms:Decrypt',
          Condition: {
            StringEquals: { 'kms:ViaService': `secretsmanager.${region}.amazonaws.com` },
            'ForAnyValue:StringEquals': { 'kms:ResourceAliases': cell.dataKey },
          },
        },
      ])
    }
  })
}

function statementsOf(template: Template | undefined, roleId: string): Statement[] {
  return resourcesOf(template, 'AWS::IAM::Policy')
    .filter(([, { Properties }]) => Properties.Roles[0].Ref === roleId)
    .flatMap(([, { Properties }]) => Properties.PolicyDocument.Statement)
}
