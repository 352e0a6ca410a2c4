import { PolicyStatement } from 'aws-cdk-lib/aws-iam'
import { cellNames, sharedNames } from '../../config/names.ts'
import type { Cell } from '../cell.ts'
import { tableArn } from './arns.ts'

// What each fault takes, as the reference of AWS Fault Injection Service lists it ("AWS FIS actions reference"), on resources of one region.

export interface Rights {
  readonly statements: readonly PolicyStatement[]
  /** Findings of cdk-nag that come with them, each with the reason why it is right. */
  readonly findings: Readonly<Record<string, string>>
}

/** `aws:network:disrupt-connectivity`: FIS puts network ACLs that deny everything in place of the subnets' own, and puts those back. */
export function isolationRights({ deployment, region, zone }: Cell): Rights {
  const { account } = cellNames(deployment, region, zone)
  const here = { 'aws:RequestedRegion': region }
  const arn = (kind: string) => `arn:aws:ec2:${region}:${account}:${kind}/*`
  const acls = arn('network-acl')
  const made = { 'aws:ResourceTag/managedByFIS': 'true' }
  const asked = { 'aws:RequestTag/managedByFIS': 'true' }
  const ours = { 'aws:ResourceTag/aegis:deployment': deployment.name, 'aws:ResourceTag/aegis:environment': deployment.environment }
  return {
    statements: [
      new PolicyStatement({ sid: 'MakeAcl', actions: ['ec2:CreateNetworkAcl'], resources: [acls], conditions: { StringEquals: asked } }),
      new PolicyStatement({
        sid: 'MakeAclInOurVpc',
        actions: ['ec2:CreateNetworkAcl'],
        resources: [arn('vpc')],
        conditions: { StringEquals: ours },
      }),
      new PolicyStatement({
        sid: 'TagAcl',
        actions: ['ec2:CreateTags'],
        resources: [acls],
        conditions: { StringEquals: { 'ec2:CreateAction': 'CreateNetworkAcl', ...asked } },
      }),
      new PolicyStatement({
        sid: 'FillAndRemoveAcl',
        actions: ['ec2:CreateNetworkAclEntry', 'ec2:DeleteNetworkAcl'],
        resources: [acls],
        conditions: { StringEquals: made },
      }),
      // To put the old ACLs back it must name those too, and the default ACL of a VPC wears no tag.
      new PolicyStatement({ sid: 'SwapAcl', actions: ['ec2:ReplaceNetworkAclAssociation'], resources: [acls] }),
      new PolicyStatement({
        sid: 'SwapAclOfOurSubnets',
        actions: ['ec2:ReplaceNetworkAclAssociation'],
        resources: [arn('subnet')],
        conditions: { StringEquals: ours },
      }),
      new PolicyStatement({
        sid: 'Look',
        actions: ['ec2:DescribeManagedPrefixLists', 'ec2:DescribeNetworkAcls', 'ec2:DescribeSubnets', 'ec2:DescribeVpcs'],
        resources: ['*'],
        conditions: { StringEquals: here },
      }),
    ],
    findings: {
      'AwsSolutions-IAM5[Resource::*]': 'EC2 knows no resource for looking at its resources; the condition leaves this region',
      ...Object.fromEntries(
        ['network-acl', 'vpc', 'subnet'].map((kind) => [
          `AwsSolutions-IAM5[Resource::${arn(kind)}]`,
          'AWS makes up the ids; the conditions leave what wears the tags of this deployment, or of the experiment itself',
        ]),
      ),
    },
  }
}

/** `aws:dynamodb:global-table-pause-replication`: FIS denies replication in the policies of the region's replica and of its stream. */
export function replicationRights({ deployment, region, zone }: Cell): Rights {
  const table = tableArn(region, cellNames(deployment, region, zone).account, sharedNames(deployment).globalTable)
  const streams = `${table}/stream/*`
  return {
    statements: [
      new PolicyStatement({
        sid: 'ChangePolicyOfReplica',
        actions: ['dynamodb:GetResourcePolicy', 'dynamodb:PutResourcePolicy', 'dynamodb:DeleteResourcePolicy'],
        resources: [table, streams],
      }),
      new PolicyStatement({ sid: 'LookAtReplica', actions: ['dynamodb:DescribeTable'], resources: [table] }),
      findByTags(region),
    ],
    findings: {
      ...FIND_BY_TAGS,
      [`AwsSolutions-IAM5[Resource::${streams}]`]: 'the stream of a replica is named by the time at which it was made',
    },
  }
}

/** `aws:ecs:stop-task` on the gateways. */
export function taskKillRights({ deployment, region, zone }: Cell): Rights {
  const { account, cluster } = cellNames(deployment, region, zone)
  const tasks = `arn:aws:ecs:${region}:${account}:task/${cluster}/*`
  const inCluster = {
    ArnEquals: { 'ecs:cluster': `arn:aws:ecs:${region}:${account}:cluster/${cluster}` },
    StringEquals: { 'aws:RequestedRegion': region },
  }
  return {
    statements: [
      new PolicyStatement({ sid: 'StopTasks', actions: ['ecs:StopTask', 'ecs:DescribeTasks'], resources: [tasks], conditions: inCluster }),
      new PolicyStatement({ sid: 'ListTasks', actions: ['ecs:ListTasks'], resources: ['*'], conditions: inCluster }),
      findByTags(region),
    ],
    findings: {
      // The same `*` for both kinds of looking.
      'AwsSolutions-IAM5[Resource::*]':
        'neither listing tasks nor looking for tags knows a resource; the conditions leave our cluster and region',
      'Aegis-NoWildcard[Resource::*::ecs:ListTasks]': 'tasks are listed of a cluster, which only the condition can name',
      [`AwsSolutions-IAM5[Resource::${tasks}]`]: 'ECS makes up the ids of tasks; the cluster is named',
    },
  }
}

/**
 * What FIS must be able to do for its log, beside the right of AWS's delivery service to write, which the log's own policy gives (Amazon
 * CloudWatch Logs user guide, "Logs sent to CloudWatch Logs"). `PutResourcePolicy` is left out for that reason.
 */
export function loggingRights(region: string): { statement: PolicyStatement; findings: Readonly<Record<string, string>> } {
  return {
    statement: new PolicyStatement({
      sid: 'SetUpLog',
      actions: ['logs:CreateLogDelivery', 'logs:DescribeLogGroups', 'logs:DescribeResourcePolicies'],
      resources: ['*'],
      conditions: { StringEquals: { 'aws:RequestedRegion': region } },
    }),
    findings: { 'AwsSolutions-IAM5[Resource::*]': 'log delivery knows no resource; the condition leaves this region' },
  }
}

function findByTags(region: string): PolicyStatement {
  return new PolicyStatement({
    sid: 'FindByTags',
    actions: ['tag:GetResources'],
    resources: ['*'],
    conditions: { StringEquals: { 'aws:RequestedRegion': region } },
  })
}

const FIND_BY_TAGS = { 'AwsSolutions-IAM5[Resource::*]': 'looking for tags knows no resource; the condition leaves this region' }
