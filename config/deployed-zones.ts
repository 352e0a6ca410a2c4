import type { Deployment } from './schema.ts'
import { isSingleRegion } from './stages.ts'

/** What of the zones as written is there by now: the regions that the environment names, or that its stage leaves. Zones of none are left out. */
export function deployedZones({ zones, homeRegion, stage, regions }: Written): Deployment['zones'] {
  const named = isSingleRegion(stage) ? [homeRegion] : regions
  if (named === undefined) return zones
  return Object.fromEntries(
    Object.entries(zones).flatMap(([id, { standby, ...zone }]) => {
      const left = zone.regions.filter((region) => named.includes(region))
      const stays = standby !== undefined && left.includes(standby)
      return left.length === 0 ? [] : [[id, { ...zone, regions: left, ...(stays && { standby }) }] as const]
    }),
  )
}

/** The map: every zone and region of the plan, there or not. What stands outside the cells, tools and clients, has a place on it. */
export function asPlanned(deployment: Deployment): Deployment {
  return { ...deployment, zones: deployment.plannedZones }
}

/** Regions by zone as they are planned: tools and tenants may stand in zones where this deployment has no cell yet. */
export function plannedRegions({ plannedZones }: Deployment): Record<string, readonly string[]> {
  return Object.fromEntries(Object.entries(plannedZones).map(([zone, { regions }]) => [zone, regions]))
}

/** A deployment as it is written, with the keys of its environment: `zones` are all of them. */
export type Written = Pick<Deployment, 'zones' | 'homeRegion' | 'environment' | 'stage' | 'regions'>

/** What is wrong between an environment's stage, its regions and the zones: a line a fault, each with the path of the value. */
export function stageFaults({ zones, homeRegion, environment, stage, regions }: Written): string[] {
  const path = `environments.${environment}`
  const all = Object.values(zones).flatMap((zone) => zone.regions)
  const faults = (regions ?? [])
    .filter((region) => !all.includes(region))
    .map((region) => `${path}.regions: ${region} is in no zone; put it into one first`)
  if (isSingleRegion(stage) && regions !== undefined && (regions.length !== 1 || regions[0] !== homeRegion))
    faults.push(`${path}.regions: stage ${stage} has the home region ${homeRegion} alone; leave the key out until stage multi-region`)
  const named = isSingleRegion(stage) ? [homeRegion] : regions
  if (named === undefined) return faults
  if (!named.includes(homeRegion)) faults.push(`${path}.regions: ${homeRegion} is the home region, which is the first to be there`)
  // The secret of a zone is made in its primary and copied to the others: made first in another region, it would have to be made anew.
  for (const [id, zone] of Object.entries(zones)) {
    const primary = zone.primary ?? zone.regions[0]
    const early = zone.regions.filter((region) => named.includes(region))
    if (early.length > 0 && primary !== undefined && !early.includes(primary))
      faults.push(
        `${path}.${isSingleRegion(stage) ? 'stage' : 'regions'}: ${early.join(', ')} without ${primary}, the primary of zone ${id}, whose secret is made there; begin a zone with its primary`,
      )
  }
  return faults
}
