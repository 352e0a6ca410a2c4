import { z } from 'zod'
import { signerOf } from './access.ts'
import { originOf, type Resource } from './assembly.ts'
import { physicalId, where } from './intrinsics.ts'
import { parseProperties } from './properties.ts'
import { TemplateError } from './template-error.ts'
import type { Bucket, Key, Secret, Table } from './topology.ts'

/** Tables of both CloudFormation types. TableV2 writes even a regional table as a GlobalTable with one replica. */
export function readTables(resources: Resource[]): Table[] {
  return resources.flatMap((resource) => {
    if (resource.type !== 'AWS::DynamoDB::GlobalTable' && resource.type !== 'AWS::DynamoDB::Table') return []
    if ('LocalSecondaryIndexes' in resource.properties)
      throw new TemplateError(where(resource, 'LocalSecondaryIndexes'), 'local indexes are not emulated', 'use a global secondary index')
    const table = parseProperties(resource, tableShape, { closed: false })
    if (table.MultiRegionConsistency === 'STRONG')
      throw new TemplateError(where(resource, 'MultiRegionConsistency'), 'strong consistency cannot span zones', 'use EVENTUAL')
    const replicas = table.Replicas?.map(({ Region }) => Region) ?? [resource.stack.region]
    return {
      name: table.TableName,
      keySchema: table.KeySchema,
      attributeDefinitions: table.AttributeDefinitions,
      gsis: table.GlobalSecondaryIndexes.map(({ IndexName, KeySchema, Projection }) => ({ IndexName, KeySchema, Projection })),
      replicas,
      origin: originOf(resource),
    }
  })
}

const keySchema = z.array(z.object({ AttributeName: z.string(), KeyType: z.enum(['HASH', 'RANGE']) })).min(1)
const tableShape = {
  TableName: z.string('needs a name from config: other stacks and the fabric know it by that'),
  KeySchema: keySchema,
  AttributeDefinitions: z.array(z.object({ AttributeName: z.string(), AttributeType: z.enum(['S', 'N', 'B']) })),
  GlobalSecondaryIndexes: z
    .array(
      z.object({
        IndexName: z.string(),
        KeySchema: keySchema,
        Projection: z.object({ ProjectionType: z.enum(['ALL', 'KEYS_ONLY', 'INCLUDE']), NonKeyAttributes: z.array(z.string()).optional() }),
      }),
    )
    .default([]),
  MultiRegionConsistency: z.enum(['EVENTUAL', 'STRONG']).optional(),
  Replicas: z
    .array(z.object({ Region: z.string() }))
    .min(1)
    .optional(),
}

export function readBuckets(resources: Resource[]): Bucket[] {
  return resources
    .filter(({ type }) => type === 'AWS::S3::Bucket')
    .map((resource) => {
      const { BucketName } = parseProperties(resource, { BucketName: z.string('needs a name from config') }, { closed: false })
      return { name: BucketName, origin: originOf(resource) }
    })
}

/** Keys with the aliases that point to them. An alias may only point to a key of its own stack. */
export function readKeys(resources: Resource[]): Key[] {
  const keys = resources
    .filter(({ type }) => type === 'AWS::KMS::Key')
    .map((resource) => {
      const { KeySpec, KeyUsage } = parseProperties(resource, keyShape, { closed: false })
      const signerRole = signerOf(resource)
      const key: Key = {
        aliases: [],
        spec: KeySpec,
        usage: KeyUsage,
        ...(signerRole !== undefined && { signerRole }),
        origin: originOf(resource),
      }
      return { id: physicalId(resource.stack, resource.logicalId), key }
    })
  for (const resource of resources.filter(({ type }) => type === 'AWS::KMS::Alias')) {
    const { AliasName, TargetKeyId } = parseProperties(resource, aliasShape, { closed: true })
    const target = keys.find(({ id }) => TargetKeyId === id || TargetKeyId.endsWith(`:key/${id}`))
    if (target === undefined)
      throw new TemplateError(
        where(resource, 'TargetKeyId'),
        `${TargetKeyId} is no key of the templates`,
        'point it to a key of the same stack',
      )
    target.key.aliases.push(AliasName)
  }
  return keys.map(({ key }) => key)
}

const keyShape = { KeySpec: z.string().default('SYMMETRIC_DEFAULT'), KeyUsage: z.string().default('ENCRYPT_DECRYPT') }
const aliasShape = { AliasName: z.string().startsWith('alias/'), TargetKeyId: z.string() }

/** Secrets with every region that has a copy. */
export function readSecrets(resources: Resource[]): Secret[] {
  return resources
    .filter(({ type }) => type === 'AWS::SecretsManager::Secret')
    .map((resource) => {
      const { Name, ReplicaRegions } = parseProperties(resource, secretShape, { closed: false })
      return { name: Name, regions: [resource.stack.region, ...ReplicaRegions.map(({ Region }) => Region)], origin: originOf(resource) }
    })
}

const secretShape = {
  Name: z.string('needs a name from config: tasks know it by that'),
  ReplicaRegions: z.array(z.object({ Region: z.string() })).default([]),
}
