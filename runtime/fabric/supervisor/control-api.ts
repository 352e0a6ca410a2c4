import { createRequire } from 'node:module'
import { publicNames } from '../../../config/names.ts'
import type { Documents } from '../../policy/documents.ts'
import type { StoresStats } from '../stores/region-stores.ts'
import { addressPlan } from '../wan/addresses.ts'
import { askAuthority } from './authoritative.ts'
import type { LocalCell, RegionFaults } from './cells.ts'
import type { Child } from './child.ts'
import { buildControlApi } from './control-server.ts'
import type { Cuts } from './cuts.ts'
import type { DemoTokens } from './demo-tokens.ts'
import type { EventLog } from './events.ts'
import { memoryOf } from './memory.ts'
import type { Surroundings } from './parts.ts'
import type { FabricOptions } from './plan.ts'
import type { Assembly } from './synthesis.ts'
import { timingsOf } from './timings.ts'
import type { WorldLink } from './world-link.ts'

export interface ControlApiOptions {
  token: string
  surroundings: Surroundings
  options: FabricOptions
  assembly: Assembly
  cells: readonly LocalCell[]
  children: readonly Child[]
  faults: RegionFaults
  cuts: Cuts
  documents: Documents
  events: EventLog
  link: WorldLink
  tokens: DemoTokens
}

/** Opens the control API on a loopback port. */
export async function startControlApi({ token, ...running }: ControlApiOptions): Promise<{ url: string; close: () => Promise<void> }> {
  const { surroundings, cells, link } = running
  const { deployment, plan } = surroundings
  const addresses = addressPlan(deployment)
  const names = publicNames(deployment)
  const authority = {
    dnsPort: plan.ports.dns,
    plan: addresses,
    regionOfName: (name: string) => surroundings.topology.cells.find(({ region }) => names.regional(region) === name.toLowerCase())?.region,
  }
  const app = buildControlApi({
    token,
    regions: cells.map(({ region }) => region),
    places: addresses.places.map(({ id }) => id),
    status: statusOf(running),
    health: link.health,
    events: running.events,
    dns: (name, place) => askAuthority(name, place, authority),
    faults: running.faults,
    cuts: running.cuts,
    tools: Object.keys(running.documents.tools),
    setDefinition: link.setDefinition,
    issueToken: running.tokens.issue,
    received: link.received,
  })
  await app.listen({ host: '127.0.0.1', port: plan.ports.control })
  return { url: `http://127.0.0.1:${plan.ports.control}`, close: () => app.close() }
}

function statusOf({ surroundings, options, assembly, cells, children, faults, cuts, link }: Omit<ControlApiOptions, 'token'>) {
  const { deployment, topology } = surroundings
  const profile = {
    name: options.profile,
    ...timingsOf(topology, deployment, options.profile),
    deployed: timingsOf(topology, deployment, 'deployed'),
  }
  const versions = versionsOf(options)
  const bootId = crypto.randomUUID()
  return async () => ({
    boot_id: bootId,
    profile: { divisor: profile.deployed.health_check_interval_ms / profile.health_check_interval_ms, ...profile },
    places: Object.keys(deployment.zones),
    regions: cells.map((cell) => ({
      region: cell.region,
      zone: cell.zone,
      state: faults.state(cell.region),
      processes: cell.children.map((child) => ({ name: child.spec.name, pid: child.pid() ?? null })),
    })),
    cut: cuts.current(),
    // What gateways were refused that their role in the templates does not allow: in AWS it would have failed too.
    refused_rights: await refusedRights(cells),
    processes: processes(children),
    traffic: await link.traffic().catch(() => null),
    versions,
    templates: assembly.hash,
  })
}

async function refusedRights(cells: readonly LocalCell[]): Promise<string[]> {
  const stores = cells.flatMap(({ children }) => children.filter(({ spec, state }) => spec.name === 'stores' && state() === 'up'))
  const stats = await Promise.all(stores.map((one) => one.request('stats').catch(() => undefined)))
  return stats.flatMap((found) => (found as StoresStats | undefined)?.refusedRights ?? [])
}

/** Every process with what it occupies, this one included. */
function processes(children: readonly Child[]) {
  const named = [{ name: 'supervisor', pid: process.pid }, ...children.flatMap((child) => ({ name: child.label, pid: child.pid() ?? 0 }))]
  const memory = memoryOf(named.map(({ pid }) => pid).filter((pid) => pid !== 0))
  return named.map(({ name, pid }) => {
    const found = memory.find((one) => one.pid === pid)
    return { name, pid: pid === 0 ? null : pid, rss_bytes: found?.rssBytes ?? null, pss_bytes: found?.pssBytes ?? null }
  })
}

function versionsOf({ engineEndpoint }: FabricOptions): Record<string, string> {
  const require = createRequire(import.meta.url)
  const { version } = require('../../../package.json') as { version: string }
  const engine = engineEndpoint ?? `dynalite ${(require('dynalite/package.json') as { version: string }).version}`
  return { aegis: version, node: process.version, engine }
}
