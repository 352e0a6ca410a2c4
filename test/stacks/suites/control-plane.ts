import { CONTROL_ALARMS } from '../../../config/alarms.ts'
import { cellNames, controlNames, publicNames, sharedNames, stackNames } from '../../../config/names.ts'
import { regionsOf } from '../../../config/schema.ts'
import { CONTROL_ENVIRONMENT, FIRST_ENVIRONMENT, PLATFORM_ENVIRONMENT } from '../../../lib/constructs/control-environment.ts'
import { controlPlaneHosts } from '../../../lib/constructs/control-hosts.ts'
import { type Resource, resourcesOf, type Synthesized, type Template, theResource } from '../synthesized.ts'

const only = (template: Template | undefined, type: string, part: string): Resource => {
  const found = resourcesOf(template, type).filter(([id]) => id.includes(part))
  if (found.length !== 1) throw new Error(`expected one ${type} with ${part}, found ${found.length}`)
  return found[0]?.[1] as Resource
}

export function controlPlaneSuite({ deployment, templates }: Synthesized): void {
  const template = templates.get(stackNames(deployment).controlPlane)
  const names = sharedNames(deployment)
  const own = controlNames(deployment, deployment.homeRegion)
  const { control } = deployment.accounts
  const publisher = `arn:aws:iam::${control}:role/${names.publisherRole}`
  const store = `arn:aws:s3:::${names.controlStore}`
  const folders = ['ledger', 'modules', 'objects', 'revisions']

  it('holds the ES256 key that signs bundles, for the publisher alone', () => {
    expect(theResource(template, 'AWS::KMS::Alias').Properties.AliasName).toBe(names.bundleSigningKey)
    const { Properties } = theResource(template, 'AWS::KMS::Key')
    expect(Properties).toMatchObject({ KeySpec: 'ECC_NIST_P256', KeyUsage: 'SIGN_VERIFY', MultiRegion: false })
    expect(Properties.KeyPolicy.Statement[1]).toMatchObject({
      Action: 'kms:Sign',
      Condition: { ArnEquals: { 'aws:PrincipalArn': publisher } },
    })
  })

  it('lets the publisher sign, ship to every region and move its pointer, and read the issuers’ public keys', () => {
    const cells = regionsOf(deployment).map(({ region, zone }) => ({ region, ...cellNames(deployment, region, zone) }))
    const buckets = cells.map(({ bundleBucket }) => `arn:aws:s3:::${bundleBucket}`)
    const { Statement } = only(template, 'AWS::IAM::Policy', 'PublisherRole').Properties.PolicyDocument
    const statements: { Sid: string; Action: unknown; Resource: unknown }[] = Statement
    expect(Object.fromEntries(statements.map(({ Sid, Action, Resource }) => [Sid, [Action, [Resource].flat().toSorted()]]))).toEqual({
      Sign: [['kms:GetPublicKey', 'kms:Sign'], [{ 'Fn::GetAtt': ['BundleSigningKey', 'Arn'] }]],
      KeepHistory: [['s3:GetObject', 's3:PutObject'], folders.map((folder) => `${store}/${folder}/*`)],
      ReadHistory: ['s3:ListBucket', [store]],
      Ship: [['s3:GetObject', 's3:PutObject'], buckets.flatMap((bucket) => [`${bucket}/bundles/*`, `${bucket}/directories/*`]).toSorted()],
      SeeWhatIsMissing: ['s3:ListBucket', buckets.toSorted()],
      MovePointers: [
        ['dynamodb:PutItem', 'dynamodb:Query'],
        cells.map(({ region, account }) => `arn:aws:dynamodb:${region}:${account}:table/${names.globalTable}`).toSorted(),
      ],
      ReadIssuerKeys: ['kms:GetPublicKey', cells.map(({ region, account }) => `arn:aws:kms:${region}:${account}:key/*`).toSorted()],
      // The same for a control plane that was rebuilt.
      KeepHistoryInStandby: [
        ['s3:GetObject', 's3:PutObject'],
        folders.map((folder) => `arn:aws:s3:::${names.standbyControlStore}/${folder}/*`),
      ],
      ReadHistoryInStandby: ['s3:ListBucket', [`arn:aws:s3:::${names.standbyControlStore}`]],
      ReadCopy: ['s3:GetObject', folders.map((folder) => `arn:aws:s3:::${names.controlStoreCopy}/${folder}/*`)],
      ListCopy: ['s3:ListBucket', [`arn:aws:s3:::${names.controlStoreCopy}`]],
      SignInStandby: [['kms:GetPublicKey', 'kms:Sign'], [`arn:aws:kms:eu-central-1:${control}:key/*`]],
    })
    expect(Statement.find(({ Sid }: { Sid: string }) => Sid === 'SignInStandby').Condition).toEqual({
      'ForAnyValue:StringEquals': { 'kms:ResourceAliases': names.bundleSigningKey },
    })
  })

  it('gives the publisher to the tasks of this account in two regions, and to whom its administrators allow it', () => {
    const { RoleName, AssumeRolePolicyDocument } = only(template, 'AWS::IAM::Role', 'PublisherRole').Properties
    expect(RoleName).toBe(names.publisherRole)
    expect(AssumeRolePolicyDocument.Statement).toMatchObject([
      { Action: 'sts:AssumeRole', Principal: { AWS: expect.anything() } },
      {
        Action: 'sts:AssumeRole',
        Principal: { Service: 'ecs-tasks.amazonaws.com' },
        Condition: {
          StringEquals: { 'aws:SourceAccount': control },
          ArnLike: { 'aws:SourceArn': ['eu-west-1', 'eu-central-1'].map((region) => `arn:aws:ecs:${region}:${control}:*`) },
        },
      },
    ])
    const { TaskRoleArn } = theResource(template, 'AWS::ECS::TaskDefinition').Properties
    expect(TaskRoleArn).toEqual({ 'Fn::GetAtt': ['PublisherRole', 'Arn'] })
  })

  it('keeps what was ever done in a versioned bucket that nobody deletes from and only the publisher reads and writes', () => {
    const bucket = template?.Resources.ControlStore
    expect(bucket).toMatchObject({
      DeletionPolicy: 'RetainExceptOnCreate',
      Properties: { BucketName: names.controlStore, VersioningConfiguration: { Status: 'Enabled' } },
    })
    expectGuarded(template, 'ControlStore', publisher, 'OnlyPublisherReadsAndWrites')
  })

  it('has every object copied into the standby region, by a role that S3 alone takes for this bucket and that deletes nothing', () => {
    const { ReplicationConfiguration } = template?.Resources.ControlStore?.Properties ?? {}
    expect(ReplicationConfiguration.Rules).toMatchObject([
      {
        Status: 'Enabled',
        Filter: { Prefix: '' },
        DeleteMarkerReplication: { Status: 'Disabled' },
        Destination: { Bucket: `arn:aws:s3:::${names.controlStoreCopy}` },
      },
    ])
    const role = only(template, 'AWS::IAM::Role', 'ReplicationRole').Properties
    expect(role.AssumeRolePolicyDocument.Statement).toMatchObject([
      {
        Principal: { Service: 's3.amazonaws.com' },
        Condition: { StringEquals: { 'aws:SourceAccount': control }, ArnEquals: { 'aws:SourceArn': store } },
      },
    ])
    const { Statement } = only(template, 'AWS::IAM::Policy', 'ReplicationRole').Properties.PolicyDocument
    const actions = Statement.flatMap(({ Action }: { Action: string | string[] }) => Action)
    expect(actions.filter((action: string) => /Delete|\*/.test(action))).toEqual([])
  })

  it('runs two control planes over two availability zones, and goes back to the old ones when new ones fail', () => {
    const { Properties } = theResource(template, 'AWS::ECS::Service')
    expect(Properties).toMatchObject({
      ServiceName: own.service,
      DesiredCount: 2,
      AvailabilityZoneRebalancing: 'ENABLED',
      EnableExecuteCommand: false,
      DeploymentConfiguration: {
        DeploymentCircuitBreaker: { Enable: true, Rollback: true },
        Alarms: { Enable: true, Rollback: true, AlarmNames: [own.alarm('control-plane-failing'), own.alarm('control-plane-errors')] },
        MinimumHealthyPercent: 100,
      },
      NetworkConfiguration: { AwsvpcConfiguration: { AssignPublicIp: 'DISABLED' } },
    })
    const zones = (part: string) =>
      resourcesOf(template, 'AWS::EC2::Subnet')
        .filter(([id]) => id.includes(part))
        .map(([, subnet]) => subnet.Properties.AvailabilityZone)
    expect(zones('private')).toEqual([0, 1].map((index) => ({ 'Fn::Select': [index, { 'Fn::GetAZs': '' }] })))
  })

  it('runs ARM64 with a read-only root, an unprivileged user, no capability, no secret, and one path to write to', () => {
    const { Properties: task } = theResource(template, 'AWS::ECS::TaskDefinition')
    expect(task.RuntimePlatform).toEqual({ CpuArchitecture: 'ARM64', OperatingSystemFamily: 'LINUX' })
    expect(task.ContainerDefinitions).toMatchObject([
      {
        ReadonlyRootFilesystem: true,
        User: '1000:1000',
        LinuxParameters: { Capabilities: { Drop: ['ALL'] } },
        MountPoints: [{ ContainerPath: '/tmp', ReadOnly: false }],
      },
    ])
    const [container] = task.ContainerDefinitions
    expect([container.Privileged, container.Secrets]).toEqual([undefined, undefined])
    expect(container.HealthCheck.Command.join(' ')).toContain('/health/live')
  })

  it('sets the environment that a control plane reads, all of it literal', () => {
    const [container] = theResource(template, 'AWS::ECS::TaskDefinition').Properties.ContainerDefinitions
    const set: [string, unknown][] = container.Environment.map(({ Name, Value }: { Name: string; Value: unknown }) => [Name, Value])
    expect(set.map(([name]) => name).toSorted()).toEqual([...CONTROL_ENVIRONMENT, ...FIRST_ENVIRONMENT, ...PLATFORM_ENVIRONMENT].toSorted())
    expect(set.filter(([, value]) => typeof value !== 'string')).toEqual([])
  })

  it('is reached by HTTPS under its own name, from the private ranges of config alone', () => {
    const host = publicNames(deployment).control(deployment.homeRegion)
    expect(theResource(template, 'AWS::ElasticLoadBalancingV2::LoadBalancer').Properties).toMatchObject({
      Name: own.loadBalancer,
      Scheme: 'internal',
    })
    expect(theResource(template, 'AWS::ElasticLoadBalancingV2::Listener').Properties).toMatchObject({
      Port: 443,
      Protocol: 'HTTPS',
      SslPolicy: expect.stringMatching(/^ELBSecurityPolicy-TLS13-1-2/),
    })
    expect(theResource(template, 'AWS::CertificateManager::Certificate').Properties.DomainName).toBe(host)
    expect(theResource(template, 'AWS::Route53::RecordSet').Properties).toMatchObject({ Name: `${host}.`, Type: 'A' })
    const entrance = only(template, 'AWS::EC2::SecurityGroup', 'Entrance').Properties
    expect(entrance.SecurityGroupIngress.map(({ CidrIp, ToPort }: Record<string, unknown>) => [CidrIp, ToPort])).toEqual(
      deployment.operatorCidrs.map((cidr) => [cidr, 443]),
    )
    expect(theResource(template, 'AWS::EC2::SecurityGroupIngress').Properties).toMatchObject({ ToPort: 8080 })
  })

  it('resolves the services of the regions and the OpenID provider, and nothing else', () => {
    const lists = resourcesOf(template, 'AWS::Route53Resolver::FirewallDomainList').map(([id, { Properties }]) => [id, Properties.Domains])
    expect(lists).toEqual([
      ['ControlAllowedHosts', controlPlaneHosts(deployment, deployment.homeRegion)],
      [expect.stringContaining('Everything'), ['*']],
    ])
    const { FirewallRules } = theResource(template, 'AWS::Route53Resolver::FirewallRuleGroup').Properties
    expect(FirewallRules.map(({ Action, Priority }: Record<string, unknown>) => [Priority, Action])).toEqual([
      [100, 'ALLOW'],
      [200, 'BLOCK'],
    ])
  })

  it('lets only this account, and only what a control plane does, through each endpoint', () => {
    const endpoints = resourcesOf(template, 'AWS::EC2::VPCEndpoint').map(([, { Properties }]) => Properties)
    expect(endpoints).toHaveLength(6)
    type Statement = { Action: string | string[]; Resource: string | string[]; Condition?: unknown }
    const statements: Statement[] = endpoints.flatMap(({ PolicyDocument }) => PolicyDocument.Statement)
    const open = statements.filter(({ Condition }) => Condition === undefined)
    // ECR's own bucket of image layers, which it signs the links to.
    expect(open.map(({ Resource }) => Resource)).toEqual(['arn:aws:s3:::prod-eu-west-1-starport-layer-bucket/*'])
    for (const { Condition } of statements.filter((one) => !open.includes(one)))
      expect(Condition).toEqual({ StringEquals: { 'aws:PrincipalAccount': control } })
    const dynamodb = statements.filter(({ Action }) => [Action].flat().some((action) => action.startsWith('dynamodb:')))
    expect(dynamodb.map(({ Action, Resource }) => [Action, Resource])).toEqual([
      [['dynamodb:PutItem', 'dynamodb:Query'], `arn:aws:dynamodb:eu-west-1:${deployment.accounts.workload}:table/${names.globalTable}`],
    ])
  })

  it('has every alarm under its name from config, with its article, and tells its topic', () => {
    const alarms = resourcesOf(template, 'AWS::CloudWatch::Alarm').map(([, { Properties }]) => Properties)
    const [[topic] = ['']] = resourcesOf(template, 'AWS::SNS::Topic')
    expect(alarms.map(({ AlarmName, AlarmDescription, AlarmActions }) => [AlarmName, AlarmDescription, AlarmActions])).toEqual(
      Object.entries(CONTROL_ALARMS).map(([alarm, says]) => [
        `aegis-prod-${alarm}`,
        `eu-west-1: ${says}. What to do: runbooks/alarms/${alarm}.md`,
        [{ Ref: topic }],
      ]),
    )
    expect(alarms.find(({ AlarmName }) => AlarmName.endsWith('-missing'))).toMatchObject({ TreatMissingData: 'breaching', Threshold: 1 })
  })

  it('counts in the log what the control plane says under these very names', () => {
    const filters = resourcesOf(template, 'AWS::Logs::MetricFilter').map(([, { Properties }]) => Properties.FilterPattern)
    expect(filters.toSorted()).toEqual(['failed', 'superseded', 'unconfirmed'].map((event) => `{ $.event = "${event}" }`))
  })
}

/** One role reads and writes, and nobody deletes. */
export function expectGuarded(template: Template | undefined, bucket: string, publisher: string, sid: string): void {
  const policy = resourcesOf(template, 'AWS::S3::BucketPolicy').find(([, { Properties }]) => Properties.Bucket.Ref === bucket)?.[1]
  const statements: Record<string, unknown>[] = policy?.Properties.PolicyDocument.Statement ?? []
  expect(statements).toContainEqual(
    expect.objectContaining({ Sid: sid, Effect: 'Deny', Condition: { ArnNotEquals: { 'aws:PrincipalArn': [publisher] } } }),
  )
  const deletes = statements.find(({ Sid }) => Sid === 'NobodyDeletesHistory')
  expect(deletes).toMatchObject({ Effect: 'Deny', Action: ['s3:DeleteObject', 's3:DeleteObjectVersion'] })
  expect(deletes).not.toHaveProperty('Condition')
}
