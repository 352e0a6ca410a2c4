import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { resolveDeployment } from '../../../config/resolve.ts'
import type { Deployment } from '../../../config/schema.ts'

/** One zone with one region: the smallest deployment that has every resource type. */
export const smallDeployment: Deployment = resolveDeployment({
  name: 'aegis',
  domain: 'aegis.example',
  zones: { eu: { regions: ['eu-west-1'] } },
  homeRegion: 'eu-west-1',
  routingRegion: 'eu-north-1',
  environments: { prod: { accounts: { control: '111111111111', workload: '222222222222' } } },
})

export interface TemplateResource {
  Type: string
  Properties?: Record<string, unknown>
  Condition?: string
}
export type Resources = Record<string, TemplateResource>

/** Resources by stack name, as the CDK writes them. Tests change copies of it. */
export function smallTemplates(): Record<string, Resources> {
  return {
    'aegis-prod-dns': { Zone: { Type: 'AWS::Route53::HostedZone', Properties: { Name: 'aegis.example.' } } },
    'aegis-prod-gateway-eu-west-1': gatewayResources(),
    'aegis-prod-routing': routingResources(),
    'aegis-prod-stores-eu-west-1': storeResources(),
  }
}

function gatewayResources(): Resources {
  return {
    Rights: taskPolicy(),
    Balancer: { Type: 'AWS::ElasticLoadBalancingV2::LoadBalancer', Properties: { Subnets: [{ 'Fn::ImportValue': 'elsewhere' }] } },
    Listener: {
      Type: 'AWS::ElasticLoadBalancingV2::Listener',
      Properties: { LoadBalancerArn: { Ref: 'Balancer' }, DefaultActions: [{ Type: 'forward', TargetGroupArn: { Ref: 'Targets' } }] },
    },
    Targets: {
      Type: 'AWS::ElasticLoadBalancingV2::TargetGroup',
      Properties: { HealthCheckPath: '/health/live', HealthCheckIntervalSeconds: 10, UnhealthyThresholdCount: 3 },
    },
    Regional: {
      Type: 'AWS::Route53::RecordSet',
      Properties: {
        Name: 'EU-west-1.aegis.example.',
        Type: 'A',
        HostedZoneId: 'ZPLACEHOLDER',
        AliasTarget: {
          DNSName: { 'Fn::Join': ['', ['dualstack.', { 'Fn::GetAtt': ['Balancer', 'DNSName'] }]] },
          HostedZoneId: { 'Fn::GetAtt': ['Balancer', 'CanonicalHostedZoneID'] },
          EvaluateTargetHealth: true,
        },
      },
    },
    Task: {
      Type: 'AWS::ECS::TaskDefinition',
      Properties: {
        TaskRoleArn: { 'Fn::GetAtt': ['TaskRole', 'Arn'] },
        ContainerDefinitions: [
          { Name: 'collector', Image: { 'Fn::ImportValue': 'image' } },
          {
            Name: 'gateway',
            Image: 'gateway:1',
            PortMappings: [{ ContainerPort: 8080 }],
            Environment: [
              { Name: 'AEGIS_REGION', Value: { Ref: 'AWS::Region' } },
              { Name: 'AEGIS_PORT', Value: '8080' },
              // biome-ignore lint/suspicious/noTemplateCurlyInString: Fn::Sub reads it
              { Name: 'AEGIS_REGION_URL', Value: { 'Fn::Sub': 'https://${AWS::Region}.aegis.example' } },
            ],
            Secrets: [{ Name: 'AEGIS_PSEUDONYM_KEY', ValueFrom: 'arn:aws:secretsmanager:eu-west-1:222222222222:secret:zone-eu' }],
          },
        ],
      },
    },
  }
}

/** The policy of the task's role: one right on a table, and one that is none of the fabric's. */
function taskPolicy(): TemplateResource {
  return {
    Type: 'AWS::IAM::Policy',
    Properties: {
      Roles: [{ Ref: 'TaskRole' }],
      PolicyDocument: {
        Statement: [
          {
            Effect: 'Allow',
            Action: 'dynamodb:PutItem',
            Resource: 'arn:aws:dynamodb:eu-west-1:222222222222:table/approvals',
            Condition: {
              'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': ['kills', 'promotions#*'] },
              Null: { 'dynamodb:LeadingKeys': 'false' },
            },
          },
          { Effect: 'Allow', Action: 'logs:PutLogEvents', Resource: { 'Fn::GetAtt': ['Logs', 'Arn'] } },
        ],
      },
    },
  }
}

function routingResources(): Resources {
  return {
    Check: {
      Type: 'AWS::Route53::HealthCheck',
      Properties: {
        HealthCheckConfig: {
          Type: 'HTTPS',
          FullyQualifiedDomainName: 'eu-west-1.aegis.example',
          ResourcePath: '/health/region',
          RequestInterval: 10,
          FailureThreshold: 3,
          Inverted: false,
          EnableSNI: true,
        },
      },
    },
    ZoneRecord: {
      Type: 'AWS::Route53::RecordSet',
      Properties: {
        Name: 'eu.aegis.example.',
        Type: 'CNAME',
        HostedZoneId: 'ZPLACEHOLDER',
        TTL: '30',
        ResourceRecords: ['eu-west-1.aegis.example'],
        Failover: 'PRIMARY',
        SetIdentifier: 'eu-west-1',
        HealthCheckId: { Ref: 'Check' },
      },
    },
  }
}

function storeResources(): Resources {
  const key = [
    { AttributeName: 'pk', KeyType: 'HASH' },
    { AttributeName: 'sk', KeyType: 'RANGE' },
  ]
  const attributes = [
    { AttributeName: 'pk', AttributeType: 'S' },
    { AttributeName: 'sk', AttributeType: 'S' },
  ]
  return {
    Global: {
      Type: 'AWS::DynamoDB::GlobalTable',
      Properties: {
        TableName: 'aegis-prod-global',
        KeySchema: key,
        AttributeDefinitions: attributes,
        GlobalSecondaryIndexes: [
          { IndexName: 'by-sk', KeySchema: [{ AttributeName: 'sk', KeyType: 'HASH' }], Projection: { ProjectionType: 'ALL' } },
        ],
        Replicas: [{ Region: 'eu-west-1', SSESpecification: { KMSMasterKeyId: { 'Fn::ImportValue': 'key' } } }, { Region: 'us-east-1' }],
      },
    },
    Regional: { Type: 'AWS::DynamoDB::Table', Properties: { TableName: 'approvals', KeySchema: key, AttributeDefinitions: attributes } },
    Bucket: { Type: 'AWS::S3::Bucket', Properties: { BucketName: { 'Fn::Join': ['-', ['bundles', { Ref: 'AWS::AccountId' }]] } } },
    Key: {
      Type: 'AWS::KMS::Key',
      Properties: { KeySpec: 'ECC_NIST_P256', KeyUsage: 'SIGN_VERIFY', KeyPolicy: signBy('signer') },
    },
    Alias: { Type: 'AWS::KMS::Alias', Properties: { AliasName: 'alias/token', TargetKeyId: { 'Fn::GetAtt': ['Key', 'Arn'] } } },
    Secret: { Type: 'AWS::SecretsManager::Secret', Properties: { Name: 'zone-eu', ReplicaRegions: [{ Region: 'eu-central-1' }] } },
    Signer: {
      Type: 'AWS::IAM::Role',
      Properties: {
        RoleName: 'signer',
        AssumeRolePolicyDocument: {
          Statement: [
            {
              Effect: 'Allow',
              Action: 'sts:AssumeRole',
              Principal: { AWS: { 'Fn::Join': ['', ['arn:', { Ref: 'AWS::Partition' }, ':iam::222222222222:root']] } },
              Condition: { StringLike: { 'sts:SourceIdentity': '?*' } },
            },
          ],
        },
      },
    },
    Task: {
      Type: 'AWS::IAM::Role',
      Properties: {
        RoleName: 'task',
        AssumeRolePolicyDocument: { Statement: [{ Action: 'sts:AssumeRole', Principal: { Service: 'ecs-tasks.amazonaws.com' } }] },
      },
    },
  }
}

export const signBy = (role: string) => ({
  Statement: [
    { Action: ['kms:Get*', 'kms:PutKeyPolicy'], Principal: { AWS: '*' } },
    { Action: 'kms:Sign', Condition: { ArnEquals: { 'aws:PrincipalArn': `arn:aws:iam::222222222222:role/${role}` } } },
  ],
})

/** Writes a cloud assembly into a new folder. */
export function writeAssembly(templates: Record<string, Resources>): { directory: string; remove: () => void } {
  const directory = mkdtempSync(join(tmpdir(), 'assembly-'))
  mkdirSync(directory, { recursive: true })
  const artifacts: Record<string, unknown> = { Tree: { type: 'cdk:tree' } }
  for (const [stack, resources] of Object.entries(templates)) {
    const region = stack.includes('eu-west-1') ? 'eu-west-1' : 'eu-north-1'
    artifacts[stack] = {
      type: 'aws:cloudformation:stack',
      environment: `aws://222222222222/${region}`,
      properties: { templateFile: `${stack}.json` },
    }
    writeFileSync(join(directory, `${stack}.json`), JSON.stringify({ Resources: resources }))
  }
  writeFileSync(join(directory, 'manifest.json'), JSON.stringify({ version: '55.0.0', artifacts }))
  return { directory, remove: () => rmSync(directory, { recursive: true, force: true }) }
}
