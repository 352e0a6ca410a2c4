import { randomBytes } from 'node:crypto'
import { rmSync } from 'node:fs'
import type { Deployment } from '../../../config/schema.ts'
import type { Documents } from '../../policy/documents.ts'
import { demoCallers, isScenery } from '../demo/callers.ts'
import { operatorTokens } from '../identity/operators.ts'
import { startStores } from '../stores/region-stores.ts'
import { readTopology } from '../topology/read.ts'
import type { Cell } from '../topology/topology.ts'
import { CONTROL_PLANE, type LocalCell, type RegionFaults, regionFaults } from './cells.ts'
import { type Child, type ChildSpec, supervisedChild } from './child.ts'
import { startControlApi } from './control-api.ts'
import { type Cuts, regionCuts } from './cuts.ts'
import { demoTokens } from './demo-tokens.ts'
import { type EventLog, eventLog } from './events.ts'
import { type FabricFile, fabricFile, type SupervisorFile } from './fabric-file.ts'
import { writePrivately } from './files.ts'
import { untilHomesServe } from './homes.ts'
import { type StateLayout, stateLayout } from './layout.ts'
import { takeLock } from './lock.ts'
import type { Outside } from './outside.ts'
import { controlPlaneSpec, controlStoresConfig, gatewaySpec, type Surroundings, storesSpec, worldSpec } from './parts.ts'
import { type FabricOptions, planFabric } from './plan.ts'
import { clearState, ensureAssembly, ensureSites, ensureTrustRoot, readDocuments } from './prepare.ts'
import { type Started, started } from './started.ts'
import type { Assembly } from './synthesis.ts'
import { type RegionHealth, worldLink } from './world-link.ts'

export interface Fabric {
  /** What `fabric.json` says. */
  file: FabricFile
  supervisor: SupervisorFile
  layout: StateLayout
  /** Ends everything and removes the files; state stays for the next start. */
  close(): Promise<void>
}

/** Who watches the start. */
export interface Watcher {
  /** Runs a step and shows it. */
  step<T>(name: string, work: () => Promise<T>): Promise<T>
  /** One line about something that happened. */
  report(line: string): void
}

/** A start under way. */
export interface Start {
  /**
   * Resolves when every gateway is ready and the files are written; when a step fails, everything that ran is ended first.
   * Rejects with FabricRunningError, UsageError, DocumentError, or an Error that names the part.
   */
  ready: Promise<Fabric>
  /** Ends everything at whatever point it is. */
  close(): Promise<void>
  /** SIGKILL to every child, without waiting: for the last moment. */
  killNow(): void
}

/** Starts all regions on this machine, from keys to demo traffic. */
export function startFabric(deployment: Deployment, options: FabricOptions, watcher: Watcher): Start {
  const parts = started(watcher.report)
  const children: Child[] = []
  const giveUp = new AbortController()
  const { signal } = giveUp
  const step: Watcher['step'] = (name, work) => {
    if (signal.aborted) throw new Error('the start was interrupted')
    return watcher.step(name, work)
  }
  const ready = bringUp(deployment, options, { ...watcher, step, signal, parts, children }).catch(async (error) => {
    await parts.close()
    throw error
  })
  return {
    ready,
    async close() {
      giveUp.abort()
      // Children first: a step that still waits for one then fails at once instead of starting more.
      await Promise.all(children.map((child) => child.stop(CHILD_GRACE_MS)))
      await parts.close()
      await ready.catch(() => {})
    },
    killNow: () => {
      giveUp.abort()
      for (const child of children) child.killNow()
    },
  }
}

type Stage = Watcher & { signal: AbortSignal; parts: Started; children: Child[] }

async function bringUp(deployment: Deployment, options: FabricOptions, stage: Stage): Promise<Fabric> {
  const { documents, documentsDir } = readDocuments(deployment)
  const layout = stateLayout(options.stateDir)
  stage.parts.onClose((await takeLock(layout.lock)).release)
  clearState(layout, options.reset)
  const plan = await planFabric(deployment, options)
  const made = await stage.step('keys and certificates', async () => ({
    trustFile: await ensureTrustRoot(deployment, layout),
    ...(await ensureSites(deployment, documents, layout)),
  }))
  const assembly = await stage.step('templates', () => ensureAssembly(layout, made.trustFile, documentsDir, stage.signal))
  const topology = readTopology(assembly.folder, deployment)
  const surroundings: Surroundings = { deployment, topology, plan, layout, engineEndpoint: options.engineEndpoint }
  const running = await startParts(surroundings, options, { documents, documentsDir, ...made }, stage)
  return await publishFiles({ surroundings, options, assembly, documents, outside: made.outside, ...running }, stage)
}

type Made = { documents: Documents; documentsDir: string } & Awaited<ReturnType<typeof ensureSites>>

/** Starts every process, as many at once as do not need one another. */
async function startParts(surroundings: Surroundings, options: FabricOptions, made: Made, stage: Stage) {
  const { documents, sites, outside, certificate } = made
  const { deployment, topology, plan } = surroundings
  const { step, report, parts, children } = stage
  const events = eventLog()
  const child = (spec: ChildSpec) => {
    const made = supervisedChild(spec, { emit: events.append, report })
    children.push(made)
    return made
  }
  parts.onClose(() => Promise.all(children.map((one) => one.stop(CHILD_GRACE_MS))))

  const gatewaysReady = Promise.withResolvers<void>()
  const callers = options.traffic ? demoCallers(deployment, documents, plan.ports.wan) : []
  const { dns, wan, gateway: gatewayPorts } = plan.ports
  const world = child(
    worldSpec(
      surroundings,
      {
        ...{ topology, deployment, profile: options.profile, ports: { dns, wan }, gatewayPorts, sites, certificate, callers },
        login: { ...outside.login, place: outside.place },
      },
      gatewaysReady.promise,
    ),
  )
  const link = worldLink(world, events)
  const worldUp = world.start()
  // Awaited below; until then a failure must not look unhandled.
  worldUp.catch(() => {})

  const cuts = regionCuts({
    regions: plan.served.map(({ region }) => region),
    cutLinks: link.cut,
    replicate: async (region, peer, paused) => {
      const stores = cells.find((cell) => cell.region === region)?.children[0]
      // One that is down is told when it starts.
      if (stores?.state() === 'up') await stores.request(paused ? 'pauseReplication' : 'resumeReplication', { peer })
    },
  })
  const cells = plan.served.map(({ region, zone }) => {
    const stores = child(storesSpec(surroundings, region, { secret: replicationSecret, paused: () => cuts.pausedPeers(region) }))
    const gateway = child(gatewaySpec(surroundings, cellOf(topology.cells, region), outside.notify))
    return { region, zone, children: [stores, gateway] as const }
  })
  await step('tables, buckets and keys', async () => {
    const controlStores = await startStores(controlStoresConfig(surroundings))
    parts.onClose(controlStores.close)
    await Promise.all(cells.map(({ children: [stores] }) => stores.start()))
  })
  const controlPlane = child(controlPlaneSpec(surroundings, made.documentsDir, options.profile))
  await step('control plane and gateways', () =>
    Promise.all([controlPlane.start(), ...cells.map(({ children: [, gateway] }) => gateway.start())]),
  )
  await step('DNS, WAN and tools', async () => {
    gatewaysReady.resolve()
    await worldUp
    await link.untilHealth((health) => isSettled(health, plan.served), SETTLE_MS[options.profile])
  })
  await step('homes of region-bound tenants', () =>
    untilHomesServe(
      {
        tenants: documents.tenants.filter(({ binding }) => binding === 'region'),
        served: plan.served,
        operator: (region) => `http://127.0.0.1:${plan.ports.operator[region]}`,
        token: operatorTokens(outside.issuer, []).operator_tokens.viewer,
      },
      report,
    ),
  )
  return { cells, controlPlane, cuts, events, link, children }
}

interface Running {
  surroundings: Surroundings
  options: FabricOptions
  assembly: Assembly
  documents: Documents
  cells: readonly LocalCell[]
  controlPlane: Child
  children: readonly Child[]
  events: EventLog
  link: ReturnType<typeof worldLink>
  cuts: Cuts
  outside: Outside
}

/** Opens the control API and says to the world where everything is: last, because the files mean that all is ready. */
async function publishFiles(running: Running, { parts, report }: Stage): Promise<Fabric> {
  const { surroundings, options, documents, outside, cells, controlPlane, link } = running
  const { deployment, plan, layout } = surroundings
  const faults: RegionFaults = regionFaults([...cells, { region: CONTROL_PLANE, zone: '', children: [controlPlane] }], report)
  parts.onClose(faults.close)
  const tokens = demoTokens(deployment, documents, {
    served: plan.served,
    endpoint: (region) => `http://127.0.0.1:${plan.ports.stores[region]}`,
  })
  const token = secret()
  const control = await startControlApi({ ...running, faults, tokens, token })
  parts.onClose(control.close)
  const supervisor: SupervisorFile = { url: control.url, token, pid: process.pid }
  parts.onClose(() => rmSync(layout.supervisorFile, { force: true }))
  writePrivately(layout.supervisorFile, `${JSON.stringify(supervisor, null, 2)}\n`)

  const writeFile = async () => {
    const fresh = await tokens.refresh()
    const file = fabricFile(deployment, plan, options.profile, {
      demo_tokens: Object.fromEntries(Object.entries(fresh).filter(([agent]) => !isScenery(agent))),
      ...operatorTokens(
        outside.issuer,
        documents.tenants.map(({ id }) => id),
      ),
    })
    writePrivately(layout.fabricFile, `${JSON.stringify(file, null, 2)}\n`)
    // A world that is just away gets them when it is back.
    await link.setTokens(fresh).catch(() => {})
    return file
  }
  parts.onClose(() => rmSync(layout.fabricFile, { force: true }))
  const file = await writeFile()
  const renewal = setInterval(() => {
    writeFile().catch((error: Error) => report(`fabric.json was not renewed: ${error.message}`))
  }, TOKENS_RENEWED_EVERY_MS)
  parts.onClose(() => clearInterval(renewal))
  return { file, supervisor, layout, close: parts.close }
}

const TOKENS_RENEWED_EVERY_MS = 30 * 60_000
/** How long the health checkers may take to see what runs and what does not. */
const SETTLE_MS = { compressed: 10_000, deployed: 60_000 } as const
const CHILD_GRACE_MS = 3000

const secret = () => randomBytes(32).toString('base64url')
const replicationSecret = secret()

function cellOf(cells: readonly Cell[], region: string): Cell {
  const cell = cells.find((candidate) => candidate.region === region)
  if (cell === undefined) throw new Error(`the templates have no gateway for ${region}`)
  return cell
}

/** What the checkers must have seen before clients are let in: that what runs is up, and that the rest is not. */
function isSettled(health: readonly RegionHealth[], served: readonly { region: string }[]): boolean {
  return health.every(({ region, state }) => (state === 'healthy') === served.some((cell) => cell.region === region))
}
