import type { Deployment } from '../../../config/schema.ts'
import { fixtureZones } from '../demo/fixtures.ts'
import { type Received, startSiteServers } from '../demo/site-servers.ts'
import type { Site } from '../demo/sites.ts'
import { type DemoCaller, startTraffic, type TrafficCounts } from '../demo/traffic.ts'
import type { HealthChange, HealthSnapshot } from '../dns/checkers.ts'
import { type IssuerSite, startIssuerSite } from '../identity/issuer-site.ts'
import { monotonicMs } from '../monotonic.ts'
import type { Profile } from '../profile.ts'
import type { Topology } from '../topology/topology.ts'
import { addressPlan } from '../wan/addresses.ts'
import { startWorld } from '../world.ts'
import type { CutLinks } from './cuts.ts'

// One process for everything outside the cells: DNS, health checkers, the WAN, tools and partners, demo traffic. Together
// they need little, and none of them is lost in a drill of its own.

/** What the supervisor says to start it. Plain data. */
export interface WorldConfig {
  topology: Topology
  deployment: Deployment
  profile: Profile
  ports: { dns: number; wan: Record<string, number> }
  /** Local port of each region's gateway, running or not: a dead one refuses connections by itself. */
  gatewayPorts: Record<string, number>
  sites: readonly Site[]
  /** The operators' OpenID provider, and the place where it stands. */
  login: IssuerSite & { place: string }
  certificate: { cert: string; key: string }
  /** Empty: no demo traffic. */
  callers: readonly DemoCaller[]
}

/** A tool whose servers say another definition of it than was registered, or that one again. */
export interface Drift {
  tool: string
  drifted: boolean
}

/** Commands of the supervisor, each with what it answers. */
export interface WorldCommands {
  start: { args: { config: WorldConfig }; result: undefined }
  health: { args: object; result: HealthSnapshot & { nowMs: number } }
  received: { args: { host?: string; region?: string; tool?: string }; result: Received[] }
  tokens: { args: { tokens: Record<string, string> }; result: undefined }
  traffic: { args: object; result: TrafficCounts | null }
  /** The whole of what is cut: what is not named is connected. */
  cut: { args: { links: CutLinks }; result: undefined }
  definition: { args: Drift; result: undefined }
}

/** Sent without being asked. */
export type WorldMessage = { type: 'loaded' } | { type: 'running' } | { type: 'health'; change: HealthChange }

type Handlers = {
  [C in keyof WorldCommands]: (args: WorldCommands[C]['args']) => WorldCommands[C]['result'] | Promise<WorldCommands[C]['result']>
}

const say = (message: WorldMessage | object) => process.send?.(message)

let handlers: Partial<Handlers> = {
  async start({ config }) {
    handlers = await run(config)
    say({ type: 'running' })
    return undefined
  },
}

async function run(config: WorldConfig): Promise<Handlers> {
  const { deployment } = config
  const plan = addressPlan(deployment)
  const servers = await startSiteServers(config.sites, config.certificate)
  const issuer = await startIssuerSite(config.login.documents, config.certificate)
  const login: Site = { host: config.login.host, port: config.login.port, region: config.login.place }
  const sites = [...config.sites, login]
  const addresses = siteAddresses(sites, plan.host)
  const addressOf = (site: Site) => addresses.get(site.host) ?? ''
  const world = await startWorld({
    ...config,
    gatewayPort: (region) => config.gatewayPorts[region],
    targets: [...servers.sites, { ...login, localPort: issuer.localPort }].map((site) => ({
      address: addressOf(site),
      port: site.port,
      localPort: site.localPort,
      region: site.region,
    })),
    fixtures: fixtureZones(sites, addressOf),
  })
  world.onHealthChange((change) => say({ type: 'health', change }))
  const traffic = config.callers.length === 0 ? undefined : startTraffic({ callers: config.callers })
  return {
    start: () => Promise.reject(new Error('the world is already running')),
    health: () => ({ ...world.health(), nowMs: monotonicMs() }),
    received: (filter) => servers.received(filter),
    tokens: ({ tokens }) => void traffic?.setTokens(tokens),
    traffic: () => traffic?.counts() ?? null,
    definition: ({ tool, drifted }) => void servers.setDrift(tool, drifted),
    cut: ({ links }) => void world.cut(links.between, links.isolated),
  }
}

const FIRST_SITE = 20
const LAST_HOST = 254

/** Each host's address in the network of its region, from .20 on. */
function siteAddresses(sites: readonly Site[], hostAt: (region: string, n: number) => string): Map<string, string> {
  const next = new Map<string, number>()
  const addresses = new Map<string, string>()
  for (const { host, region } of sites) {
    if (addresses.has(host)) continue
    const n = next.get(region) ?? FIRST_SITE
    if (n > LAST_HOST) throw new Error(`${region} has more hosts than addresses: ${LAST_HOST - FIRST_SITE + 1} fit`)
    addresses.set(host, hostAt(region, n))
    next.set(region, n + 1)
  }
  return addresses
}

process.on('message', async (message: { id: number; command: keyof WorldCommands }) => {
  const handle = handlers[message.command] as ((args: object) => unknown) | undefined
  try {
    if (handle === undefined) throw new Error(`unknown command ${message.command}`)
    say({ type: 'reply', id: message.id, ok: true, result: await handle(message) })
  } catch (error) {
    say({ type: 'reply', id: message.id, ok: false, error: (error as Error).message })
  }
})
say({ type: 'loaded' })
