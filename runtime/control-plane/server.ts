import { isAbsolute } from 'node:path'
import { fileURLToPath } from 'node:url'
import { KMSClient } from '@aws-sdk/client-kms'
import closeWithGrace from 'close-with-grace'
import { deployment as input } from '../../config/deployment.ts'
import { sharedNames } from '../../config/names.ts'
import { resolveDeployment } from '../../config/resolve.ts'
import { regionsOf } from '../../config/schema.ts'
import { loadTrustRoot } from '../../config/trust.ts'
import { kmsSigner } from '../identity/kms-signer.ts'
import { builtWasm } from '../policy/build.ts'
import { loadDocuments } from '../policy/documents.ts'
import { publicJwk } from '../policy/trust.ts'
import { buildControlPlane } from './app.ts'
import { awsCell } from './aws-cell.ts'
import { type ControlPlaneConfig, loadConfig } from './config.ts'
import { keepPublished } from './keep-published.ts'
import { publisher } from './publisher.ts'

// The process of the control plane. It owns signals, the port and the exit code; nothing that it knows is worth keeping.

// Many chances before anything expires: a region that is away for hours still gets a fresh one in time.
const RENEWALS_WITHIN_MAXIMUM_AGE = 12

try {
  await serve(loadConfig())
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exit(2)
}

async function serve(config: ControlPlaneConfig): Promise<void> {
  const deployment = resolveDeployment(input, config.environment)
  const served = regionsOf(deployment).filter(({ region }) => config.regions?.includes(region) ?? true)
  const log = (event: object) => console.log(JSON.stringify({ time: new Date().toISOString(), ...event }))
  const kms = new KMSClient({ region: deployment.homeRegion })
  const { keyId, sign, publicJwk: jwk } = await kmsSigner(kms, sharedNames(deployment).bundleSigningKey)
  const publishing = publisher({
    cells: served.map((cell) => awsCell(deployment, { ...cell, ring: config.ring, endpoint: config.regionEndpoints[cell.region] })),
    zones: Object.fromEntries(Object.entries(deployment.zones).map(([zone, { regions }]) => [zone, regions])),
    ring: config.ring,
    maxAgeMs: deployment.bundleMaxAgeH * 3_600_000,
    keyOverlapMs: config.keyOverlapMs,
    loadDocuments: () => loadDocuments(fromRepository(config.documentsDir ?? deployment.documentsDir)),
    wasm: builtWasm(),
    signer: { keyId, sign, publicJwk: publicJwk.parse(jwk) },
    trustedKeys: loadTrustRoot(fromRepository('config/trust'), deployment.environment).keys,
    clock: { now: Date.now, monotonic: () => performance.now() },
    log,
  })
  const app = buildControlPlane({ publisher: publishing, publishToken: config.publishToken, log })
  const stopKeeping = keepPublished(publishing, { renewEveryMs: (deployment.bundleMaxAgeH * 3_600_000) / RENEWALS_WITHIN_MAXIMUM_AGE, log })
  closeWithGrace({ delay: 5000, logger: false }, async ({ err }) => {
    if (err !== undefined) console.error(err)
    stopKeeping()
    await app.close()
  })
  await app.listen({ host: config.host, port: config.port })
}

function fromRepository(path: string): string {
  return isAbsolute(path) ? path : fileURLToPath(new URL(`../../${path}`, import.meta.url))
}
