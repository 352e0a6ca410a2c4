/** Drills that AWS can run on a region, each by a template of its own. What they do to the region: `lib/constructs/experiments.ts`. */
export const DRILLS = ['region-isolation', 'replication-pause', 'task-kill'] as const
export type Drill = (typeof DRILLS)[number]

/** What a drill wears, so that the director can be kept to drills of this deployment. FIS, EC2 and SSM know the tags of a stack too. */
export const DRILL_TAG = 'aegis:drill'
