import type { Deployment } from '../../config/schema.ts'
import { type Checkers, type HealthChange, type HealthSnapshot, startCheckers } from './dns/checkers.ts'
import { startDnsServer } from './dns/server.ts'
import { type FixtureZone, type ZoneData, zonesOf } from './dns/zone.ts'
import type { Profile } from './profile.ts'
import type { Topology } from './topology/topology.ts'
import { addressPlan } from './wan/addresses.ts'
import type { Destination } from './wan/dial.ts'
import { createLinks, type LinkFault } from './wan/links.ts'
import { wanProbe } from './wan/probe.ts'
import { rttMatrix } from './wan/rtt.ts'
import { startWan } from './wan/wan.ts'

export interface WorldOptions {
  topology: Topology
  deployment: Deployment
  profile: Profile
  /** Local port of a region's gateway, undefined while none runs. Asked at every connection and probe. */
  gatewayPort: (region: string) => number | undefined
  /** What the WAN knows beside the load balancers: tools and partners. */
  targets?: Target[]
  /** Zones beside those of the templates: tools, partners, hostile names. */
  fixtures?: FixtureZone[]
  /** Default: ephemeral ports. `wan` by place. */
  ports?: { dns?: number; wan?: Record<string, number> }
}

/** A synthetic address and port, and the loopback port that stands for it. */
export interface Target {
  address: string
  port: number
  localPort: number
  region: string
}

/** DNS, health checkers and WAN of one fabric. All but `onHealthChange` takes and gives plain data. */
export interface World {
  /** UDP and TCP, on 127.0.0.1. */
  dnsPort: number
  /** Proxies by place: every region, and every zone for its clients. */
  wanPorts: Record<string, number>
  health(): HealthSnapshot
  /** @returns a function that unsubscribes */
  onHealthChange(listener: (change: HealthChange) => void): () => void
  /** Directed. Places are those of `wanPorts`; a checker's region counts too. */
  setLink(from: string, to: string, fault: LinkFault): void
  /** Cuts a region off from every other place, both ways. Default: blackhole. */
  isolate(region: string, mode?: 'blackhole' | 'reset'): void
  /** Every link ok again. */
  restore(): void
  /** Every link ok but these, held up both ways: between two places each, and around the isolated ones. */
  cut(between: readonly (readonly [string, string])[], isolated: readonly string[]): void
  /** Where an address really is; undefined: nobody listens there any more. A new address needs its region. */
  setTarget(address: string, port: number, localPort: number | undefined, region?: string): void
  flushDns(place?: string): void
  close(): Promise<void>
}

const BALANCER_PORT = 80
/** What the name of an internal load balancer answers with, in every region: an address of the VPC, which no WAN leads to. */
const PRIVATE_ADDRESS = '10.0.0.10'

/** Starts everything in this process. Rejects, with all of it closed again, when a port is taken. */
export async function startWorld(options: WorldOptions): Promise<World> {
  const { topology, deployment, profile } = options
  const plan = addressPlan(deployment)
  const rttMs = rttMatrix(deployment)
  const links = createLinks(rttMs)
  const targets = targetTable(options, plan.loadBalancer)
  const data: ZoneData = {
    zones: zonesOf(topology, options.fixtures ?? [], profile),
    balancerAddresses: balancerAddresses(topology, plan.loadBalancer),
    rttMs,
  }

  // The checkers need DNS to find their endpoints, and DNS needs the checkers' word: until they speak, all is healthy.
  let checkers: Checkers | undefined
  const healthy = { failedChecks: new Set<string>(), failedBalancers: new Set<string>() }
  const dns = await startDnsServer({
    data,
    health: () => checkers?.health() ?? healthy,
    placeOf: plan.placeOf,
    defaultPlace: deployment.homeRegion,
    ...(options.ports?.dns !== undefined && { port: options.ports.dns }),
  })
  const wan = await startWan({
    plan,
    links,
    dnsPort: dns.port,
    destination: targets.find,
    ...(options.ports?.wan && { ports: options.ports.wan }),
  }).catch(async (error) => {
    await dns.close()
    throw error
  })
  const started = startCheckers({
    healthChecks: topology.healthChecks,
    loadBalancers: topology.loadBalancers.filter(({ id, internal }) => !internal && data.balancerAddresses[id] !== undefined),
    profile,
    probe: wanProbe(wan.dial, plan),
    regionOf: (fqdn) => topology.cells.find(({ region }) => fqdn === `${region}.${deployment.domain}`)?.region,
  })
  checkers = started
  return {
    dnsPort: dns.port,
    wanPorts: wan.ports,
    health: started.snapshot,
    onHealthChange: started.onChange,
    setLink: links.set,
    isolate: (region, mode = 'blackhole') => links.isolate(region, mode),
    restore: links.restore,
    cut: (between, isolated) => {
      links.restore()
      for (const [one, other] of between) {
        links.set(one, other, { mode: 'blackhole' })
        links.set(other, one, { mode: 'blackhole' })
      }
      for (const place of isolated) links.isolate(place, 'blackhole')
    },
    setTarget: targets.set,
    flushDns: wan.flushDns,
    close: async () => {
      started.close()
      await wan.close()
      await dns.close()
    },
  }
}

function balancerAddresses({ cells, loadBalancers }: Topology, address: (region: string) => string): Record<string, string[]> {
  const inside = loadBalancers.filter(({ internal }) => internal).map(({ id }): [string, string[]] => [id, [PRIVATE_ADDRESS]])
  const outside = cells.map(({ loadBalancer, region }): [string, string[]] => [loadBalancer, [address(region)]])
  return Object.fromEntries([...inside, ...outside])
}

/** Load balancers are looked up at each connection, because a gateway that starts again has another port. */
function targetTable({ topology, gatewayPort, targets = [] }: WorldOptions, balancerAddress: (region: string) => string) {
  const key = (address: string, port: number) => `${address}:${port}`
  const balancers = new Map(topology.cells.map(({ region }) => [key(balancerAddress(region), BALANCER_PORT), region]))
  const table = new Map<string, Destination>(
    targets.map(({ address, port, localPort, region }) => [key(address, port), { localPort, region }]),
  )
  return {
    find: (address: string, port: number): Destination | undefined => {
      const region = balancers.get(key(address, port))
      return region === undefined ? table.get(key(address, port)) : { region, localPort: gatewayPort(region) }
    },
    set: (address: string, port: number, localPort: number | undefined, region = table.get(key(address, port))?.region) => {
      if (region === undefined) throw new Error(`setTarget ${address}:${port}: a new address needs its region`)
      table.set(key(address, port), { localPort, region })
    },
  }
}
