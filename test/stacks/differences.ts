import { isDeepStrictEqual } from 'node:util'
import type { Resource, Template } from './synthesized.ts'

// What a deploy of one set of templates over another would do, as far as templates can say.

type Templates = ReadonlyMap<string, Template>

/** What holds data or keys. Removed or made anew, what is in it is gone or out of reach. */
export const STATEFUL_TYPES: readonly string[] = [
  'AWS::DynamoDB::GlobalTable',
  'AWS::DynamoDB::Table',
  'AWS::S3::Bucket',
  'AWS::KMS::Key',
  'AWS::Route53::HostedZone',
  'AWS::SecretsManager::Secret',
]

/**
 * Properties whose change makes CloudFormation replace the resource ("Update requires: Replacement" on each type's page of the resource
 * reference), of the stateful types that are used here. A GlobalTable's key schema and attributes are among them as no new index comes along.
 */
const IMMUTABLE: Record<string, readonly string[]> = {
  'AWS::DynamoDB::GlobalTable': ['TableName', 'KeySchema', 'LocalSecondaryIndexes'],
  'AWS::DynamoDB::Table': ['TableName', 'KeySchema', 'LocalSecondaryIndexes'],
  'AWS::S3::Bucket': ['BucketName', 'ObjectLockEnabled'],
  'AWS::KMS::Key': ['KeySpec', 'KeyUsage', 'MultiRegion', 'Origin'],
  'AWS::Route53::HostedZone': ['Name'],
  'AWS::SecretsManager::Secret': ['Name'],
}

/** Stacks whose templates differ, are new or are gone, sorted. */
export function changedStacks(before: Templates, after: Templates): { changed: string[]; added: string[]; removed: string[] } {
  const names = [...new Set([...before.keys(), ...after.keys()])].sort()
  return {
    changed: names.filter((name) => before.has(name) && after.has(name) && !isDeepStrictEqual(before.get(name), after.get(name))),
    added: names.filter((name) => !before.has(name)),
    removed: names.filter((name) => !after.has(name)),
  }
}

/** Stateful resources that would be removed or replaced, a line each. */
export function statefulLosses(before: Templates, after: Templates): string[] {
  return [...before].flatMap(([stack, { Resources }]) =>
    Object.entries(Resources)
      .filter(([, { Type }]) => STATEFUL_TYPES.includes(Type))
      .flatMap(([logicalId, resource]) => lossOf(`${stack}/${logicalId}`, resource, after.get(stack)?.Resources[logicalId])),
  )
}

function lossOf(where: string, before: Resource, after: Resource | undefined): string[] {
  if (after === undefined) return [`${where} is removed`]
  if (after.Type !== before.Type) return [`${where} becomes another type`]
  return (IMMUTABLE[before.Type] ?? [])
    .filter((property) => !isDeepStrictEqual(before.Properties?.[property], after.Properties?.[property]))
    .map((property) => `${where} is replaced: ${property} changes`)
}

/** Regions of the replicas of the one global table. */
export function replicasOf(template: Template | undefined): string[] {
  const table = Object.values(template?.Resources ?? {}).find(({ Type }) => Type === 'AWS::DynamoDB::GlobalTable')
  return (table?.Properties.Replicas ?? []).map(({ Region }: { Region: string }) => Region).sort()
}

/** Types of the resources of one stack that are not the same, sorted. */
export function changedTypes(before: ReadonlyMap<string, Template>, after: ReadonlyMap<string, Template>, stack: string): string[] {
  const [one, other] = [before.get(stack)?.Resources ?? {}, after.get(stack)?.Resources ?? {}]
  const changed = [...new Set([...Object.keys(one), ...Object.keys(other)])].filter(
    (id) => JSON.stringify(one[id]) !== JSON.stringify(other[id]),
  )
  return [...new Set(changed.map((id) => (other[id] ?? one[id])?.Type ?? ''))].sort()
}
