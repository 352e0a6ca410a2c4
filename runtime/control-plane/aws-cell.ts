import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { KMSClient } from '@aws-sdk/client-kms'
import { S3Client } from '@aws-sdk/client-s3'
import { cellNames, publicNames } from '../../config/names.ts'
import type { Deployment } from '../../config/schema.ts'
import { kmsPublicJwk } from '../identity/kms-signer.ts'
import { publicJwk } from '../policy/trust.ts'
import { s3ObjectStore } from '../state/object-store.ts'
import { readPointer, readPointers, writePointer } from '../state/pointers.ts'
import type { Cell } from './cell.ts'

/** A region that does not answer in time is away: it is asked again later, and the others do not wait. */
const TIMEOUT_MS = 2000

/** One region by the AWS SDK. @param endpoint base URL of its DynamoDB, S3 and KMS; default: AWS's own */
export function awsCell(deployment: Deployment, { region, zone }: { region: string; zone: string }, endpoint?: string): Cell {
  const names = cellNames(deployment, region, zone)
  // The control plane has an account of its own: a bare name would mean its own table or key.
  const table = names.globalTableArn
  const common = {
    region,
    maxAttempts: 1,
    requestHandler: { connectionTimeout: TIMEOUT_MS, requestTimeout: TIMEOUT_MS },
    ...(endpoint !== undefined && { endpoint }),
  }
  const dynamodb = new DynamoDBClient(common)
  const kms = new KMSClient(common)
  const iss = publicNames(deployment).regionUrl(region)
  return {
    region,
    zone,
    objects: s3ObjectStore(new S3Client({ ...common, forcePathStyle: true }), names.bundleBucket),
    readPointer: (ring) => readPointer(dynamodb, table, region, ring),
    readPointers: (of) => readPointers(dynamodb, table, of),
    writePointer: (pointer) => writePointer(dynamodb, table, pointer),
    readIssuer: async () => ({ iss, region, zone, keys: [publicJwk.parse(await kmsPublicJwk(kms, names.signingKeyArn('token')))] }),
  }
}
