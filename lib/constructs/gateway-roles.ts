import { PolicyStatement, Role } from 'aws-cdk-lib/aws-iam'
import { Construct } from 'constructs'
import { cellNames } from '../../config/names.ts'
import type { Cell } from '../cell.ts'
import { acknowledge, acknowledgeOwnPolicy } from '../nag/acknowledge.ts'
import { keysArn, logStreamsArn, secretArnPattern } from './arns.ts'
import { bundleObjectArns } from './bundle-objects.ts'
import { ecsTasksOf } from './ecs-tasks.ts'
import { executionRole } from './execution-role.ts'
import { gatewaySecrets } from './gateway-environment.ts'
import { gatewayRights } from './gateway-rights.ts'
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

    this.execution = executionRole(this, {
      roleName: names.executionRole,
      description: `What ECS does to start a gateway of ${region}`,
      account: names.account,
      region,
      more: readSecrets(cell),
    })
    acknowledge(this.execution, {
      [`AwsSolutions-IAM5[Resource::${keysArn(region, names.account)}]`]:
        'AWS makes up key ids; the conditions leave the data key of this region, for secrets alone',
    })
  }
}

function readSecrets({ deployment, region, zone }: Cell): PolicyStatement[] {
  const { account, dataKey } = cellNames(deployment, region, zone)
  return [
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
