import { z } from 'zod'
import { defaults } from './defaults.ts'
import { type EnvironmentConfig, environmentSchema } from './environment.ts'
import { domainName, label, region } from './identifiers.ts'
import { options } from './options.ts'
import { TERM_MAX } from './terms.ts'

/** A private network (RFC 1918, RFC 6598): the operators' load balancer has no public address, so no other can reach it. */
const privateCidr = z
  .cidrv4('is not an IPv4 range such as 10.20.0.0/16')
  .regex(
    /^(10\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.|100\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7])\.)[\d.]+\/([89]|[12]\d|3[0-2])$/,
    'is not a private range: the operators are reached by private networks only',
  )

/** How long a step of a deployment is watched, in minutes (ECS, "CanaryConfiguration"). */
const bakeMin = z
  .int()
  .min(5, 'must be at least 5 minutes: the alarms that take a deployment back need as long')
  .max(1440, 'must be at most 1440 minutes')

const egressHost = z
  .string()
  .regex(/^(\*\.)?([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]*$/, 'is not a host name in lower case, with or without *. in front')

const zone = z.strictObject({
  /** The AWS regions of this jurisdiction. */
  regions: z.array(region).min(1, 'needs at least one region'),
  /** Answers for the zone while healthy. Default: the first of `regions`. */
  primary: region.optional(),
  /** Takes over when the primary is unhealthy. Default: none, the zone then fails closed. */
  standby: region.optional(),
})

export const deploymentSchema = z.strictObject({
  /** First part of every resource name. AWS keeps some beginnings for itself (SSM parameters, load balancers, buckets). */
  name: label.refine((name) => !/^(aws|ssm|internal|sthree|xn--)/.test(name), 'must not begin with aws, ssm, internal, sthree or xn--'),
  /** Public domain under which regional, zone and global names are made. */
  domain: domainName,
  /** Folder with the agents' documents, the tool registry and the tenants. `demo` is for trying: a deploy refuses it, but for `allowDemo`. */
  documentsDir: z.string().min(1).default('demo'),
  /** Jurisdictions by id. A tenant of a zone is served by that zone's regions alone. */
  zones: z.record(label, zone),
  /** Region of the control plane and of the first replica of the global table. */
  homeRegion: region,
  /** Region of the routing stack. Not one that serves, so that losing a cell never takes its own way out along. */
  routingRegion: region,
  healthCheckIntervalS: z
    .union([z.literal(10), z.literal(30)], 'must be 10 or 30, the intervals that Route 53 offers')
    .default(defaults.healthCheckIntervalS),
  healthCheckFailureThreshold: z.int().min(1).max(10).default(defaults.healthCheckFailureThreshold),
  recordTtlS: z
    .int()
    .min(1)
    .max(defaults.recordTtlMaxS, `must be at most ${defaults.recordTtlMaxS} seconds, or a lost region is answered for too long`)
    .default(defaults.recordTtlS),
  bundleMaxAgeH: z
    .int()
    .min(1)
    .max(24 * 30)
    .default(defaults.bundleMaxAgeH),
  bundleWarnAgeH: z.int().min(1).default(defaults.bundleWarnAgeH),
  clientTimeoutMs: z.int().min(50).default(defaults.clientTimeoutMs),
  /** S3 object lock of the audit bucket, in governance mode. Shorter than the law asks of you is your risk. */
  auditRetentionDays: z
    .int()
    .min(1)
    .max(365 * 100)
    .default(defaults.auditRetentionDays),
  /** Recorded policy inputs are deleted after this, and no reader looks at an older one. */
  inputsRetentionDays: z.int().min(1).max(365, 'must be at most 365 days').default(defaults.inputsRetentionDays),
  /** Private ranges from which operators come: VPN, Direct Connect, peered networks, as their addresses look in the VPC. */
  operatorCidrs: z
    .array(privateCidr)
    .min(1)
    .default([...defaults.operatorCidrs]),
  /** URL of your OpenID provider, whose tokens the operator side accepts. Default: `https://login.<domain>`. */
  operatorIssuer: z.url({ protocol: /^https$/, error: 'is not an https URL' }).optional(),
  /** Who hears of approvals that wait. Default: nobody, and operators look by themselves. */
  notify: z
    .strictObject({
      /**
       * Secrets Manager secret, of this name in every region, whose value is the JSON of the gateway's variable AEGIS_NOTIFY. You make it, by
       * the region's data key or the account's default one: its webhook keys and Slack addresses belong in no template.
       */
      secretName: z.string().regex(/^[\w/+=.@-]{1,256}$/, 'is not a name of a secret'),
      /** Names of the SNS topics among the targets, in each region's own account. */
      topics: z.array(z.string().regex(/^[\w-]{1,256}$/, 'is not a name of a topic')).default([]),
    })
    .optional(),
  /** Hosts that gateways may resolve beside those that documents name: webhooks of notices, a recognizer of names. `*.x` is every name below. */
  egressHosts: z.array(egressHost).default([]),
  /** Availability zones of a cell, 2 or 3. Address space for 3 is kept free, so raising it replaces no subnet. */
  azCount: z.int().min(2, 'must be 2 or 3').max(3, 'must be 2 or 3').default(defaults.azCount),
  gateway: z
    .strictObject({
      cpu: z.int().default(defaults.gateway.cpu),
      memoryMiB: z.int().default(defaults.gateway.memoryMiB),
      minTasks: z.int().min(2, 'must be at least 2: one task is no availability').default(defaults.gateway.minTasks),
      maxTasks: z.int().min(2).default(defaults.gateway.maxTasks),
      callsPerTask: z.number().positive('must be more than 0').default(defaults.gateway.callsPerTask),
      fullCpuPercent: z
        .int()
        .min(10)
        .max(90, 'must be at most 90: above it calls wait for each other')
        .default(defaults.gateway.fullCpuPercent),
      /** What you expect at the busiest minute. Default: nothing, and `minTasks` carry what comes. */
      peakCallsPerSecond: z
        .strictObject({
          /** By the global name, in all regions together. */
          global: z.number().min(0).default(0),
          /** By the name of each zone. */
          zones: z.record(label, z.number().min(0)).default({}),
        })
        .prefault({}),
      scaleOutP95Ms: z.number().positive('must be more than 0').default(defaults.gateway.scaleOutP95Ms),
      canaryPercent: z.int().min(1).max(50, 'must be at most 50: a canary is for the few').default(defaults.gateway.canaryPercent),
      canaryBakeMin: bakeMin.default(defaults.gateway.canaryBakeMin),
      bakeMin: bakeMin.default(defaults.gateway.bakeMin),
    })
    .prefault({}),
  controlPlane: z
    .strictObject({
      cpu: z.int().default(defaults.controlPlane.cpu),
      memoryMiB: z.int().default(defaults.controlPlane.memoryMiB),
      /** Hosts that control planes may resolve beside AWS's and the OpenID provider: where that one keeps its keys at another host, say. */
      egressHosts: z.array(egressHost).default([]),
      /**
       * Where the control plane can be rebuilt: a signing key and a copy of its store wait there. The copy names tenants, so choose a region
       * where that may be; what tenants' calls held is in neither. Default: none, and a lost home region has to come back in time.
       */
      standbyRegion: region.optional(),
      /** Where the service runs. `standby` is for when the home region is lost: runbooks/control-plane-loss.md. */
      runsIn: z.enum(['home', 'standby']).default('home'),
      /** Rises by one whenever the control plane moves: of two that run, regions obey the one with the higher term. */
      term: z.int().min(1).max(TERM_MAX).default(1),
    })
    .prefault({}),
  observability: z
    .strictObject({
      /** Where dashboards and probes are once more, as the home region may be what is lost. Default: the routing region. */
      secondRegion: region.optional(),
      probeIntervalMin: z.int().min(1).max(60, 'must be at most 60 minutes').default(defaults.probeIntervalMin),
    })
    .prefault({}),
  alarms: z
    .strictObject({
      /** Who is written to. Each address must confirm once per region. Default: nobody; subscribe your pager to the topics. */
      emails: z.array(z.email()).default([]),
      /** Where your copy of `runbooks/` can be read. Default: alarms give the path in the repository. */
      runbooksUrl: z.url({ protocol: /^https$/, error: 'is not an https URL' }).optional(),
      decisionP99Ms: z.int().min(1).default(defaults.decisionP99Ms),
    })
    .prefault({}),
  cost: z
    .strictObject({
      /** USD in a month and region. Warns when 80 % are spent, and when the forecast or the sum passes it. It stops nothing. */
      monthlyUsd: z.number().positive('must be more than 0').default(defaults.monthlyUsd),
      /** The same for single regions. */
      monthlyUsdOf: z.record(region, z.number().positive('must be more than 0')).default({}),
      anomalyUsd: z.number().positive('must be more than 0').default(defaults.anomalyUsd),
    })
    .prefault({}),
  drills: z
    .strictObject({
      durationMin: z
        .int()
        .min(2)
        .max(defaults.drills.durationMin, `must be at most ${defaults.drills.durationMin} minutes: the director must outlive the fault`)
        .default(defaults.drills.durationMin),
      /** EventBridge Scheduler's expression, in UTC. The schedules are disabled until somebody enables one in AWS. */
      schedule: z
        .string()
        .regex(
          /^(rate\((1 (minute|hour|day)|([2-9]|[1-9]\d+) (minutes|hours|days))\)|cron\(([^\s()]+ ){5}[^\s()]+\))$/,
          'is not an expression of EventBridge Scheduler such as rate(30 days) or cron(0 9 ? * TUE#1 *)',
        )
        .default(defaults.drills.schedule),
    })
    .prefault({}),
  rollout: z
    .strictObject({
      /** Where canaries are preferred, in this order; the first that has gateways is taken. Default: the home region, then the others. */
      canaryRegions: z.array(region).default([]),
      canarySharePercent: z.int().min(1).max(100).default(defaults.rollout.canarySharePercent),
      canaryBakeS: z.number().min(0).default(defaults.rollout.canaryBakeS),
      regionBakeS: z.number().min(0).default(defaults.rollout.regionBakeS),
      silentS: z.number().min(1).default(defaults.rollout.silentS),
      maxNewDenyPercent: z.number().min(0).max(100).default(defaults.rollout.maxNewDenyPercent),
      /** Whoever wrote a revision may not publish it. */
      twoPeople: z.boolean().default(false),
    })
    .prefault({}),
  ...options,
  environments: z.record(label, environmentSchema),
})

export type DeploymentInput = z.input<typeof deploymentSchema>
/** A checked deployment with all its environments. */
export type Resolved = z.output<typeof deploymentSchema>
/** A checked deployment in one environment. Durations carry their unit in the name. */
export type Deployment = Omit<Resolved, 'environments'> &
  EnvironmentConfig & {
    environment: string
    /** The zones as written, with regions that this environment does not have yet. `zones` are those that it has. */
    plannedZones: Resolved['zones']
  }

/** Every serving region with its zone, in the order of the configuration. */
export function regionsOf(deployment: Deployment): { region: string; zone: string }[] {
  return Object.entries(deployment.zones).flatMap(([zone, { regions }]) => regions.map((region) => ({ region, zone })))
}

/** The region that answers for a zone while it is healthy. */
export function primaryOf(deployment: Deployment, zone: string): string {
  const found = deployment.zones[zone]
  const primary = found?.primary ?? found?.regions[0]
  if (primary === undefined) throw new Error(`zones: no zone ${JSON.stringify(zone)}`)
  return primary
}

/** The region of its zone to which backups of a region are copied: the standby's for the primary, the primary for the others. */
export function copyRegionOf({ backup, zones }: Deployment, region: string, zone: string): string | undefined {
  if (!backup?.copyInZone) return undefined
  const { regions = [], primary = regions[0], standby } = zones[zone] ?? {}
  if (region !== primary) return primary
  return standby ?? regions.find((other) => other !== region)
}

/** Zones that people can move by a plan of ARC region switch: those with a standby. */
export function switchedZones({ regionSwitch, zones }: Deployment): string[] {
  return regionSwitch === undefined ? [] : Object.keys(zones).filter((zone) => zones[zone]?.standby !== undefined)
}

/** The two regions from which everything is watched. */
export function watchingRegions({ homeRegion, routingRegion, observability }: Deployment): [home: string, second: string] {
  return [homeRegion, observability.secondRegion ?? routingRegion]
}

/** The region whose control plane publishes. */
export function controlRegionOf({ homeRegion, controlPlane }: Pick<Deployment, 'homeRegion' | 'controlPlane'>): string {
  return controlPlane.runsIn === 'standby' ? (controlPlane.standbyRegion ?? homeRegion) : homeRegion
}

/** The account that holds a zone's cells. */
export function accountOf(deployment: Deployment, zone: string): string {
  return deployment.accounts.zones[zone] ?? deployment.accounts.workload
}
