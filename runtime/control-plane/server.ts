import { isAbsolute } from 'node:path'
import { fileURLToPath } from 'node:url'
import { KMSClient } from '@aws-sdk/client-kms'
import { S3Client } from '@aws-sdk/client-s3'
import closeWithGrace from 'close-with-grace'
import { deployment as input } from '../../config/deployment.ts'
import { publicNames, sharedNames } from '../../config/names.ts'
import { resolveDeployment } from '../../config/resolve.ts'
import { type Deployment, regionsOf } from '../../config/schema.ts'
import { isPlaceholder, loadTrustRoot } from '../../config/trust.ts'
import { kmsSigner } from '../identity/kms-signer.ts'
import type { ObjectArchive } from '../model/ports.ts'
import { POLICIES_DIR } from '../policy/build.ts'
import { compilePolicy } from '../policy/compiler.ts'
import { knownBuilt } from '../policy/modules.ts'
import { findOpa } from '../policy/opa.ts'
import { publicJwk } from '../policy/trust.ts'
import { s3ObjectStore } from '../state/object-store.ts'
import { controlPlaneOperators } from './api/operators.ts'
import { buildControlPlane } from './app.ts'
import { awsCell } from './aws-cell.ts'
import { bootstrap } from './bootstrap.ts'
import { type ControlPlaneConfig, loadConfig } from './config.ts'
import { tenantsOf } from './directory/state.ts'
import { startLoops } from './loops.ts'
import { opaShelf } from './opa-shelf.ts'
import { createPlane, type Plane } from './plane.ts'
import { createRegistration, type Registration } from './registration.ts'
import { createReplaying } from './replaying.ts'
import { rolloutSettings } from './settings.ts'
import { seedStore } from './store/seed.ts'

// The process of the control plane. It owns signals, the port and the exit code; what it knows stands in its store and in the regions.

// Many chances before anything expires: a region that is away for hours still gets a fresh one in time.
const RENEWALS_WITHIN_MAXIMUM_AGE = 12
const RETRY_MS = 2000
/** The SDK waits this long for the control plane's own store. */
const STORE_TIMEOUT_MS = 10_000

const clock = { now: Date.now, monotonic: () => performance.now() }
const log = (event: object) => console.log(JSON.stringify({ time: new Date().toISOString(), ...event }))

try {
  await serve(loadConfig())
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exit(2)
}

async function serve(config: ControlPlaneConfig): Promise<void> {
  const deployment = resolveDeployment(input, config.environment)
  const settings = rolloutSettings(deployment, config.rollout)
  const s3 = storeClient(deployment, config)
  const storeName = config.storeBucket ?? sharedNames(deployment).controlStore
  const store = s3ObjectStore(s3, storeName)
  const plane = await makePlane({ deployment, config, rollout: settings, store, storeName })
  const registration = makeRegistration(plane, deployment, config)
  const directory = async () => (await plane.directory.of(plane.kernel.state())).state
  const cells = cellsOf(deployment, config)
  const names = publicNames(deployment)
  let open = false
  const bundles = opaShelf(plane, log)
  const app = buildControlPlane({
    plane,
    registration,
    replaying: createReplaying({ cells, releases: plane.releases, shelf: plane.shelf, directory, clock }),
    bundles,
    operators: controlPlaneOperators({ issuer: names.operatorIssuer, audience: names.operatorAudience, clock }),
    settings,
    clock,
    isOpen: () => open && !plane.couriers.superseded(),
  })
  let stopLoops = async () => {}
  let closing = false
  closeWithGrace({ delay: 5000, logger: false }, async ({ err }) => {
    if (err !== undefined) console.error(err)
    closing = true
    bundles.close()
    await app.close()
    await stopLoops()
  })
  await app.listen({ host: config.host, port: config.port })
  await retried(async () => {
    if (config.storeCopyBucket !== undefined)
      log({ event: 'seeded', ...(await seedStore(s3ObjectStore(s3, config.storeCopyBucket), store)) })
    await plane.open()
    await plane.refreshKeys()
  })
  open = true
  stopLoops = startLoops(plane, { log })
  const { documentsDir, documentsWhen } = config
  if (documentsDir !== undefined && (documentsWhen === 'start' || plane.kernel.state().active === null))
    await retried(() => bootstrap({ plane, registration, documentsDir: fromRepository(documentsDir), policiesDir: POLICIES_DIR, log }))

  async function retried(work: () => Promise<void>): Promise<void> {
    let told: string | undefined
    while (!closing) {
      try {
        return await work()
      } catch (error) {
        const detail = String(error)
        if (detail !== told) log({ event: 'failed', detail })
        told = detail
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS))
      }
    }
  }
}

/** Of the buckets that the control plane's region has: its store, and a copy that it may begin with. */
function storeClient({ homeRegion }: Deployment, { controlRegion = homeRegion }: ControlPlaneConfig): S3Client {
  const requestHandler = { connectionTimeout: STORE_TIMEOUT_MS, requestTimeout: STORE_TIMEOUT_MS }
  return new S3Client({ region: controlRegion, forcePathStyle: true, requestHandler })
}

interface PlaneParts {
  deployment: Deployment
  config: ControlPlaneConfig
  rollout: ReturnType<typeof rolloutSettings>
  store: ObjectArchive
  storeName: string
}

async function makePlane({ deployment, config, rollout, store, storeName }: PlaneParts): Promise<Plane> {
  const region = config.controlRegion ?? deployment.homeRegion
  const { keyId, sign, publicJwk: jwk } = await kmsSigner(new KMSClient({ region }), sharedNames(deployment).bundleSigningKey)
  const trustRoot = loadTrustRoot(fromRepository('config/trust'), deployment.environment, config.trustFile)
  if (!isPlaceholder(trustRoot) && !trustRoot.keys.some(({ kid }) => kid === keyId))
    throw new Error(`the signing key of ${region} (${keyId}) is not in the trust root: gateways would believe nothing that it signs`)
  const maxAgeMs = deployment.bundleMaxAgeH * 3_600_000
  return createPlane({
    cells: cellsOf(deployment, config),
    zones: zonesOf(deployment),
    absent: absentOf(deployment),
    stage: deployment.stage,
    ring: config.ring,
    term: config.term,
    store,
    storeName,
    signer: { keyId, sign, publicJwk: publicJwk.parse(jwk) },
    trustedKeys: trustRoot.keys,
    maxAgeMs,
    renewEveryMs: maxAgeMs / RENEWALS_WITHIN_MAXIMUM_AGE,
    keyOverlapMs: config.keyOverlapMs,
    rollout,
    twoPeople: deployment.rollout.twoPeople,
    clock,
    log,
  })
}

function makeRegistration(plane: Plane, deployment: Deployment, { deployedHosts }: ControlPlaneConfig): Registration {
  const { kernel, registry } = plane
  return createRegistration({
    kernel,
    registry,
    clock,
    log,
    directory: async () => (await plane.directory.of(kernel.state())).state,
    compile: (sources, directory) =>
      compilePolicy(sources, {
        tenants: tenantsOf(directory),
        clients: Object.entries(directory.clients).map(([agent, fields]) => ({ agent, ...fields })),
        zones: zonesOf(deployment),
        deployedHosts,
        knownModules: (digest) => knownBuilt(digest) ?? registry.modules(digest),
        opa: findOpa,
      }),
  })
}

function cellsOf(deployment: Deployment, { regions, ring, regionEndpoints }: ControlPlaneConfig) {
  const served = regionsOf(deployment).filter(({ region }) => regions?.includes(region) ?? true)
  return served.map((cell) => awsCell(deployment, { ...cell, ring, endpoint: regionEndpoints[cell.region] }))
}

/** As they are planned: where a jurisdiction ends is no matter of how far a deployment has come. */
function zonesOf({ plannedZones }: Deployment): Record<string, readonly string[]> {
  return Object.fromEntries(Object.entries(plannedZones).map(([zone, { regions }]) => [zone, regions]))
}

function absentOf(deployment: Deployment): string[] {
  const there = regionsOf(deployment).map(({ region }) => region)
  return Object.values(zonesOf(deployment))
    .flat()
    .filter((region) => !there.includes(region))
}

function fromRepository(path: string): string {
  return isAbsolute(path) ? path : fileURLToPath(new URL(`../../${path}`, import.meta.url))
}
