import { CfnPolicy } from 'aws-cdk-lib/aws-organizations'
import { RemovalPolicy, Stack } from 'aws-cdk-lib/core'
import type { Construct } from 'constructs'
import { REGIONAL_TABLES, stackNames } from '../../config/names.ts'
import { ConfigError } from '../../config/resolve.ts'
import { type Deployment, regionsOf, watchingRegions } from '../../config/schema.ts'
import { stackProps } from '../cell.ts'
import { EDGE_REGION } from './edge.ts'

/**
 * What the organization denies to whole accounts, whatever a role or a resource in them allows: regions that nobody uses, copies of residency
 * data, principals from outside. It knows no tenant and, with one workload account, no zone: docs/adr/0022 says what that leaves to others.
 */
export class OrgGuardrailsStack extends Stack {
  constructor(scope: Construct, deployment: Deployment) {
    const { accounts, organization, environment } = deployment
    if (accounts.management === undefined || organization === undefined)
      throw new ConfigError([`environments.${environment}.organization: is needed for the org-guardrails stack`])
    // Organizations has its one endpoint there.
    const env = { account: accounts.management, region: 'us-east-1' }
    super(scope, stackNames(deployment).orgGuardrails, stackProps({ deployment }, env, 'organization guardrails', { protect: true }))
    const prefix = `${deployment.name}-${environment}`
    const policy = (id: string, type: string, name: string, description: string, Statement: readonly object[]) => {
      const made = new CfnPolicy(this, id, {
        name: `${prefix}-${name}`,
        type,
        description,
        targetIds: organization.targets,
        content: { Version: '2012-10-17', Statement },
      })
      // What a slip of the hand removes here, nobody misses until it is needed.
      made.applyRemovalPolicy(RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE)
    }
    policy('Regions', 'SERVICE_CONTROL_POLICY', 'regions', 'Nothing outside of the regions of the deployment', [regionDeny(deployment)])
    policy('Residency', 'SERVICE_CONTROL_POLICY', 'residency', 'No copy of residency data to another region', residencyDeny(deployment))
    policy('Perimeter', 'RESOURCE_CONTROL_POLICY', 'perimeter', 'Nobody from outside of the organization', perimeter(organization.id))
  }
}

/**
 * Services with one endpoint for all regions, which is in us-east-1 or us-west-2 whoever calls. Among those that AWS exempts in its own example
 * and in Control Tower's region deny, the ones of which none holds a deployment's data: `s3`, `kms`, `config` and `acm` are there too, and stay
 * denied here (IAM user guide, "AWS: Denies access to AWS based on the requested Region"; Control Tower, "primary-region-deny-policy").
 */
export const GLOBAL_SERVICES = [
  'access-analyzer:*',
  'account:*',
  'aws-portal:*',
  'billing:*',
  'budgets:*',
  'ce:*',
  'cloudfront:*',
  'consolidatedbilling:*',
  'cur:*',
  'freetier:*',
  'globalaccelerator:*',
  'health:*',
  'iam:*',
  'invoicing:*',
  'organizations:*',
  'payments:*',
  'pricing:*',
  'route53:*',
  'route53domains:*',
  'route53-recovery-cluster:*',
  'route53-recovery-control-config:*',
  'shield:*',
  'sso:*',
  'sts:*',
  'support:*',
  'supportplans:*',
  'tax:*',
  'trustedadvisor:*',
  // Looking at what there is, without which consoles and the CDK itself stumble.
  'ec2:DescribeRegions',
  's3:GetAccountPublicAccessBlock',
  's3:ListAllMyBuckets',
  'tag:GetResources',
] as const

/** Control Tower changes accounts in every region that it governs. An organization without it has no such role. */
const CONTROL_TOWER = 'arn:aws:iam::*:role/AWSControlTowerExecution'

function regionDeny(deployment: Deployment) {
  const edge = deployment.edge === undefined ? [] : [EDGE_REGION]
  const serving = regionsOf(deployment).map(({ region }) => region)
  const regions = new Set([...serving, deployment.routingRegion, ...watchingRegions(deployment), ...edge])
  return {
    Sid: 'DenyOtherRegions',
    Effect: 'Deny',
    NotAction: [...GLOBAL_SERVICES],
    Resource: '*',
    Condition: {
      StringNotEquals: { 'aws:RequestedRegion': [...regions].toSorted() },
      ArnNotLike: { 'aws:PrincipalArn': CONTROL_TOWER },
    },
  }
}

/** A copy elsewhere is made by the account itself, so a policy of principals sees it; and no role of a deployment has a reason to make one. */
function residencyDeny({ name, environment, accounts }: Deployment) {
  const prefix = `${name}-${environment}`
  const holders = [...new Set([accounts.workload, ...Object.values(accounts.zones)])]
  const tables = holders.flatMap((account) =>
    REGIONAL_TABLES.map((purpose) => `arn:aws:dynamodb:*:${account}:table/${prefix}-*-${purpose}`),
  )
  const buckets = holders.flatMap((account) =>
    ['audit', 'inputs', 'access-logs'].map((purpose) => `arn:aws:s3:::${prefix}-*-${purpose}-${account}`),
  )
  return [
    {
      Sid: 'DenyReplicasOfRegionalTables',
      Effect: 'Deny',
      Action: [
        'dynamodb:CreateTableReplica',
        'dynamodb:CreateGlobalTable',
        'dynamodb:UpdateGlobalTable',
        'dynamodb:ExportTableToPointInTime',
      ],
      Resource: tables,
    },
    { Sid: 'DenyReplicationOfRegionalBuckets', Effect: 'Deny', Action: ['s3:PutReplicationConfiguration'], Resource: buckets },
    // A key of several regions would decrypt in one what another one encrypted.
    { Sid: 'DenyReplicasOfKeys', Effect: 'Deny', Action: ['kms:ReplicateKey'], Resource: '*' },
    {
      Sid: 'DenyKeysOfSeveralRegions',
      Effect: 'Deny',
      Action: ['kms:CreateKey'],
      Resource: '*',
      Condition: { Bool: { 'kms:MultiRegion': 'true' } },
    },
  ]
}

/** The services under a resource control policy that a deployment keeps something in. DynamoDB's tables have policies of their own. */
const PERIMETER_ACTIONS = ['s3:*', 'kms:*', 'secretsmanager:*', 'sqs:*']

/** As AWS's own examples of resource control policies: people and roles of the organization, and AWS services that act for it. */
function perimeter(organizationId: string) {
  const everybody = { Effect: 'Deny', Principal: '*', Resource: '*' }
  return [
    {
      ...everybody,
      Sid: 'EnforceOrgIdentities',
      Action: PERIMETER_ACTIONS,
      Condition: {
        StringNotEqualsIfExists: { 'aws:PrincipalOrgID': organizationId },
        BoolIfExists: { 'aws:PrincipalIsAWSService': 'false' },
      },
    },
    {
      ...everybody,
      Sid: 'EnforceConfusedDeputyProtection',
      Action: PERIMETER_ACTIONS,
      Condition: {
        StringNotEqualsIfExists: { 'aws:SourceOrgID': organizationId },
        Null: { 'aws:SourceAccount': 'false' },
        Bool: { 'aws:PrincipalIsAWSService': 'true' },
      },
    },
    {
      ...everybody,
      Sid: 'EnforceSecureTransport',
      Action: PERIMETER_ACTIONS,
      Condition: { BoolIfExists: { 'aws:SecureTransport': 'false' } },
    },
  ]
}
