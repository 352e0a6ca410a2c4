import { ServicePrincipal } from 'aws-cdk-lib/aws-iam'

/**
 * ECS, starting tasks of this account in these regions. A service principal alone would let any other account's ECS be talked into a role
 * (the confused deputy); the source account closes that.
 */
export function ecsTasksOf(account: string, regions: readonly string[]): ServicePrincipal {
  const sources = regions.map((region) => `arn:aws:ecs:${region}:${account}:*`)
  return new ServicePrincipal('ecs-tasks.amazonaws.com', {
    conditions: {
      StringEquals: { 'aws:SourceAccount': account },
      ArnLike: { 'aws:SourceArn': sources.length === 1 ? sources[0] : sources },
    },
  })
}
