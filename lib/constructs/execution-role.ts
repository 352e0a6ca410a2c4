import { PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam'
import type { Construct } from 'constructs'
import { acknowledge, acknowledgeOwnPolicy } from '../nag/acknowledge.ts'
import { repositoryArn } from './arns.ts'
import { imageRepository, PULL_ACTIONS } from './images.ts'

export interface ExecutionRoleProps {
  readonly roleName: string
  readonly description: string
  readonly account: string
  readonly region: string
  /** What else it takes to start this task. @default nothing */
  readonly more?: readonly PolicyStatement[]
}

/** What ECS does to start a task: pull its images from the registry of its own account and region. The log driver adds the right to write to its log group. */
export function executionRole(scope: Construct, { roleName, description, account, region, more = [] }: ExecutionRoleProps): Role {
  const role = new Role(scope, 'Execution', {
    roleName,
    description,
    // Without a source, unlike a task's own role: AWS documents the plain principal for this one ("Amazon ECS task execution IAM role"), and a
    // key that ECS did not send would start no task at all. Nobody hands the role to ECS without iam:PassRole in this account.
    assumedBy: new ServicePrincipal('ecs-tasks.amazonaws.com'),
  })
  for (const statement of [...pull(scope, account, region), ...more]) role.addToPolicy(statement)
  acknowledge(role, { 'AwsSolutions-IAM5[Resource::*]': 'ecr:GetAuthorizationToken has no resource to name' })
  acknowledgeOwnPolicy(role)
  return role
}

function pull(scope: Construct, account: string, region: string): PolicyStatement[] {
  return [
    new PolicyStatement({
      sid: 'LogIn',
      actions: ['ecr:GetAuthorizationToken'],
      resources: ['*'],
      conditions: { StringEquals: { 'aws:RequestedRegion': region } },
    }),
    new PolicyStatement({
      sid: 'PullImage',
      actions: [...PULL_ACTIONS],
      resources: [repositoryArn(region, account, imageRepository(scope, account, region))],
    }),
  ]
}
