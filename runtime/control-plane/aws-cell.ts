import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { KMSClient } from '@aws-sdk/client-kms'
import { S3Client } from '@aws-sdk/client-s3'
import { cellNames, publicNames, type SigningKey } from '../../config/names.ts'
import type { Deployment } from '../../config/schema.ts'
import { kmsPublicJwk } from '../identity/kms-signer.ts'
import { publicJwk } from '../policy/trust.ts'
import { globalFleet } from '../state/fleet.ts'
import { s3ObjectStore } from '../state/object-store.ts'
import { claimTerm, readPointers, writeCandidate, writePointer } from '../state/pointers.ts'
import { globalReplays } from '../state/replays.ts'
import type { Cell } from './cell.ts'

/** A region that does not answer in time is away: it is asked again later, and the others do not wait. */
const TIMEOUT_MS = 2000
/** A gateway that has said nothing for so long is taken for gone. */
const REPORT_AGE_MS = 15_000

export interface CellPlace {
  region: string
  zone: string
  /** Whose pointer is moved. */
  ring: string
  /** Base URL of the region's DynamoDB, S3 and KMS. Default: AWS's own. */
  endpoint?: string | undefined
}

/** One region by the AWS SDK. */
export function awsCell(deployment: Deployment, { region, zone, ring, endpoint }: CellPlace): Cell {
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
  const fleet = globalFleet(dynamodb, table)
  const replays = globalReplays(dynamodb, table)
  const iss = publicNames(deployment).regionUrl(region)
  const publicKey = async (purpose: SigningKey) => publicJwk.parse(await kmsPublicJwk(kms, names.signingKeyArn(purpose)))
  return {
    region,
    zone,
    objects: s3ObjectStore(new S3Client({ ...common, forcePathStyle: true }), names.bundleBucket),
    readPointers: (of) => readPointers(dynamodb, table, of, ring),
    claimTerm: (term, store) => claimTerm(dynamodb, table, region, term, store),
    writePointer: (pointer, term) => writePointer(dynamodb, table, pointer, term),
    writeCandidate: (candidate, term) => writeCandidate(dynamodb, table, candidate, term),
    readFleet: () => fleet.read(region, { nowMs: Date.now(), maxAgeMs: REPORT_AGE_MS }),
    orderReplay: (order) => replays.order(order),
    readReplay: (id) => replays.result(region, id),
    readIssuer: async () => ({ iss, region, zone, keys: [await publicKey('token')] }),
    readAttester: async () => {
      const [approval, dataProtection] = await Promise.all([publicKey('approval'), publicKey('data-protection')])
      return { region, zone, approval, data_protection: dataProtection }
    },
  }
}
