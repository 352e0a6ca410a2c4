import { PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam'
import { Construct } from 'constructs'
import { cellNames } from '../../config/names.ts'
import type { Cell } from '../cell.ts'
import { acknowledge, acknowledgeOwnPolicy } from '../nag/acknowledge.ts'
import { keysArn, logStreamsArn, repositoryArn, secretArnPattern } from './arns.ts'
import { bundleObjectArns } from './bundle-objects.ts'
import { ecsTasksOf } from './ecs-tasks.ts'
import { gatewaySecrets } from './gateway-environment.ts'
import { gatewayRights } from './gateway-rights.ts'
import { imageRepository } from './images.ts'
import { inputObjectsArn } from './input-objects.ts'

/** The two roles of a gateway task. The task role is what the gateway itself may do; the execution role is what ECS does to start it. */
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
      assumedBy: ecsTasksOf(names.account, [region]),
    })
    for (const statement of gatewayRights(cell)) this.task.addToPolicy(statement)
    acknowledge(this.task, {
      ...Object.fromEntries(
        bundleObjectArns(names.bundleBucket).map((arn) => [
          `AwsSolutions-IAM5[Resource::${arn}]`,
          'objects are named by their digest, so only the folder can be named here',
        ]),
      ),
      [`AwsSolutions-IAM5[Resource::${inputObjectsArn(names.inputsBucket)}]`]:
        'objects are named by day, process and time, so only the folder can be named here',
      [`AwsSolutions-IAM5[Resource::${keysArn(region, names.account)}]`]:
        'AWS makes up key ids; the condition on the alias leaves the keys of this region that each statement is about',
      [`AwsSolutions-IAM5[Resource::${logStreamsArn(region, names.account, names.metricsLogs)}]`]:
        'log streams are named by the task, which nobody knows before it runs',
      'AwsSolutions-IAM5[Resource::*]': 'xray:PutTraceSegments has no resource to name; the condition leaves this region',
    })

    acknowledgeOwnPolicy(this.task)

    this.execution = new Role(this, 'Execution', {
      roleName: names.executionRole,
      description: `What ECS does to start a gateway of ${region}`,
      assumedBy: new ServicePrincipal('ecs-tasks.amazonaws.com'),
    })
    // The log driver adds the right to write to its log group.
    for (const statement of executionRights(this, cell)) this.execution.addToPolicy(statement)
    acknowledge(this.execution, {
      'AwsSolutions-IAM5[Resource::*]': 'ecr:GetAuthorizationToken has no resource to name',
      [`AwsSolutions-IAM5[Resource::${keysArn(region, names.account)}]`]:
        'AWS makes up key ids; the conditions leave the data key of this region, for secrets alone',
    })
    acknowledgeOwnPolicy(this.execution)
  }
}

function executionRights(scope: Construct, { deployment, region, zone }: Cell): PolicyStatement[] {
  const { account, dataKey } = cellNames(deployment, region, zone)
  return [
    new PolicyStatement({
      sid: 'LogIn',
      actions: ['ecr:GetAuthorizationToken'],
      resources: ['*'],
      conditions: { StringEquals: { 'aws:RequestedRegion': region } },
    }),
    new PolicyStatement({
      sid: 'PullImage',
      actions: ['ecr:BatchCheckLayerAvailability', 'ecr:BatchGetImage', 'ecr:GetDownloadUrlForLayer'],
      resources: [repositoryArn(region, account, imageRepository(scope, account, region))],
    }),
    new PolicyStatement({
      sid: 'ReadSecrets',
      actions: ['secretsmanager:GetSecretValue'],
      resources: Object.values(gatewaySecrets(deployment, zone)).map((secret) => secretArnPattern(region, account, secret)),
    }),
    new PolicyStatement({
      sid: 'DecryptSecrets',
      actions: ['kms:Decrypt'],
      resources: [keysArn(region, account)],
      conditions: {
        StringEquals: { 'kms:ViaService': `secretsmanager.${region}.amazonaws.com` },
        'ForAnyValue:StringEquals': { 'kms:ResourceAliases': dataKey },
      },
    }),
  ]
}
