import { at, type Json, objects, type Resource, textOf } from '../resource.ts'
import type { Rule } from '../rule.ts'

export const residencyTableHasCustomerKey: Rule = {
  id: 'ResidencyTableHasCustomerKey',
  info: 'A table that holds residency data is not encrypted by a customer key.',
  explanation:
    "The key policy of the region's data key lets nobody decrypt but through this region's stores, and whoever disables the key closes the data. A key of AWS's own gives neither. Encrypt the table by the region's data key.",
  check(resource, layout) {
    const { type, properties, place } = resource
    if (layout.isGlobalTable(resource)) return []
    if (type === 'AWS::DynamoDB::Table')
      return keyed(properties.SSESpecification, resource) && enabled(properties.SSESpecification, resource) ? [] : [`Key::${place.region}`]
    if (type !== 'AWS::DynamoDB::GlobalTable') return []
    const on = enabled(properties.SSESpecification, resource)
    return objects(properties.Replicas)
      .filter((replica) => !on || !keyed(replica.SSESpecification, resource))
      .map((replica) => `Key::${textOf(replica.Region, resource)}`)
  },
}

const enabled = (specification: Json, resource: Resource) => textOf(at(specification, 'SSEEnabled'), resource) === 'true'

/** Aliases that begin with `aws/` are keys of AWS's own. */
function keyed(specification: Json, resource: Resource): boolean {
  const key = textOf(at(specification, 'KMSMasterKeyId'), resource)
  return key !== '' && !key.includes('alias/aws/')
}
