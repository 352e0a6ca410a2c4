import { z } from 'zod'
import { GLOBAL_ZONE, type Tenant } from '../model/zones.ts'

const name = z.string().regex(/^[a-z][a-z0-9-]{0,62}$/, 'must be lower case letters, digits and hyphens, at most 63 characters')

/** A tenant as `tenants.yaml` and the directory write it. */
export const tenantFields = z.strictObject({
  /** The zone that the tenant's data stays in. Absent with binding none. */
  zone: name.optional().meta({ description: 'the zone that the data of the tenant stays in; absent with binding none' }),
  home_region: name.optional().meta({ description: 'the region whose tables hold what belongs to the tenant; absent with binding none' }),
  binding: z
    .enum(['none', 'zone', 'region'])
    .meta({ description: 'none: any region; zone: every region of the zone; region: the home region alone' }),
  mode: z
    .enum(['enforce', 'shadow'])
    .default('enforce')
    .meta({ description: 'shadow decides, and lets pass what only the document refuses' }),
  residency: z
    .enum(['enforce', 'observe'])
    .default('enforce')
    .meta({ description: 'observe counts exports of personal data and does not refuse them yet' }),
})
export type TenantFields = z.output<typeof tenantFields>
export const tenantId = name

export function tenantOf(id: string, { zone, home_region, binding, mode, residency }: TenantFields): Tenant {
  return { id, zone: zone ?? GLOBAL_ZONE, homeRegion: home_region ?? null, binding, mode, residency }
}

/**
 * Faults in tenants that the type cannot rule out, one line each; none when all is well.
 *
 * @param zones regions by zone, of the deployment
 */
export function checkTenants(tenants: readonly Tenant[], zones: Readonly<Record<string, readonly string[]>>): string[] {
  const seen = new Set<string>()
  return tenants.flatMap((tenant) => {
    const twice = seen.has(tenant.id) ? [`${tenant.id}: there are two tenants of this name`] : []
    seen.add(tenant.id)
    return [...twice, ...(tenant.binding === 'none' ? unboundFaults(tenant) : boundFaults(tenant, zones))]
  })
}

function unboundFaults({ id, zone, homeRegion }: Tenant): string[] {
  const faults: string[] = []
  if (zone !== GLOBAL_ZONE) faults.push(`${id}: binding none with zone ${zone}; a tenant without residency has no zone, leave it out`)
  if (homeRegion !== null)
    faults.push(`${id}: binding none with home region ${homeRegion}; a tenant without residency has no home, leave it out`)
  return faults
}

function boundFaults({ id, zone, homeRegion, binding }: Tenant, zones: Readonly<Record<string, readonly string[]>>): string[] {
  if (zone === GLOBAL_ZONE) return [`${id}: binding ${binding} without a zone; name the zone that its data stays in`]
  const regions = Object.hasOwn(zones, zone) ? zones[zone] : undefined
  if (regions === undefined) return [`${id}: no zone ${zone}, there are ${Object.keys(zones).join(', ')}`]
  if (homeRegion === null) return [`${id}: binding ${binding} without a home region; name one of zone ${zone} (${regions.join(', ')})`]
  if (!regions.includes(homeRegion))
    return [`${id}: home region ${homeRegion} is not in zone ${zone} (${regions.join(', ')}); its data would leave the zone`]
  return []
}
