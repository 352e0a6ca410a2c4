import { CfnResource } from 'aws-cdk-lib/core'
import type { IConstruct } from 'constructs'

/**
 * Fixes the logical id of a stateful resource. CloudFormation replaces a resource whose logical id changes, and a moved construct
 * changes it: with a pinned id, refactoring the code can never delete data.
 */
export function pinLogicalId(construct: IConstruct, logicalId: string): void {
  const resource = construct.node.defaultChild
  if (!CfnResource.isCfnResource(resource)) throw new Error(`no resource to pin the logical id ${logicalId} to at ${construct.node.path}`)
  resource.overrideLogicalId(logicalId)
}
