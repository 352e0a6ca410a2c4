import { PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam'
import { Construct } from 'constructs'
import { cellNames, sharedNames } from '../../config/names.ts'
import type { Cell } from '../cell.ts'
import { acknowledge } from '../nag/acknowledge.ts'
import { keysArn, repositoryArn, tableArn } from './arns.ts'
import { bundleObjectArns } from './bundle-objects.ts'
import { DATA_KEY_ACTIONS } from './data-key.ts'

/**
 * The two roles of a gateway task. The task role is what the gateway itself may do: every right is one that the runtime uses, on a
 * resource of its own region. The execution role is what ECS does to start it.
 */
export class GatewayRoles extends Construct {
  readonly task: Role
  readonly execution: Role

  constructor(scope: Construct, id: string, cell: Cell) {
    super(scope, id)
    const { deployment, region, zone } = cell
    const names = cellNames(deployment, region, zone)
    this.task = new Role(this, 'Task', {
      roleName: names.gatewayRole,
      description: `What a gateway of ${region} may do`,
      assumedBy: ecsTasksOf(names.account, region),
    })
    for (const statement of taskStatements(cell)) this.task.addToPolicy(statement)
    acknowledge(this.task, {
      ...Object.fromEntries(
        bundleObjectArns(names.bundleBucket).map((arn) => [
          `AwsSolutions-IAM5[Resource::${arn}]`,
          'objects are named by their digest, so only the folder can be named here',
        ]),
      ),
      [`AwsSolutions-IAM5[Resource::${keysArn(region, names.account)}]`]:
        'AWS makes up key ids; the condition on the alias leaves the one key that encrypts the tables of this region',
    })

    this.execution = new Role(this, 'Execution', {
      description: `What ECS does to start a gateway of ${region}`,
      assumedBy: new ServicePrincipal('ecs-tasks.amazonaws.com'),
    })
    // The log driver adds the right to write to its log group.
    for (const statement of executionStatements(cell)) this.execution.addToPolicy(statement)
    acknowledge(this.execution, {
      'AwsSolutions-IAM5[Resource::*]': 'ecr:GetAuthorizationToken has no resource to name',
    })
  }
}

/** A service principal alone would let any other account's ECS be talked into it (the confused deputy); the source account closes that. */
function ecsTasksOf(account: string, region: string) {
  return new ServicePrincipal('ecs-tasks.amazonaws.com', {
    conditions: { StringEquals: { 'aws:SourceAccount': account }, ArnLike: { 'aws:SourceArn': `arn:aws:ecs:${region}:${account}:*` } },
  })
}

function taskStatements({ deployment, region, zone }: Cell): PolicyStatement[] {
  const names = cellNames(deployment, region, zone)
  return [
    new PolicyStatement({ sid: 'ReadBundles', actions: ['s3:GetObject'], resources: bundleObjectArns(names.bundleBucket) }),
    new PolicyStatement({
      sid: 'ReadOwnPointer',
      actions: ['dynamodb:GetItem'],
      resources: [tableArn(region, names.account, sharedNames(deployment).globalTable)],
      conditions: { 'ForAllValues:StringEquals': { 'dynamodb:LeadingKeys': [`pointer#${region}`] } },
    }),
    new PolicyStatement({
      sid: 'KeepRegionState',
      actions: ['dynamodb:GetItem', 'dynamodb:UpdateItem'],
      resources: [tableArn(region, names.account, names.table('region-state'))],
    }),
    new PolicyStatement({
      sid: 'UseDataKeyThroughTables',
      actions: DATA_KEY_ACTIONS,
      resources: [keysArn(region, names.account)],
      conditions: {
        StringEquals: { 'kms:ViaService': `dynamodb.${region}.amazonaws.com` },
        'ForAnyValue:StringEquals': { 'kms:ResourceAliases': names.dataKey },
      },
    }),
  ]
}

function executionStatements({ deployment, region, zone }: Cell): PolicyStatement[] {
  const { account } = cellNames(deployment, region, zone)
  const { gatewayRepository } = sharedNames(deployment)
  return [
    new PolicyStatement({ sid: 'LogIn', actions: ['ecr:GetAuthorizationToken'], resources: ['*'] }),
    new PolicyStatement({
      sid: 'PullImage',
      actions: ['ecr:BatchCheckLayerAvailability', 'ecr:BatchGetImage', 'ecr:GetDownloadUrlForLayer'],
      resources: [repositoryArn(region, account, gatewayRepository)],
    }),
  ]
}
