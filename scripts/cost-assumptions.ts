/** What no template can say. Each is a guess until you put your own number in its place: `npm run cost -- --set callsPerSecond=200`. */
export interface Assumption {
  readonly value: number
  readonly unit: string
  readonly why: string
}

export const ASSUMPTIONS = {
  callsPerSecond: {
    value: 50,
    unit: 'calls/s in each region, on average over the month',
    why: 'yours alone to know; it drives everything that is paid by use',
  },
  kbInPerCall: { value: 2, unit: 'KB', why: 'a tool call with its arguments and headers' },
  kbOutPerCall: { value: 2, unit: 'KB', why: 'a verdict; a proxied tool answer is larger' },
  callsPerConnection: { value: 50, unit: 'calls', why: 'agents keep connections; the load balancer closes them after three minutes' },
  forwardedShare: {
    value: 0.5,
    unit: 'of calls',
    why: 'calls that the gateway itself sends to a tool, through NAT; the decision API sends none',
  },
  kbForwarded: { value: 4, unit: 'KB, both directions', why: 'request to the tool and its answer' },
  tableWritesPerCall: {
    value: 0.3,
    unit: 'write units',
    why: 'keyed calls, approvals, new taints and leases write; a plain decision writes nothing',
  },
  tableReadsPerCall: { value: 0.3, unit: 'read units', why: 'strongly consistent reads of chains and keys' },
  pollReadsPerTaskPerSecond: {
    value: 4,
    unit: 'read units/s',
    why: 'each gateway asks its tables for pointers, kill switches, promotions and vouchers once a second',
  },
  globalWritesPerTaskPerSecond: {
    value: 1,
    unit: 'write units/s',
    why: 'each gateway beats once a second, and each beat is paid in every replica',
  },
  tableGb: { value: 1, unit: 'GB in each region', why: 'tables forget by themselves; budgets, keys and approvals are small' },
  auditKbPerCall: { value: 1, unit: 'KB', why: 'one record a verdict, before compression' },
  auditMonthsKept: { value: 12, unit: 'months', why: 'as long as the audit bucket is locked; the bill of a deployment that is that old' },
  inputsKbPerCall: { value: 0.5, unit: 'KB', why: 'what policy was asked, packed and sealed' },
  objectsPerTaskPerSecond: { value: 1, unit: 'objects/s', why: 'recordings every two seconds, records as they fill' },
  flowLogKbPerCall: { value: 0.1, unit: 'KB', why: 'connections are logged, not calls' },
  controlPlaneLogGb: {
    value: 0.5,
    unit: 'GB in a month',
    why: 'the control plane logs what it decides and every failed try, no call',
  },
  gatewayLogGb: { value: 5, unit: 'GB a month in each region', why: 'events and faults; verdicts are not in the log' },
  metricLogKbPerTaskPerMinute: { value: 20, unit: 'KB', why: 'metrics in Embedded Metric Format, once a minute from each gateway' },
  kbPerSpan: { value: 1, unit: 'KB', why: 'a span has a dozen attributes, and no argument or result' },
  containerInsightsMetrics: {
    value: 40,
    unit: 'metrics in each region',
    why: 'Container Insights of one cluster, service and task family',
  },
  codesSeen: { value: 20, unit: 'values of aegis.code', why: 'reasons that really occur; each is a metric' },
  tokensPerSecond: {
    value: 0.5,
    unit: 'tokens/s in each region',
    why: 'an agent renews its token about every ten minutes; each is one KMS signature',
  },
  dnsQueriesPerCall: { value: 0.01, unit: 'queries', why: 'resolvers keep an answer for the TTL' },
  crossAzShare: { value: 0.5, unit: 'of bytes between load balancer and gateways', why: 'two zones, and the load balancer sends to both' },
  edgeFetchesPerSecond: { value: 1, unit: 'documents/s in all', why: 'who checks signatures fetches the keys about once a minute' },
  kbPerEdgeFetch: { value: 2, unit: 'KB', why: "the keys of a zone's regions" },
  drillMinutes: { value: 8, unit: 'minutes a month in each region', why: 'one drill a month' },
} as const satisfies Record<string, Assumption>

export type Assumptions = Record<keyof typeof ASSUMPTIONS, number>

export function assumed(changed: Partial<Assumptions> = {}): Assumptions {
  return { ...(Object.fromEntries(Object.entries(ASSUMPTIONS).map(([name, { value }]) => [name, value])) as Assumptions), ...changed }
}
