import type { Deployment } from './schema.ts'

// Every alarm and what it says. The stacks take name and text from here, and a test holds the articles in runbooks/alarms/ against this list.

/** Alarms of a region about itself, in the region. */
export const REGION_ALARMS = {
  'gateway-errors': 'agents of this region are answered with server errors',
  'gateways-missing': 'fewer gateways answer the load balancer than the deployment wants at least',
  'gateways-at-maximum': 'the region runs as many gateways as it may, and cannot take over anything',
  'decision-latency': 'decisions take longer than the deployment promises',
  'telemetry-silent': 'no gateway of this region has reported anything, so the other alarms see nothing either',
  'policy-age': 'nothing new was published to this region for longer than usual',
  'policy-expiring': 'bundle or directory will soon be too old, and the region will then refuse every call',
  'activation-refused': 'a bundle or directory arrived that this region does not believe or cannot use',
  'stage-failures': 'a stage of the way threw, and its calls were denied',
  'guard-fired': 'the guard stopped what policy had allowed with every fact at hand',
  'audit-unavailable': 'calls are refused because their record cannot be kept',
  'recording-drops': 'decisions were not kept for replays and explaining',
  'budget-stranded': 'silent processes hold a large part of a budget, which counts as spent',
  'tables-throttled': 'DynamoDB throttles tables of this region',
  'drill-stop': 'somebody has asked for every drill on this region to end',
} as const
export type RegionAlarm = keyof typeof REGION_ALARMS

/** Alarms of a region about what docs/options.md switches on, in the region. */
export const OPTION_ALARMS = {
  'backup-failed': 'a backup of the regional tables, or its copy in the zone, was not made',
} as const
export type OptionAlarm = keyof typeof OPTION_ALARMS

/** Alarms about a region, where it is watched from. */
export const WATCH_ALARMS = {
  'probe-failed': 'the region does not answer a call from outside',
  'probe-open': 'a call without a token was not refused, or not answered',
  'replication-lag': 'the global table reaches the region late',
} as const
export type WatchAlarm = keyof typeof WATCH_ALARMS

/** Alarms of the control plane, in the region where it runs. */
export const CONTROL_ALARMS = {
  'control-plane-missing': 'no control plane answers, and nothing can be published',
  'control-plane-errors': 'orders of operators are answered with server errors',
  'control-plane-failing':
    'the control plane cannot do what it does of itself: its store, its key, or a newer control plane stands in the way',
  'control-plane-unconfirmed': 'a region has not taken what was published',
} as const
export type ControlAlarm = keyof typeof CONTROL_ALARMS

/** What AWS's billing tells, hours late and without an alarm of CloudWatch. */
export const COST_NOTICES = {
  'monthly-cost': 'the region is about to cost more in a month than was planned',
  'cost-anomaly': 'the region costs more than it used to',
} as const

/** Where the article about an alarm is. @param runbooks the folder, or the URL of a copy. Default: from the root of the repository. */
export function articlePath(alarm: string, runbooks = 'runbooks'): string {
  return `${runbooks}/alarms/${alarm}.md`
}

/** What whoever is woken reads first: what is wrong, where, and where to go on. */
export function alarmDescription(
  { alarms }: Deployment,
  alarm: RegionAlarm | OptionAlarm | WatchAlarm | ControlAlarm,
  region: string,
): string {
  const { [alarm]: says } = { ...REGION_ALARMS, ...OPTION_ALARMS, ...WATCH_ALARMS, ...CONTROL_ALARMS }
  return `${region}: ${says}. What to do: ${articlePath(alarm, alarms.runbooksUrl?.replace(/\/$/, ''))}`
}
