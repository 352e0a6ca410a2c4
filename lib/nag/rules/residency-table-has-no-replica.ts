import { at, isList, objects, type Resource, textOf } from '../resource.ts'
import type { Rule } from '../rule.ts'

/**
 * Every table but the one global table is residency data: which data a table holds cannot be read from a template, so a table that nobody
 * thought about is treated like the one that matters most.
 */
export const residencyTableHasNoReplica: Rule = {
  id: 'ResidencyTableHasNoReplica',
  info: 'A table that holds residency data has a replica in another region.',
  explanation:
    'What is in a regional table stays where it was made; DynamoDB copies every item into every replica. Only the global table of the global-state stack, which holds no personal data, may have replicas. Remove the replica.',
  check(resource, layout) {
    if (layout.isGlobalTable(resource)) return []
    const { type, properties, place } = resource
    if (type === 'Custom::DynamoDBReplica') return [`Replica::${textOf(properties.Region, resource)}`]
    if (type !== 'AWS::DynamoDB::GlobalTable') return []
    if (!isList(properties.Replicas)) throw new Error('The replicas are not listed in the template.')
    return [
      ...regions(objects(properties.Replicas), resource)
        .filter((region) => region !== place.region)
        .map((region) => `Replica::${region}`),
      ...regions(objects(properties.GlobalTableWitnesses), resource).map((region) => `Witness::${region}`),
      ...(properties.GlobalTableSourceArn === undefined ? [] : [`Source::${textOf(properties.GlobalTableSourceArn, resource)}`]),
    ]
  },
}

const regions = (replicas: ReturnType<typeof objects>, resource: Resource) =>
  replicas.map((replica) => textOf(at(replica, 'Region'), resource))
