import { asPlanned } from '../../../config/deployed-zones.ts'
import { type Deployment, regionsOf } from '../../../config/schema.ts'
import type { Profile } from '../profile.ts'
import { ports } from './ports.ts'
import { UsageError } from './usage-error.ts'

export interface FabricOptions {
  stateDir: string
  profile: Profile
  /** Regions to run. Default: all of the deployment. The others are as lost. */
  regions?: readonly string[]
  /** First of the ports, which then follow one another in a known order. Default: whatever is free. */
  portBase?: number
  /** Another DynamoDB engine than the built-in one. */
  engineEndpoint?: string
  /** Demo agents call at a gentle rate. */
  traffic: boolean
  /** Forget tables, buckets, spools and logs of earlier starts. Keys and certificates stay. */
  reset: boolean
}

export interface FabricPlan {
  served: { region: string; zone: string }[]
  ports: PortPlan
}

export interface PortPlan {
  /** The supervisor's own control API. */
  control: number
  dns: number
  controlPlane: number
  /** By place: every zone's clients, every region. */
  wan: Record<string, number>
  /** By region. */
  gateway: Record<string, number>
  stores: Record<string, number>
  /** The control account's keys. */
  controlStores: number
  /** The operators' listener, by region. */
  operator: Record<string, number>
}

/**
 * What runs, and at which ports: chosen once, so that a part that comes back after a fault is where it was.
 */
export async function planFabric(deployment: Deployment, options: FabricOptions): Promise<FabricPlan> {
  const served = servedRegions(deployment, options.regions)
  const free = ports(options.portBase)
  const each = async (names: readonly string[]) => {
    const taken: Record<string, number> = {}
    for (const name of names) taken[name] = await free.next()
    return taken
  }
  const regions = served.map(({ region }) => region)
  return {
    served,
    ports: {
      control: await free.next(),
      controlPlane: await free.next(),
      dns: await free.next(),
      gateway: await each(regions),
      wan: await each([...Object.keys(deployment.plannedZones), ...regionsOf(asPlanned(deployment)).map(({ region }) => region)]),
      stores: await each(regions),
      controlStores: await free.next(),
      operator: await each(regions),
    },
  }
}

function servedRegions(deployment: Deployment, wanted: readonly string[] | undefined) {
  const all = regionsOf(deployment)
  if (wanted === undefined) return all
  const unknown = wanted.find((region) => !all.some((cell) => cell.region === region))
  if (unknown !== undefined)
    throw new UsageError(
      `--regions: ${JSON.stringify(unknown)} serves no zone of config/deployment.ts, which has ${all.map(({ region }) => region).join(', ')}`,
    )
  if (wanted.length === 0) throw new UsageError('--regions: name at least one region')
  return all.filter(({ region }) => wanted.includes(region))
}
