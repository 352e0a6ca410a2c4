import { fileURLToPath } from 'node:url'
import { sharedNames } from '../../../config/names.ts'
import type { Deployment } from '../../../config/schema.ts'
import type { Profile } from '../profile.ts'
import type { StoresConfigInput } from '../stores/config.ts'
import type { Cell, Origin, Topology } from '../topology/topology.ts'
import { rttMatrix } from '../wan/rtt.ts'
import { ask } from './ask.ts'
import type { ChildSpec } from './child.ts'
import { childEnvironment, telemetryEnvironment } from './config.ts'
import { gatewayEnvironment } from './gateway-environment.ts'
import type { StateLayout } from './layout.ts'
import type { Life } from './life.ts'
import type { FabricPlan } from './plan.ts'
import { ensureSecret } from './secrets.ts'
import type { WorldConfig } from './world-process.ts'

// Which process each part of the fabric is, and how one knows that it is ready.

export interface Surroundings {
  deployment: Deployment
  topology: Topology
  plan: FabricPlan
  layout: StateLayout
  engineEndpoint?: string | undefined
}

const script = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url))

const loopback = (port: number | undefined) => `http://127.0.0.1:${port}`
const STORES_READY_MS = 20_000
const GATEWAY_READY_MS = 60_000
const CONTROL_PLANE_READY_MS = 30_000
const WORLD_READY_MS = 60_000
const POLL_MS = 50

/**
 * V8's helpers of a process share its turn on a core with the very thread that waits for them, so that where cores are few a collection takes
 * several times as long with them as without. In a region of its own a process has cores for helpers, and V8's own defaults.
 */
const ALONE = '--single-threaded-gc'
// Many small processes on one machine: a young generation of 16 MB each would be most of what they need.
const LEAN = [ALONE, '--max-semi-space-size=4']
// Calls wait for a gateway's collections: room for what dies young keeps them seldom.
const ROOMY = [ALONE, '--min-semi-space-size=16', '--max-semi-space-size=16']

/**
 * Tables, bucket, keys and credentials of one region.
 * @param secret of replication, the same for all
 * @param paused peers that are cut off at the moment when it starts
 */
export function storesSpec(
  { deployment, topology, plan, layout, engineEndpoint }: Surroundings,
  region: string,
  { secret, paused }: { secret: string; paused: () => string[] },
): ChildSpec {
  const served = plan.served.map((cell) => cell.region)
  const account = topology.cells.find((cell) => cell.region === region)?.account
  const rtt = rttMatrix(deployment)
  const peers = served.filter((peer) => peer !== region)
  const here = ({ origin }: { origin: Origin }) => origin.region === region && origin.account === account
  const roles = topology.roles.filter(here)
  const signingKeys = topology.keys.filter((key) => here(key) && key.spec === 'ECC_NIST_P256')
  const gatewayRights = topology.cells.find((cell) => cell.region === region)?.tableRights
  const config = (): StoresConfigInput => ({
    region,
    ...(account !== undefined && { account }),
    port: plan.ports.stores[region] ?? 0,
    dataDir: layout.regionData(region),
    tables: topology.tables
      .filter(({ replicas }) => replicas.includes(region))
      // A region that does not run here would be a replica that is never reached.
      .map(({ origin: _, gsis, replicas, ...table }) => ({
        ...table,
        gsis: gsis.map((gsi) => ({ ...gsi })),
        replicas: replicas.filter((replica) => served.includes(replica)),
      })),
    ...(engineEndpoint !== undefined && { tableEndpoint: engineEndpoint }),
    ...(gatewayRights !== undefined && { gatewayRights }),
    buckets: topology.buckets.filter(here).map(({ name }) => name),
    keysDir: layout.keys(region),
    keys: signingKeys.flatMap(({ aliases }) => aliases),
    roles: roles.map(({ arn, needsSourceIdentity }) => ({ arn, needsSourceIdentity })),
    // Of the other keys the signer is the task's own role, which nobody takes by STS: its credentials are the ones at hand.
    signers: Object.fromEntries(
      signingKeys.flatMap(({ aliases, signerRole }) =>
        signerRole !== undefined && roles.some(({ arn }) => arn === signerRole) ? aliases.map((alias) => [alias, signerRole]) : [],
      ),
    ),
    replication: {
      secret,
      peers: Object.fromEntries(peers.map((peer) => [peer, loopback(plan.ports.stores[peer])])),
      lagMs: Object.fromEntries(peers.map((peer) => [peer, rtt(region, peer) / 2])),
      paused: paused(),
    },
  })
  return {
    name: 'stores',
    region,
    script: script('fabric/stores/stores.ts'),
    execArgv: LEAN,
    env: childEnvironment(),
    logFile: layout.log(`stores-${region}`),
    hello: () => ({ type: 'start', config: config() }),
    ready: saidReady,
    readyTimeoutMs: STORES_READY_MS,
  }
}

/** The very server of the image, with the environment of its task definition. @param notify JSON of the webhooks */
export function gatewaySpec({ plan, layout }: Surroundings, cell: Cell, notify: string): ChildSpec {
  const { region } = cell
  const port = plan.ports.gateway[region] ?? 0
  const environment = gatewayEnvironment(cell.environment, {
    port,
    operatorPort: plan.ports.operator[region] ?? 0,
    secrets: Object.fromEntries(Object.entries(cell.secrets).map(([variable, name]) => [variable, ensureSecret(layout.secret(name))])),
    notify,
    spoolDir: layout.spool(region),
    stores: loopback(plan.ports.stores[region]),
    dns: `127.0.0.1:${plan.ports.dns}`,
    egressProxy: loopback(plan.ports.wan[region]),
    caFile: layout.authority.caCert,
  })
  return {
    name: 'gateway',
    region,
    script: script('gateway/server.ts'),
    execArgv: ROOMY,
    env: { ...childEnvironment(environment), ...telemetryEnvironment() },
    logFile: layout.log(`gateway-${region}`),
    ready: (life) => answers(`${loopback(port)}/health/ready`, life),
    readyTimeoutMs: GATEWAY_READY_MS,
  }
}

/** Rollouts on one machine are watched for moments: what is measured there is gone in moments too. */
const COMPRESSED_ROLLOUT = { canaryBakeS: 0.5, regionBakeS: 0.25, silentS: 10, canarySharePercent: 50 }

/** @param documentsDir folder that it takes over at the start */
export function controlPlaneSpec({ deployment, topology, plan, layout }: Surroundings, documentsDir: string, profile: Profile): ChildSpec {
  const port = plan.ports.controlPlane
  return {
    name: 'control-plane',
    script: script('control-plane/server.ts'),
    execArgv: LEAN,
    env: childEnvironment({
      AEGIS_ENVIRONMENT: deployment.environment,
      AEGIS_HOST: '127.0.0.1',
      AEGIS_PORT: String(port),
      AEGIS_TRUST_FILE: layout.trustFile,
      AEGIS_DOCUMENTS_DIR: documentsDir,
      AEGIS_DEPLOYED_HOSTS: JSON.stringify(topology.allowedHosts.map(({ hosts, origin: { region, stack } }) => ({ region, stack, hosts }))),
      ...(profile === 'compressed' && { AEGIS_ROLLOUT: JSON.stringify(COMPRESSED_ROLLOUT) }),
      AEGIS_REGIONS: plan.served.map(({ region }) => region).join(','),
      AEGIS_REGION_ENDPOINTS: JSON.stringify(
        Object.fromEntries(plan.served.map(({ region }) => [region, loopback(plan.ports.stores[region])])),
      ),
      AWS_REGION: deployment.homeRegion,
      AWS_ENDPOINT_URL_KMS: loopback(plan.ports.controlStores),
      AWS_ENDPOINT_URL_S3: loopback(plan.ports.controlStores),
      // The operators' OpenID provider stands in the world: reached from the control plane's place, by Node's own proxy support.
      NODE_USE_ENV_PROXY: '1',
      HTTPS_PROXY: loopback(plan.ports.wan[deployment.homeRegion]),
      NO_PROXY: '127.0.0.1',
      NODE_EXTRA_CA_CERTS: layout.authority.caCert,
    }),
    // What somebody edits while gateways serve is published by its commands, ring by ring: no restart of this process does it for them.
    laterEnv: { AEGIS_DOCUMENTS_WHEN: 'empty' },
    logFile: layout.log('control-plane'),
    yields: true,
    ready: (life) => answers(`${loopback(port)}/health/live`, life),
    readyTimeoutMs: CONTROL_PLANE_READY_MS,
  }
}

/** @param gate what its health checkers must not probe before: an endpoint that is still starting would count as failed */
export function worldSpec({ layout }: Surroundings, config: WorldConfig, gate: Promise<unknown>): ChildSpec {
  return {
    name: 'world',
    script: script('fabric/supervisor/world-process.ts'),
    execArgv: LEAN,
    env: childEnvironment(),
    logFile: layout.log('world'),
    ready: async (life) => {
      await said(life, 'loaded')
      await gate
      await life.request('start', { config })
    },
    readyTimeoutMs: WORLD_READY_MS,
  }
}

/** What the control account has: keys, and the control plane's own bucket. Held by the supervisor itself. */
export function controlStoresConfig({ deployment, plan, layout }: Omit<Surroundings, 'topology'>): StoresConfigInput {
  return {
    region: deployment.homeRegion,
    account: deployment.accounts.control,
    port: plan.ports.controlStores,
    dataDir: layout.regionData('control'),
    buckets: [sharedNames(deployment).controlStore],
    keysDir: layout.keys('control'),
    keys: [sharedNames(deployment).bundleSigningKey],
  }
}

function saidReady(life: Life): Promise<void> {
  return new Promise((resolve, reject) => {
    life.onMessage((message) => {
      const { type, error } = message as { type?: string; error?: string }
      if (type === 'ready') resolve()
      if (type === 'failed') reject(new Error(`cannot start: ${error}`))
    })
  })
}

function said(life: Life, type: string): Promise<void> {
  return new Promise((resolve) => life.onMessage((message) => (message as { type?: string }).type === type && resolve()))
}

/** Polls until the URL answers 200 or the process has ended. */
async function answers(url: string, life: Life): Promise<void> {
  let over = false
  void life.exited.then(() => {
    over = true
  })
  while (!over) {
    if ((await ask(url))?.status === 200) return
    await new Promise((resolve) => setTimeout(resolve, POLL_MS))
  }
  throw new Error('ended before it was ready')
}
