/**
 * The way from nothing to tenants that are bound, in its order. A stage says which regions there are and what may still be softened, and
 * nothing else: where a tenant may be served is the tenant's binding at every stage (docs/migration.md, ADR 0028).
 */
export const STAGES = ['single-region-shadow', 'single-region-enforce', 'multi-region', 'tenant-binding'] as const
export type Stage = (typeof STAGES)[number]

/** At the first stage every tenant is in shadow mode: policy decides, and what only documents refuse passes. */
export function isShadowStage(stage: Stage): boolean {
  return stage === 'single-region-shadow'
}

/** Before the last stage a tenant may be written `residency: observe`; at the last nobody's exports are only counted. */
export function mayObserveResidency(stage: Stage): boolean {
  return stage !== 'tenant-binding'
}

/** The home region alone. */
export function isSingleRegion(stage: Stage): boolean {
  return stage.startsWith('single-region-')
}
