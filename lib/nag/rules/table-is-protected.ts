import { at, type JsonObject, objects, type Resource, textOf } from '../resource.ts'
import type { Rule } from '../rule.ts'

/** cdk-nag's own rules about tables look at AWS::DynamoDB::Table alone, and CDK's TableV2 makes AWS::DynamoDB::GlobalTable even for one region. */
export const tableIsProtected: Rule = {
  id: 'TableIsProtected',
  info: 'A table can be deleted by one call, or what a fault wrote over cannot be restored.',
  explanation:
    'Every replica of every table has point-in-time recovery and deletion protection. A replica inherits neither for certain, so each says both.',
  check(resource) {
    const { type, properties, place } = resource
    if (type === 'AWS::DynamoDB::Table') return unprotected(properties, place.region ?? 'unknown', resource)
    if (type !== 'AWS::DynamoDB::GlobalTable') return []
    return objects(properties.Replicas).flatMap((replica) => unprotected(replica, textOf(replica.Region, resource), resource))
  },
}

function unprotected(table: JsonObject, region: string, resource: Resource): string[] {
  const recovery = at(table, 'PointInTimeRecoverySpecification', 'PointInTimeRecoveryEnabled')
  return [
    ...(textOf(recovery, resource) === 'true' ? [] : [`PointInTimeRecovery::${region}`]),
    ...(textOf(table.DeletionProtectionEnabled, resource) === 'true' ? [] : [`DeletionProtection::${region}`]),
  ]
}
