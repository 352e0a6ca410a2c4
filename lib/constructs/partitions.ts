/**
 * Condition that a DynamoDB request stays within these partitions, `*` matching any end. The second half is needed because `ForAllValues`
 * is also true of a request that names no partition at all ("Multivalued context keys", IAM user guide).
 */
export function onlyPartitions(...patterns: string[]) {
  return {
    'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': patterns },
    Null: { 'dynamodb:LeadingKeys': 'false' },
  }
}
