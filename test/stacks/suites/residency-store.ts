import { cellNames, REGIONAL_TABLES, stackNames } from '../../../config/names.ts'
import { regionsOf } from '../../../config/schema.ts'
import { type Resource, resourcesOf, type Synthesized } from '../synthesized.ts'
import { unprotected } from './global-state.ts'

/** Regions to which a table would copy personal data. */
function replicatedTo({ Properties }: Resource, own: string): string[] {
  return Properties.Replicas.map(({ Region }: { Region: string }) => Region).filter((region: string) => region !== own)
}

export function residencyStoreSuite({ deployment, templates }: Synthesized): void {
  const cells = regionsOf(deployment).map(({ region, zone }) => {
    const template = templates.get(stackNames(deployment).residencyStore(region))
    return { region, names: cellNames(deployment, region, zone), template, tables: resourcesOf(template, 'AWS::DynamoDB::GlobalTable') }
  })

  it('has every regional table under its name from config', () => {
    for (const { names, tables } of cells) {
      expect(tables.map(([, { Properties }]) => Properties.TableName).toSorted()).toEqual(
        REGIONAL_TABLES.map((purpose) => names.table(purpose)).toSorted(),
      )
    }
  })

  it('replicates no table to another region', () => {
    for (const { region, tables } of cells) {
      for (const [id, table] of tables) expect([id, replicatedTo(table, region)]).toEqual([id, []])
    }
  })

  it('would see a replica elsewhere', () => {
    const planted = { Type: 'AWS::DynamoDB::GlobalTable', Properties: { Replicas: [{ Region: 'eu-west-1' }, { Region: 'us-east-1' }] } }
    expect(replicatedTo(planted, 'eu-west-1')).toEqual(['us-east-1'])
  })

  it("encrypts with the region's own key, and can be restored but not deleted", () => {
    for (const { region, names, tables } of cells) {
      for (const [id, { Properties }] of tables) {
        expect([id, unprotected(Properties.Replicas)]).toEqual([id, []])
        expect(Properties.SSESpecification).toEqual({ SSEEnabled: true, SSEType: 'KMS' })
        expect(Properties.Replicas[0].SSESpecification.KMSMasterKeyId).toBe(`arn:aws:kms:${region}:${names.account}:${names.dataKey}`)
      }
    }
  })

  it("refuses items to everybody but the region's gateway role through the region's endpoint", () => {
    const items = [
      'GetItem',
      'BatchGetItem',
      'Query',
      'Scan',
      'PutItem',
      'UpdateItem',
      'DeleteItem',
      'BatchWriteItem',
      'ConditionCheckItem',
      'ExportTableToPointInTime',
    ]
    for (const { region, names, tables } of cells) {
      for (const [, { Properties }] of tables) {
        const { Statement } = Properties.Replicas[0].ResourcePolicy.PolicyDocument
        const everybody = {
          Effect: 'Deny',
          Principal: { AWS: '*' },
          Resource: `arn:aws:dynamodb:${region}:${names.account}:table/${Properties.TableName}`,
        }
        expect(Statement).toMatchObject([
          {
            ...everybody,
            Condition: { ArnNotEquals: { 'aws:PrincipalArn': [`arn:aws:iam::${names.account}:role/${names.gatewayRole}`] } },
          },
          {
            ...everybody,
            Condition: { StringNotEquals: { 'aws:SourceVpce': `{{resolve:ssm:${names.networkParameter('dynamodb-endpoint-id')}}}` } },
          },
        ])
        for (const { Action } of Statement) expect(Action).toEqual(expect.arrayContaining(items.map((item) => `dynamodb:${item}`)))
      }
    }
  })

  it('forgets what ends by itself, and never a high-water mark, a promotion or the audit index', () => {
    for (const { names, tables } of cells) {
      const kept = [names.table('region-state'), names.table('audit-index')]
      for (const [, { Properties }] of tables) {
        const forgets = kept.includes(Properties.TableName) ? undefined : { AttributeName: 'ttl', Enabled: true }
        expect([Properties.TableName, Properties.TimeToLiveSpecification]).toEqual([Properties.TableName, forgets])
      }
    }
  })

  it('locks audit records, under the data key, and lets nobody bypass the lock', () => {
    for (const { region, names, template } of cells) {
      const bucket = template?.Resources.AuditBucket?.Properties
      expect(bucket).toMatchObject({
        BucketName: names.auditBucket,
        ObjectLockEnabled: true,
        ObjectLockConfiguration: { Rule: { DefaultRetention: { Days: deployment.auditRetentionDays, Mode: 'GOVERNANCE' } } },
        VersioningConfiguration: { Status: 'Enabled' },
      })
      expect(bucket.BucketEncryption.ServerSideEncryptionConfiguration[0].ServerSideEncryptionByDefault).toEqual({
        SSEAlgorithm: 'aws:kms',
        KMSMasterKeyID: `arn:aws:kms:${region}:${names.account}:${names.dataKey}`,
      })
      const policy = resourcesOf(template, 'AWS::S3::BucketPolicy').find(([, { Properties }]) => Properties.Bucket.Ref === 'AuditBucket')
      expect(policy?.[1].Properties.PolicyDocument.Statement).toMatchObject([
        { Effect: 'Deny', Condition: { Bool: { 'aws:SecureTransport': 'false' } } },
        { Effect: 'Deny', Condition: { NumericLessThan: { 's3:TlsVersion': 1.2 } } },
        { Sid: 'OnlyGatewayWrites', Effect: 'Deny', Action: 's3:PutObject' },
        { Sid: 'OnlyNamedRolesRead', Effect: 'Deny', Action: ['s3:GetObject', 's3:GetObjectVersion'] },
        { Sid: 'WritesComeThroughTheEndpoint', Effect: 'Deny', Action: 's3:PutObject' },
        { Sid: 'ReadsComeThroughTheEndpoint', Effect: 'Deny', Action: ['s3:GetObject', 's3:GetObjectVersion'] },
        { Sid: 'NobodyBypassesTheLock', Effect: 'Deny', Action: expect.arrayContaining(['s3:BypassGovernanceRetention']) },
      ])
    }
  })

  it('forgets recorded inputs for good after their time, and lets nobody but the gateways read or write them', () => {
    for (const { region, names, template } of cells) {
      const bucket = template?.Resources.InputsBucket?.Properties
      expect(bucket).toMatchObject({
        BucketName: names.inputsBucket,
        PublicAccessBlockConfiguration: {
          BlockPublicAcls: true,
          BlockPublicPolicy: true,
          IgnorePublicAcls: true,
          RestrictPublicBuckets: true,
        },
        LoggingConfiguration: { LogFilePrefix: 'inputs-bucket/' },
      })
      expect(bucket.LifecycleConfiguration.Rules).toContainEqual({ ExpirationInDays: deployment.inputsRetentionDays, Status: 'Enabled' })
      // A version that stays behind would outlive the retention.
      expect(bucket).not.toHaveProperty('VersioningConfiguration')
      expect(bucket.BucketEncryption.ServerSideEncryptionConfiguration[0].ServerSideEncryptionByDefault).toEqual({
        SSEAlgorithm: 'aws:kms',
        KMSMasterKeyID: `arn:aws:kms:${region}:${names.account}:${names.dataKey}`,
      })
      const policy = resourcesOf(template, 'AWS::S3::BucketPolicy').find(([, { Properties }]) => Properties.Bucket.Ref === 'InputsBucket')
      expect(policy?.[1].Properties.PolicyDocument.Statement).toMatchObject([
        { Effect: 'Deny', Condition: { Bool: { 'aws:SecureTransport': 'false' } } },
        { Effect: 'Deny', Condition: { NumericLessThan: { 's3:TlsVersion': 1.2 } } },
        {
          Sid: 'OnlyGatewayReadsAndWrites',
          Effect: 'Deny',
          Principal: { AWS: '*' },
          Action: ['s3:GetObject', 's3:GetObjectVersion', 's3:PutObject'],
          Resource: `arn:aws:s3:::${names.inputsBucket}/*`,
          Condition: { ArnNotEquals: { 'aws:PrincipalArn': [`arn:aws:iam::${names.account}:role/${names.gatewayRole}`] } },
        },
        {
          Sid: 'OnlyThroughTheEndpoint',
          Effect: 'Deny',
          Action: ['s3:GetObject', 's3:GetObjectVersion', 's3:PutObject'],
          Condition: { StringNotEquals: { 'aws:SourceVpce': `{{resolve:ssm:${names.networkParameter('s3-endpoint-id')}}}` } },
        },
      ])
    }
  })

  it("takes the load balancers' logs where they send them", () => {
    for (const { region, names, template } of cells) {
      const gateway = templates.get(stackNames(deployment).gateway(region))
      const policy = resourcesOf(template, 'AWS::S3::BucketPolicy').find(
        ([, { Properties }]) => Properties.Bucket.Ref === 'AccessLogsBucket',
      )
      const delivery = policy?.[1].Properties.PolicyDocument.Statement.find(({ Sid }: { Sid?: string }) => Sid === 'LoadBalancerLogs')
      const loadBalancers = resourcesOf(gateway, 'AWS::ElasticLoadBalancingV2::LoadBalancer')
      expect(loadBalancers).toHaveLength(2)
      for (const [, { Properties }] of loadBalancers) {
        const attributes = Object.fromEntries(
          Properties.LoadBalancerAttributes.map(({ Key, Value }: { Key: string; Value: string }) => [Key, Value]),
        )
        expect(attributes['access_logs.s3.bucket']).toBe(names.accessLogsBucket)
        expect(delivery.Resource).toBe(
          `arn:aws:s3:::${names.accessLogsBucket}/${attributes['access_logs.s3.prefix']}/AWSLogs/${names.account}/*`,
        )
      }
    }
  })
}
