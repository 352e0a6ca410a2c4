import type { Deployment } from './schema.ts'

/** Drills that AWS can run on a region, each by a template of its own. What they do to it: `lib/stacks/drills.ts`. */
export const DRILLS = ['region-isolation', 'replication-pause', 'task-kill'] as const
export type Drill = (typeof DRILLS)[number]

/** Tag of a drill's template and of every experiment made from it. */
export const DRILL_TAG = 'aegis:drill'

/** Metric that ends every drill on the region where somebody puts a 1 into it. It has no dimensions. */
export const STOP_METRIC = 'StopRequested'

export function drillNamespace({ name, environment }: Deployment): string {
  return `${name}/${environment}/drills`
}
