import { ManagedPolicy, PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam'
import { LogGroup } from 'aws-cdk-lib/aws-logs'
import type { Stack } from 'aws-cdk-lib/core'
import { noCrossStackToken } from '../../../lib/nag/rules/no-cross-stack-token.ts'
import { noWildcard } from '../../../lib/nag/rules/no-wildcard.ts'
import { roleStaysInRegion } from '../../../lib/nag/rules/role-stays-in-region.ts'
import { CONTROL, type RuleSuite, raw, WORKLOAD } from '../planted.ts'

type Conditions = Record<string, Record<string, unknown>>

/** A role with one right. */
const role =
  (actions: string[], resources: string[], conditions: Conditions = {}) =>
  (stack: Stack): void => {
    const made = new Role(stack, 'Role', { assumedBy: new ServicePrincipal('ecs-tasks.amazonaws.com') })
    made.addToPolicy(new PolicyStatement({ actions, resources, conditions }))
  }
const table = (region: string) => `arn:aws:dynamodb:${region}:${WORKLOAD}:table/x`
const policy = (type: string, statement: Record<string, unknown>) =>
  raw(type, { PolicyDocument: { Statement: [{ Effect: 'Allow', ...statement }] } })

export const rightsSuites: RuleSuite[] = [
  {
    rule: roleStaysInRegion,
    refuses: [
      ...['AWS::IAM::User', 'AWS::IAM::Group'].map((type) => ({
        name: `an unbound right in an ${type} itself`,
        plant: raw(type, {
          Policies: [{ PolicyDocument: { Statement: [{ Effect: 'Allow', Action: 's3:GetObject', Resource: 'arn:aws:s3:::all/*' }] } }],
        }),
        finds: ['Resource::arn:aws:s3:::all/*'],
      })),
      {
        name: 'an unbound right in the policy of a group',
        plant: policy('AWS::IAM::GroupPolicy', { Action: 's3:GetObject', Resource: 'arn:aws:s3:::all/*' }),
        finds: ['Resource::arn:aws:s3:::all/*'],
      },
      {
        name: 'a table of another region',
        plant: role(['dynamodb:GetItem'], [table('us-east-1')]),
        finds: [`Resource::${table('us-east-1')}`],
      },
      { name: 'the same table in every region', plant: role(['dynamodb:GetItem'], [table('*')]), finds: [`Resource::${table('*')}`] },
      { name: 'everything, everywhere', plant: role(['ecr:GetAuthorizationToken'], ['*']), finds: ['Resource::*'] },
      {
        name: 'a bucket without a region in its name',
        plant: role(['s3:GetObject'], ['arn:aws:s3:::all/*']),
        finds: ['Resource::arn:aws:s3:::all/*'],
      },
      {
        name: 'a bucket that has two regions in its name',
        plant: role(['s3:GetObject'], ['arn:aws:s3:::eu-west-1-to-us-east-1/*']),
        finds: ['Resource::arn:aws:s3:::eu-west-1-to-us-east-1/*'],
      },
      {
        name: 'a condition on another region',
        plant: role(['ecr:GetAuthorizationToken'], ['*'], { StringEquals: { 'aws:RequestedRegion': 'us-east-1' } }),
        finds: ['Region::us-east-1', 'Resource::*'],
      },
      {
        name: 'a condition that an absent key meets',
        plant: role(['ecr:GetAuthorizationToken'], ['*'], { StringEqualsIfExists: { 'aws:RequestedRegion': 'eu-west-1' } }),
        finds: ['Resource::*'],
      },
      {
        name: 'a condition on this region or any',
        plant: role(['ecr:GetAuthorizationToken'], ['*'], { StringLike: { 'aws:RequestedRegion': ['eu-west-1', '*'] } }),
        finds: ['Resource::*'],
      },
      {
        name: 'whatever is not named',
        plant: policy('AWS::IAM::ManagedPolicy', { Action: 's3:GetObject', NotResource: 'arn:aws:s3:::x' }),
        finds: ['NotResource'].map((found) => `Resource::${found}`),
      },
      {
        name: "a right inside the role's own properties",
        plant: raw('AWS::IAM::Role', {
          Policies: [{ PolicyDocument: { Statement: [{ Effect: 'Allow', Action: 's3:GetObject', Resource: 'arn:aws:s3:::x/*' }] } }],
        }),
        finds: ['Resource::arn:aws:s3:::x/*'],
      },
      {
        name: 'one of two rights, whichever a condition takes',
        plant: raw('AWS::IAM::Policy', {
          PolicyDocument: {
            Statement: [
              {
                'Fn::If': [
                  'Near',
                  { Effect: 'Allow', Action: 'dynamodb:GetItem', Resource: table('eu-west-1') },
                  { Effect: 'Allow', Action: 'dynamodb:GetItem', Resource: table('*') },
                ],
              },
            ],
          },
        }),
        finds: [`Resource::${table('*')}`],
      },
      {
        name: "trust in another region's role",
        plant: raw('AWS::IAM::Role', {
          AssumeRolePolicyDocument: {
            Statement: [
              {
                Effect: 'Allow',
                Principal: { AWS: WORKLOAD },
                Action: 'sts:AssumeRole',
                Condition: { ArnEquals: { 'aws:PrincipalArn': `arn:aws:iam::${WORKLOAD}:role/aegis-prod-us-east-1-gateway` } },
              },
            ],
          },
        }),
        finds: ['Region::us-east-1'],
      },
      {
        name: "a policy of AWS's own",
        plant: (stack) => {
          new Role(stack, 'Role', {
            assumedBy: new ServicePrincipal('ecs-tasks.amazonaws.com'),
            managedPolicies: [ManagedPolicy.fromAwsManagedPolicyName('ReadOnlyAccess')],
          })
        },
        finds: ['ManagedPolicy::ReadOnlyAccess'],
      },
    ],
    accepts: [
      { name: 'a table of the region', plant: role(['dynamodb:GetItem'], [table('eu-west-1')]) },
      {
        name: 'a bucket with the region in its name',
        plant: role(['s3:GetObject'], ['arn:aws:s3:::aegis-prod-eu-west-1-bundles-2/bundles/*']),
      },
      {
        name: 'a login that is bound to the region',
        plant: role(['ecr:GetAuthorizationToken'], ['*'], { StringEquals: { 'aws:RequestedRegion': 'eu-west-1' } }),
      },
      {
        name: "a resource of the role's own stack",
        plant: (stack) => {
          const logs = new LogGroup(stack, 'Logs')
          role(['logs:PutLogEvents'], [logs.logGroupArn])(stack)
        },
      },
      { name: 'a refusal', plant: policy('AWS::IAM::ManagedPolicy', { Effect: 'Deny', Action: '*', Resource: '*' }) },
      { name: 'the publisher, in the control account', account: CONTROL, plant: role(['dynamodb:PutItem'], [table('us-east-1')]) },
    ],
  },
  {
    rule: noWildcard,
    refuses: [
      ...Object.entries({
        'who uses TLS': { Bool: { 'aws:SecureTransport': 'true' } },
        'of this account or of none': { StringEqualsIfExists: { 'aws:SourceAccount': WORKLOAD } },
        'of any account': { StringLike: { 'aws:SourceAccount': '*' } },
        'but one account': { StringNotEquals: { 'aws:SourceAccount': WORKLOAD } },
      }).map(([name, Condition]) => ({
        name: `everybody ${name}`,
        plant: policy('AWS::SNS::TopicPolicy', { Principal: '*', Action: 'sns:Publish', Resource: 'x', Condition }),
        finds: ['Everybody::x'],
      })),
      {
        name: 'every action',
        plant: policy('AWS::IAM::ManagedPolicy', { Action: '*', Resource: table('eu-west-1') }),
        finds: ['Action::*'],
      },
      {
        name: 'every action of a service, in the policy of a bucket',
        plant: policy('AWS::S3::BucketPolicy', { Principal: { AWS: WORKLOAD }, Action: ['s3:*'], Resource: 'arn:aws:s3:::x' }),
        finds: ['Action::s3:*'],
      },
      {
        name: 'every resource, for an action that has some',
        plant: policy('AWS::IAM::ManagedPolicy', { Action: ['dynamodb:GetItem', 'ecr:GetAuthorizationToken'], Resource: '*' }),
        finds: ['Resource::*::dynamodb:GetItem'],
      },
      {
        name: 'whatever is not named',
        plant: policy('AWS::IAM::ManagedPolicy', { NotAction: 'iam:PassRole', NotResource: 'arn:aws:s3:::x' }),
        finds: ['NotAction', 'NotResource'],
      },
      {
        name: 'everybody, at a topic',
        plant: policy('AWS::SNS::TopicPolicy', { Principal: { AWS: '*' }, Action: 'sns:Publish', Resource: 'topic' }),
        finds: ['Everybody::topic'],
      },
      {
        name: 'everybody, in the policy of a table inside a replica',
        plant: raw('AWS::DynamoDB::GlobalTable', {
          Replicas: [
            {
              ResourcePolicy: {
                PolicyDocument: { Statement: [{ Effect: 'Allow', Principal: '*', Action: 'dynamodb:GetItem', Resource: 'x' }] },
              },
            },
          ],
        }),
        finds: ['Everybody::x'],
      },
      {
        name: 'a policy that is a text',
        plant: raw('AWS::Logs::ResourcePolicy', {
          PolicyDocument: '{"Statement":[{"Effect":"Allow","Principal":"*","Action":"logs:*","Resource":"x"}]}',
        }),
        finds: ['Action::logs:*', 'Everybody::x'],
      },
    ],
    accepts: [
      { name: 'named actions on named resources', plant: role(['dynamodb:GetItem'], [table('eu-west-1')]) },
      { name: 'an action that has no resource', plant: role(['ecr:GetAuthorizationToken'], ['*']) },
      {
        name: 'a refusal of everything to everybody',
        plant: policy('AWS::S3::BucketPolicy', { Effect: 'Deny', Principal: '*', Action: 's3:*', Resource: '*' }),
      },
      {
        name: 'a key, whose policy is about itself',
        plant: raw('AWS::KMS::Key', {
          KeyPolicy: { Statement: [{ Effect: 'Allow', Principal: { AWS: WORKLOAD }, Action: 'kms:Sign', Resource: '*' }] },
        }),
      },
      {
        name: 'everybody of the account, through an endpoint',
        plant: policy('AWS::EC2::VPCEndpoint', {
          Principal: '*',
          Action: 's3:GetObject',
          Resource: 'x',
          Condition: { StringEquals: { 'aws:PrincipalAccount': WORKLOAD } },
        }),
      },
    ],
  },
  {
    rule: noCrossStackToken,
    refuses: [
      {
        name: 'an import',
        plant: raw('AWS::SSM::Parameter', { Value: { 'Fn::Join': ['', ['a', { 'Fn::ImportValue': 'x' }]] } }),
        finds: ['Fn::ImportValue'],
      },
      {
        name: "an output of another region's stack",
        plant: raw('AWS::SSM::Parameter', { Value: { 'Fn::GetStackOutput': { StackName: 's', Region: 'us-east-1', OutputName: 'o' } } }),
        finds: ['Fn::GetStackOutput'],
      },
      {
        name: "CDK's reader of another region's parameters",
        plant: raw('Custom::CrossRegionExportReader', { ReaderProps: {} }),
        finds: ['Custom::CrossRegionExportReader'],
      },
    ],
    accepts: [
      { name: 'a parameter of the same region', plant: raw('AWS::EC2::Subnet', { VpcId: '{{resolve:ssm:/aegis/vpc-id}}' }) },
      { name: 'a resource of the own stack', plant: raw('AWS::SSM::Parameter', { Value: { Ref: 'Other' } }) },
    ],
  },
]
