import { at, objects, textOf } from '../resource.ts'
import type { Rule } from '../rule.ts'

export const bucketIsNotReplicated: Rule = {
  id: 'BucketIsNotReplicated',
  info: 'A bucket copies its objects into another bucket.',
  explanation:
    "The ARN of a bucket says no region, so nothing here can tell that the copy stays. Audit records and recorded inputs are residency data, and bundles are shipped to every region by the publisher, who reads each back. Remove the replication, or acknowledge it naming the copy's region.",
  check(resource, layout) {
    const { type, properties, place } = resource
    if (!layout.holdsResidencyData(place)) return []
    if (type === 'AWS::S3::MultiRegionAccessPoint') return ['MultiRegionAccessPoint']
    if (type !== 'AWS::S3::Bucket' || properties.ReplicationConfiguration === undefined) return []
    const rules = objects(at(properties.ReplicationConfiguration, 'Rules'))
    if (rules.length === 0) throw new Error('The rules of the replication are not listed in the template.')
    return rules.map((rule) => `Destination::${textOf(at(rule, 'Destination', 'Bucket'), resource)}`)
  },
}
