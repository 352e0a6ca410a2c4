import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { KMSClient } from '@aws-sdk/client-kms'
import { S3Client } from '@aws-sdk/client-s3'
import { startStores } from '../../runtime/fabric/stores/region-stores.ts'

/** One region's bucket and signing key on this machine, with the SDK's clients pointed at them. */
export async function testBucketAndKey(bucket: string, alias: string) {
  const directory = mkdtempSync(join(tmpdir(), 'aegis-stores-'))
  const stores = await startStores({
    region: 'eu-west-1',
    dataDir: join(directory, 'data'),
    buckets: [bucket],
    keysDir: join(directory, 'keys'),
    keys: [alias],
  })
  const common = {
    region: 'eu-west-1',
    endpoint: stores.url,
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
    maxAttempts: 1,
  }
  return {
    kms: new KMSClient(common),
    s3: new S3Client({ ...common, forcePathStyle: true }),
    async close() {
      await stores.close()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}
