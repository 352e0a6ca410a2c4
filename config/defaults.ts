// Values that an adopter rarely changes. `deployment.ts` may override every one of them.
export const defaults = {
  /** Seconds between two Route 53 probes of one endpoint: Route 53 offers 10 or 30. */
  healthCheckIntervalS: 10,
  /** Failed probes in a row before a checker calls an endpoint unhealthy. */
  healthCheckFailureThreshold: 3,
  /** TTL of the zone and global CNAMEs, in seconds. A dead region is answered for at most this long after detection. */
  recordTtlS: 30,
  /** Longest TTL that the schema accepts: alias records to load balancers have 60 s, fixed by AWS. */
  recordTtlMaxS: 60,
  /** A bundle or directory older than this is refused, and the region fails closed. */
  bundleMaxAgeH: 72,
  /** From this age on, an alarm. */
  bundleWarnAgeH: 24,
  /** How long a client waits for one answer before it counts it as failed, in milliseconds. */
  clientTimeoutMs: 1000,
  /** Days for which the audit bucket refuses to delete a record. */
  auditRetentionDays: 365,
  /** Days for which recorded policy inputs can be replayed and explained. They hold arguments of calls, so no longer than that is of use. */
  inputsRetentionDays: 30,
  /** Availability zones that a cell spans. */
  azCount: 2,
  /**
   * From where the operators' load balancers take connections: a cell's VPC itself and the control plane's, which is what a client VPN or a
   * bastion in them looks like.
   */
  operatorCidrs: ['10.0.0.0/16', '10.64.0.0/20'],
  /** How a new revision of policy goes on its way. */
  rollout: {
    /** Agents of the canary's region that the new revision decides for, in percent. */
    canarySharePercent: 10,
    /** How long the canary is watched, and each group of regions after it. */
    canaryBakeS: 300,
    regionBakeS: 120,
    /** A region that says nothing for so long is passed over, and catches up by itself. */
    silentS: 60,
    /** More new denies than this, of the calls that both revisions judged, take the rollout back. */
    maxNewDenyPercent: 1,
  },
  /** From this P99 on, an alarm. The floor of what is promised; see docs/benchmarks.md for what was measured. */
  decisionP99Ms: 20,
  /** Between two calls of each probe to every region and zone. */
  probeIntervalMin: 5,
  /** In each region, for the budget that warns. An estimate for your traffic: `npm run cost`. */
  monthlyUsd: 1000,
  /** An unusual rise in cost below this is nobody's concern. */
  anomalyUsd: 100,
  drills: {
    /** How long a fault lasts. The director watches it by steps of SSM Automation, which end after ten minutes. */
    durationMin: 8,
    /** When, once somebody has enabled it: the first Tuesday of a month, in the morning of UTC. */
    schedule: 'cron(0 9 ? * TUE#1 *)',
  },
  backup: {
    keepDays: 35,
    /** Every night. */
    schedule: 'cron(0 3 ? * * *)',
  },
  gateway: {
    cpu: 1024,
    memoryMiB: 2048,
    minTasks: 2,
    maxTasks: 10,
    /** Calls a second that a task of this size carries when it is full. An assumption: measure yours, with your policies, under load. */
    callsPerTask: 650,
    /** CPU at which a task is full. Above it, calls wait for each other. */
    fullCpuPercent: 70,
    /** From this P95 of decisions on there are more gateways, in milliseconds: half of what the alarm rings at. */
    scaleOutP95Ms: 10,
    /** Of calls, how many the tasks of a new version get at first. */
    canaryPercent: 10,
    /** How long they are watched before they get all. */
    canaryBakeMin: 10,
    /** How long the tasks before them are kept then. */
    bakeMin: 10,
  },
  /** Size of one control plane. Two run, and nobody's call waits for them. */
  controlPlane: { cpu: 512, memoryMiB: 1024 },
} as const
