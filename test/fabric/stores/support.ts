import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { KMSClient } from '@aws-sdk/client-kms'
import { S3Client } from '@aws-sdk/client-s3'
import type { TableShape } from '../../../runtime/fabric/stores/tables/shape.ts'

export const REGIONS = ['eu-west-1', 'us-east-1', 'ap-southeast-1']
export const SECRET = 'a secret of the test, long enough'

/** A table as the templates have them: string keys `pk` and `sk`. */
export function table(name: string, replicas: string[] = [], gsis: object[] = []): TableShape {
  return {
    name,
    keySchema: [
      { AttributeName: 'pk', KeyType: 'HASH' },
      { AttributeName: 'sk', KeyType: 'RANGE' },
    ],
    attributeDefinitions: [
      { AttributeName: 'pk', AttributeType: 'S' },
      { AttributeName: 'sk', AttributeType: 'S' },
      ...(gsis.length > 0 ? [{ AttributeName: 'status', AttributeType: 'S' }] : []),
    ],
    gsis,
    replicas,
  }
}

export const BY_STATUS = {
  IndexName: 'by-status',
  KeySchema: [
    { AttributeName: 'status', KeyType: 'HASH' },
    { AttributeName: 'sk', KeyType: 'RANGE' },
  ],
  Projection: { ProjectionType: 'ALL' },
}

const credentials = { accessKeyId: 'test', secretAccessKey: 'test' }

/** What a test opened, closed in reverse order by `closeAll` after each test. */
export function cleanup() {
  const closers: (() => unknown)[] = []
  return {
    add<T extends { close(): unknown } | { destroy(): unknown }>(resource: T): T {
      closers.push(() => ('close' in resource ? resource.close() : resource.destroy()))
      return resource
    },
    async folder(): Promise<string> {
      const dir = await mkdtemp(join(tmpdir(), 'aegis-stores-'))
      closers.push(() => rm(dir, { recursive: true, force: true }))
      return dir
    },
    onClose(close: () => unknown) {
      closers.push(close)
    },
    async closeAll() {
      for (const close of closers.splice(0).reverse()) await close()
    },
  }
}

const clientOptions = (endpoint: string, region: string) => ({ endpoint, region, credentials, maxAttempts: 1 })

export const dynamo = (endpoint: string, region: string) => new DynamoDBClient(clientOptions(endpoint, region))
export const kms = (endpoint: string, region: string) => new KMSClient(clientOptions(endpoint, region))
export const s3 = (endpoint: string, region: string) => new S3Client({ ...clientOptions(endpoint, region), forcePathStyle: true })

/** Resolves when the condition holds; rejects after `withinMs`, which is only there to end a broken test. */
export async function eventually(what: string, holds: () => boolean | Promise<boolean>, withinMs = 15_000): Promise<void> {
  const end = performance.now() + withinMs
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`did not happen: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}
