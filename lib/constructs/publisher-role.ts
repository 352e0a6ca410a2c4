import { AccountRootPrincipal, CompositePrincipal, Role } from 'aws-cdk-lib/aws-iam'
import { Duration } from 'aws-cdk-lib/core'
import type { Construct } from 'constructs'
import { sharedNames } from '../../config/names.ts'
import type { Deployment } from '../../config/schema.ts'
import { acknowledge, acknowledgeOwnPolicy } from '../nag/acknowledge.ts'
import { ecsTasksOf } from './ecs-tasks.ts'
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
    assumedBy: new CompositePrincipal(new AccountRootPrincipal(), ecsTasksOf(control, regions)),
    maxSessionDuration: Duration.hours(1),
  })
  pinLogicalId(role, 'PublisherRole')
  const rights = [...more, ...publisherRights(deployment)]
  for (const { statement } of rights) role.addToPolicy(statement)
  acknowledge(role, Object.assign({}, ...rights.map(({ findings }) => findings)))
  acknowledgeOwnPolicy(role)
  return role
}
