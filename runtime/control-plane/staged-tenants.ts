import { isShadowStage, mayObserveResidency, type Stage } from '../../config/stages.ts'
import type { Tenant } from '../model/zones.ts'

// What a stage of the migration does to tenants, as directories list them. Gateways know no stage: they believe what is signed. A stage never
// touches where a tenant is served, and what it softens is never the guard.

/** The tenant as its zone's directory lists it at a stage. */
export function atStage(tenant: Tenant, stage: Stage): Tenant {
  return {
    ...tenant,
    mode: isShadowStage(stage) ? 'shadow' : tenant.mode,
    // One that was put there at an earlier stage is enforced from now on.
    residency: mayObserveResidency(stage) ? tenant.residency : 'enforce',
  }
}

/** Why tenants may not be written so at a stage, one line each. @param stage default: the last */
export function stageFaultsOf(tenants: readonly Tenant[], stage: Stage = 'tenant-binding'): string[] {
  if (mayObserveResidency(stage)) return []
  return tenants
    .filter(({ residency }) => residency === 'observe')
    .map(({ id }) => `${id}: residency observe is for stages before ${stage}, at which every tenant's residency is enforced`)
}
