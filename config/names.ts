import type { ControlAlarm, OptionAlarm, RegionAlarm, WatchAlarm } from './alarms.ts'
import type { Drill } from './drills.ts'
import { accountOf, type Deployment } from './schema.ts'

// Every resource name is made here, so that stacks in different regions and accounts can name each
// other's resources without passing a token between them. Names carry environment and region, and
// the account where the name must be unique in the world (S3).

/** The public names of a deployment. URLs are token audiences and issuers: they never change with the listener. */
export function publicNames(deployment: Deployment) {
  return {
    regional: (region: string) => `${region}.${deployment.domain}`,
    zone: (zone: string) => `${zone}.${deployment.domain}`,
    global: `global.${deployment.domain}`,
    regionUrl: (region: string) => `https://${region}.${deployment.domain}`,
    zoneUrl: (zone: string) => `https://${zone}.${deployment.domain}`,
    globalUrl: `https://global.${deployment.domain}`,
    /** The region's operator side: a name in public DNS for an address that only private networks reach. */
    operator: (region: string) => `operator.${region}.${deployment.domain}`,
    operatorUrl: (region: string) => `https://operator.${region}.${deployment.domain}`,
    /** Zone of the control plane's names, in the control account. */
    controlZone: `control.${deployment.domain}`,
    /** The control plane of a region. The region is in it, so that a rebuild elsewhere takes no name away from one that may come back. */
    control: (region: string) => `${region}.control.${deployment.domain}`,
    controlUrl: (region: string) => `https://${region}.control.${deployment.domain}`,
    /** OpenID provider of the people who operate, and what their tokens must be for. Nobody's agent gets a token with either. */
    operatorIssuer: deployment.operatorIssuer ?? `https://login.${deployment.domain}`,
    operatorAudience: `https://operators.${deployment.domain}`,
    /** Where the edge serves the issuers' keys and metadata, if there is one. */
    discovery: `discovery.${deployment.domain}`,
  }
}

/** Regional tables: data that stays where it was made. Keys of the result are the purposes. */
export const REGIONAL_TABLES = ['approvals', 'chains', 'slices', 'idempotency', 'region-state', 'audit-index'] as const
export type RegionalTable = (typeof REGIONAL_TABLES)[number]

/** Purposes of the regional signing keys, each ES256. `data-protection` signs attestations under its own role. */
export const SIGNING_KEYS = ['token', 'approval', 'data-protection', 'audit'] as const
export type SigningKey = (typeof SIGNING_KEYS)[number]

export function cellNames(deployment: Deployment, region: string, zone: string) {
  const prefix = `${deployment.name}-${deployment.environment}`
  const cell = `${prefix}-${region}`
  const account = accountOf(deployment, zone)
  return {
    account,
    /** Regional table of a purpose. */
    table: (purpose: RegionalTable) => `${cell}-${purpose}`,
    /** Alias of a regional signing key. */
    signingKey: (purpose: SigningKey) => `alias/${cell}-${purpose}`,
    /** The same for a caller of another account, where a bare alias would mean a key of its own. */
    signingKeyArn: (purpose: SigningKey) => `arn:aws:kms:${region}:${account}:alias/${cell}-${purpose}`,
    /** Alias that the key before takes while a rotation is under way: it signs on until everybody knows the new one. */
    previousSigningKey: (purpose: SigningKey) => `alias/${cell}-${purpose}-previous`,
    /** The region's replica of the global table, for a caller of another account. */
    globalTableArn: `arn:aws:dynamodb:${region}:${account}:table/${prefix}-global`,
    /** Alias of the key that encrypts the region's data. */
    dataKey: `alias/${cell}-data`,
    /** Signed bundles and directories of this region. */
    bundleBucket: `${cell}-bundles-${account}`,
    /** Object-locked audit records of this region. */
    auditBucket: `${cell}-audit-${account}`,
    /** What policy was asked in this region, sealed: for replays, and for explaining decisions. */
    inputsBucket: `${cell}-inputs-${account}`,
    /** Access logs of the load balancer and of the region's own buckets. They name clients, so they stay here. */
    accessLogsBucket: `${cell}-access-logs-${account}`,
    /** Role of the gateway's tasks. IAM is global, so the region is in the name. */
    gatewayRole: `${cell}-gateway`,
    /** Role with which ECS starts the gateway's tasks: it pulls the image and reads the zone's secret. */
    executionRole: `${cell}-gateway-execution`,
    /** Role with which ECS moves calls from the tasks of one version to those of the next. */
    trafficRole: `${cell}-traffic`,
    /** Role that may use the data-protection key, and nothing else. */
    dataProtectionRole: `${cell}-data-protection`,
    /** CloudWatch log group of the gateway. */
    gatewayLogs: `/${deployment.name}/${deployment.environment}/${region}/gateway`,
    /** CloudWatch log group of the VPC's flow logs. */
    flowLogs: `/${deployment.name}/${deployment.environment}/${region}/flow`,
    /** CloudWatch log group into which the collector writes metrics (Embedded Metric Format). */
    metricsLogs: `/${deployment.name}/${deployment.environment}/${region}/metrics`,
    /** CloudWatch log group of the drills that were run on this region. */
    drillLogs: `/${deployment.name}/${deployment.environment}/${region}/drills`,
    /** Alarm of this region. Whoever watches it, a deployment or an experiment, knows it by this name. */
    alarm: (alarm: RegionAlarm | OptionAlarm) => `${cell}-${alarm}`,
    /** Alarm that adds gateways and wakes nobody. */
    scalingAlarm: `${cell}-scale-on-latency`,
    /** SNS topic that hears of this region's alarms. */
    alarmTopic: `${cell}-alarms`,
    /** Role with which FIS runs one drill on this region, and no other. */
    drillRole: (drill: Drill) => `${cell}-drill-${drill}`,
    /** SSM parameter with the id of a drill's experiment template, which AWS makes up. */
    drillParameter: (drill: Drill) => drillParameterOf(deployment, region, drill),
    /**
     * SSM parameter of this region that carries an id which AWS makes up (VPC, subnets, endpoints) from the network
     * stack to later stacks of the same region, so that no stack exports or imports anything.
     */
    networkParameter: (key: string) => `/${deployment.name}/${deployment.environment}/${region}/network/${key}`,
    /** At most 32 characters (ELB), which limits name and environment. */
    loadBalancer: `${prefix}-${region}`,
    /** The longest of all load balancer names: the schema checks this one. */
    operatorLoadBalancer: `${prefix}-${region}-op`,
    /** Network Firewall of one availability zone, counted from 1. */
    firewall: (az: number) => `${cell}-egress-${az}`,
    /** Policy of the firewalls, and the beginning of the names of its rule groups. */
    firewallPolicy: `${cell}-egress`,
    /** CloudWatch log group of what the firewalls dropped. */
    firewallLogs: `/${deployment.name}/${deployment.environment}/${region}/firewall`,
    /** Vault of the backups of the regional tables. */
    backupVault: `${cell}-backups`,
    backupPlan: `${cell}-tables`,
    /** Role with which AWS Backup reads the regional tables, and nothing else. */
    backupRole: `${cell}-backup`,
    /** Role that reads tables and audit records when nothing else does. */
    breakGlassRole: `${cell}-break-glass`,
    /** SSM parameter with the ARN of the data key, for who takes no alias. */
    dataKeyParameter: `/${deployment.name}/${deployment.environment}/${region}/keys/data-key-arn`,
    cluster: cell,
    service: `${cell}-gateway`,
  }
}

/** As `drillParameter` of a cell, for whoever knows the region only when a drill starts. */
export function drillParameterOf(deployment: Deployment, region: string, drill: string): string {
  return `/${deployment.name}/${deployment.environment}/${region}/drills/${drill}`
}

/** What a region has that is watched from and no cell: dashboards, probes, and the director of drills. */
export function watchNames(deployment: Deployment, region: string) {
  const prefix = `${deployment.name}-${deployment.environment}`
  const { workload } = deployment.accounts
  return {
    /** The same in both regions that have one. */
    dashboard: prefix,
    /** Canary that calls every region and zone from here. */
    probe: `${prefix}-probe`,
    probeRole: `${prefix}-probe-${region}`,
    /** What a canary writes about each of its runs. */
    probeBucket: `${prefix}-${region}-probe-${workload}`,
    /** Alarm of this region about another one. */
    alarm: (alarm: WatchAlarm, about: string) => `${prefix}-${alarm}-${about}`,
    /** SNS topic that hears of them, and of what things cost. */
    alarmTopic: `${prefix}-watch`,
    /** Names of a budget and of an anomaly monitor, by region. Both are the account's. */
    budget: (about: string) => `${prefix}-${about}`,
    anomalyMonitor: (about: string) => `${prefix}-${about}`,
    anomalySubscription: prefix,
  }
}

/** What directs drills on every region, from the routing region. */
export function directorNames(deployment: Deployment) {
  const prefix = `${deployment.name}-${deployment.environment}`
  return {
    /** SSM Automation document that runs a drill, watches it and records what happened. */
    drillDocument: `${prefix}-drill`,
    /** SSM Automation document that ends every drill on a region. */
    stopDocument: `${prefix}-stop-drills`,
    role: `${prefix}-director`,
    schedulerRole: `${prefix}-drill-scheduler`,
    scheduleGroup: `${prefix}-drills`,
    schedule: (drill: Drill, region: string) => `${drill}-${region}`,
    /** Object-locked: what drills showed. */
    evidenceBucket: `${prefix}-drill-evidence-${deployment.accounts.workload}`,
  }
}

/** What there is once at the edge, for the issuers' public documents. */
export function edgeNames(deployment: Deployment) {
  const prefix = `${deployment.name}-${deployment.environment}`
  return {
    cachePolicy: `${prefix}-discovery`,
    function: `${prefix}-discovery`,
    /** Access logs. They name whoever fetched a document. */
    logsBucket: `${prefix}-edge-logs-${deployment.accounts.workload}`,
  }
}

/** What the regions of one zone share, and no other zone has. */
export function zoneNames(deployment: Deployment, zone: string) {
  const prefix = `${deployment.name}-${deployment.environment}`
  return {
    account: accountOf(deployment, zone),
    /**
     * Secret that keys the zone's pseudonyms, in each of its regions. A name must not end in a hyphen and six characters, as
     * Secrets Manager would take them for the suffix that it adds to the ARN.
     */
    pseudonymSecret: `${prefix}-zone-${zone}-pseudonym-key`,
    /** Plan of ARC region switch, at most 32 characters. Its role has the same name and a suffix. */
    regionSwitch: `${prefix}-${zone}`,
    regionSwitchRole: `${prefix}-${zone}-region-switch`,
  }
}

export function sharedNames(deployment: Deployment) {
  const prefix = `${deployment.name}-${deployment.environment}`
  return {
    /** Global table: pointers, kill switches, vouchers, heartbeat. No PII. */
    globalTable: `${prefix}-global`,
    /** Signs bundles and directories. In the control account. */
    bundleSigningKey: `alias/${prefix}-bundle-signing`,
    /** Versioned bucket of the control plane: its ledger, every revision, everything it signed. In the control account. */
    controlStore: `${prefix}-control-plane-${deployment.accounts.control}`,
    /** What S3 copies of it into the standby region, as it stands. Nobody but S3 writes there. */
    controlStoreCopy: `${prefix}-control-copy-${deployment.accounts.control}`,
    /** Store of a control plane that was rebuilt in the standby region: it begins with what the copy has. */
    standbyControlStore: `${prefix}-control-standby-${deployment.accounts.control}`,
    /** Role with which S3 fills the copy. */
    controlReplicationRole: `${prefix}-control-replication`,
    /** Role of the publisher. In the control account. */
    publisherRole: `${prefix}-publisher`,
  }
}

/** The control plane in one region: where it runs, or where it can be rebuilt. All of it is in the control account. */
export function controlNames(deployment: Deployment, region: string) {
  const prefix = `${deployment.name}-${deployment.environment}`
  const { control } = deployment.accounts
  const logs = `/${deployment.name}/${deployment.environment}/${region}/control-plane`
  return {
    cluster: `${prefix}-control-plane`,
    service: `${prefix}-control-plane`,
    /** At most 32 characters (ELB): shorter than any of a cell. */
    loadBalancer: `${prefix}-control`,
    /** Role with which ECS starts a control plane. IAM is global, so the region is in the name. */
    executionRole: `${prefix}-control-plane-execution-${region}`,
    /** Log groups of the service and of its VPC. */
    logs,
    flowLogs: `${logs}-flow`,
    /** Access logs of its load balancer. */
    accessLogsBucket: `${prefix}-control-logs-${region}-${control}`,
    alarm: (alarm: ControlAlarm) => `${prefix}-${alarm}`,
    alarmTopic: `${prefix}-control-plane`,
  }
}

/** Stack names, also their ids: `cdk deploy 'aegis-prod-*-eu-west-1'` is one region. */
export function stackNames(deployment: Deployment) {
  const prefix = `${deployment.name}-${deployment.environment}`
  return {
    dns: `${prefix}-dns`,
    globalState: `${prefix}-global-state`,
    controlPlane: `${prefix}-control-plane`,
    controlPlaneStandby: `${prefix}-control-plane-standby`,
    controlDns: `${prefix}-control-dns`,
    routing: `${prefix}-routing`,
    zone: (zone: string) => `${prefix}-zone-${zone}`,
    keys: (region: string) => `${prefix}-keys-${region}`,
    bundleStore: (region: string) => `${prefix}-bundle-store-${region}`,
    network: (region: string) => `${prefix}-network-${region}`,
    residencyStore: (region: string) => `${prefix}-residency-store-${region}`,
    gateway: (region: string) => `${prefix}-gateway-${region}`,
    drills: (region: string) => `${prefix}-drills-${region}`,
    drillDirector: `${prefix}-drill-director`,
    observability: (region: string) => `${prefix}-observability-${region}`,
    orgGuardrails: `${prefix}-org-guardrails`,
    edge: `${prefix}-edge`,
  }
}
