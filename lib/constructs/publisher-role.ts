import { AccountRootPrincipal, CompositePrincipal, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam'
import { Duration } from 'aws-cdk-lib/core'
import type { Construct } from 'constructs'
import { sharedNames } from '../../config/names.ts'
import type { Deployment } from '../../config/schema.ts'
import { acknowledge, acknowledgeOwnPolicy } from '../nag/acknowledge.ts'
import { pinLogicalId } from './logical-id.ts'
import { publisherRights, type Right } from './publisher-rights.ts'

/**
 * The one role that publishes, known by its name to every bucket, table and key: the service's tasks have it, and a pipeline or person may
 * assume it whom the control account's administrators allow to.
 * @param more rights beside those on what has a name
 */
export function publisherRole(scope: Construct, deployment: Deployment, more: readonly Right[]): Role {
  const { control } = deployment.accounts
  const { homeRegion, controlPlane } = deployment
  const regions = [homeRegion, ...(controlPlane.standbyRegion === undefined ? [] : [controlPlane.standbyRegion])]
  const role = new Role(scope, 'PublisherRole', {
    roleName: sharedNames(deployment).publisherRole,
    description: 'Signs bundles and directories, puts them into every region and moves the pointers',
    assumedBy: new CompositePrincipal(
      new AccountRootPrincipal(),
      // A service principal alone would let another account's ECS be talked into it (the confused deputy).
      new ServicePrincipal('ecs-tasks.amazonaws.com', {
        conditions: {
          StringEquals: { 'aws:SourceAccount': control },
          ArnLike: { 'aws:SourceArn': regions.map((region) => `arn:aws:ecs:${region}:${control}:*`) },
        },
      }),
    ),
    maxSessionDuration: Duration.hours(1),
  })
  pinLogicalId(role, 'PublisherRole')
  const rights = [...more, ...publisherRights(deployment)]
  for (const { statement } of rights) role.addToPolicy(statement)
  acknowledge(role, Object.assign({}, ...rights.map(({ findings }) => findings)))
  acknowledgeOwnPolicy(role)
  return role
}
