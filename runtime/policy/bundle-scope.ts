import { GLOBAL_ZONE } from '../model/zones.ts'
import type { ActiveBundle } from './bundle.ts'
import type { Directory } from './directory.ts'
import { TrustError } from './trust.ts'

const NAMED_MAX = 3

/**
 * A zone's bundle is scoped: it holds agents of tenants that the zone's directory lists, and of no other. One that holds more was made for
 * somebody else, or by mistake, and another zone's documents are nothing that may be read here.
 *
 * @throws TrustError foreign_tenant; the two may not be used together then
 */
export function checkTenantsOf({ agents, zone }: Pick<ActiveBundle, 'agents' | 'zone'>, { tenants }: Pick<Directory, 'tenants'>): void {
  const foreign = [...agents.values()].filter((agent) => {
    const tenant = tenants.get(agent.tenant)
    return tenant === undefined || (tenant.zone !== zone && tenant.zone !== GLOBAL_ZONE)
  })
  if (foreign.length === 0) return
  const named = foreign.slice(0, NAMED_MAX).map(({ id, tenant }) => `${id} of tenant ${tenant}`)
  const more = foreign.length > NAMED_MAX ? ` and ${foreign.length - NAMED_MAX} more` : ''
  throw new TrustError(
    'foreign_tenant',
    `the bundle holds agents whose tenants the directory of zone ${zone} does not list: ${named.join(', ')}${more}`,
  )
}
