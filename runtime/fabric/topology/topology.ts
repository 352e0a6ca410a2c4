/**
 * What the fabric needs of a deployment, as its synthesized templates say it. Plain data: it can be
 * sent to another process. Durations carry their unit in the name and are the templates' own, unscaled.
 */
export interface Topology {
  hostedZones: HostedZone[]
  records: RecordSet[]
  healthChecks: HealthCheck[]
  loadBalancers: LoadBalancer[]
  tables: Table[]
  buckets: Bucket[]
  keys: Key[]
  secrets: Secret[]
  roles: Role[]
  /** Hosts that each region's network lets out. */
  allowedHosts: AllowedHosts[]
  /** One a serving region, in the order of the configuration. */
  cells: Cell[]
}

export interface AllowedHosts {
  /** `*.x` stands for every name below. */
  hosts: string[]
  origin: Origin
}

/** Where a resource is: the stack that makes it, and that stack's region and account. */
export interface Origin {
  stack: string
  logicalId: string
  region: string
  account: string
}

export interface HostedZone {
  /** Lower case, without the final dot. */
  name: string
  origin: Origin
}

/** The record types that the fabric's DNS answers from templates. */
export const RECORD_TYPES = ['A', 'AAAA', 'CNAME', 'TXT'] as const
export type RecordType = (typeof RECORD_TYPES)[number]

/** One AWS::Route53::RecordSet. Records of the same name and type form a group with one routing policy. */
export interface RecordSet {
  /** Lower case, without the final dot. */
  name: string
  type: RecordType
  routing: Routing
  target: { values: string[]; ttlS: number } | AliasTarget
  /** `id` of a HealthCheck. A record without one is always healthy, unless its alias looks at the target. */
  healthCheckId?: string
  origin: Origin
}

export interface AliasTarget {
  /** `id` of a LoadBalancer. */
  loadBalancer: string
  evaluateTargetHealth: boolean
}

export type Routing =
  | { policy: 'simple' }
  | { policy: 'failover'; role: 'PRIMARY' | 'SECONDARY'; setIdentifier: string }
  | { policy: 'latency'; region: string; setIdentifier: string }
  | { policy: 'weighted'; weight: number; setIdentifier: string }

/** An endpoint check of Route 53. Calculated, inverted and alarm checks are refused by the reader. */
export interface HealthCheck {
  id: string
  protocol: 'HTTP' | 'HTTPS'
  fqdn: string
  port: number
  path: string
  intervalS: number
  failureThreshold: number
  /** AWS regions of the checkers, when the template narrows them. */
  locations?: string[]
  origin: Origin
}

export interface LoadBalancer {
  id: string
  /** What GetAtt DNSName resolves to here. Only the reader compares it. */
  dnsName: string
  region: string
  /** Without a public address: only private networks reach it. */
  internal: boolean
  /** How the balancer itself judges its targets: what an alias with EvaluateTargetHealth inherits. */
  targetCheck: TargetCheck
  origin: Origin
}

export interface TargetCheck {
  path: string
  intervalS: number
  timeoutS: number
  healthyThreshold: number
  unhealthyThreshold: number
}

export interface KeyAttribute {
  AttributeName: string
  KeyType: 'HASH' | 'RANGE'
}

export interface GlobalIndex {
  IndexName: string
  KeySchema: KeyAttribute[]
  Projection: { ProjectionType: 'ALL' | 'KEYS_ONLY' | 'INCLUDE'; NonKeyAttributes?: string[] }
}

/** Schema fields are in the shape that CreateTable takes. */
export interface Table {
  name: string
  keySchema: KeyAttribute[]
  attributeDefinitions: { AttributeName: string; AttributeType: 'S' | 'N' | 'B' }[]
  gsis: GlobalIndex[]
  /** Every region that holds the table, its own included: a regional table has one. */
  replicas: string[]
  origin: Origin
}

export interface Bucket {
  name: string
  origin: Origin
}

export interface Key {
  /** Names of the key, each `alias/...`. */
  aliases: string[]
  /** AWS::KMS::Key KeySpec, such as ECC_NIST_P256 or SYMMETRIC_DEFAULT. */
  spec: string
  usage: string
  /** ARN of the one role that the key's policy lets sign. Absent: the policy names none. */
  signerRole?: string
  origin: Origin
}

/** A secret of Secrets Manager. Its value is in no template. */
export interface Secret {
  name: string
  /** Every region that holds it, its own included. */
  regions: string[]
  origin: Origin
}

/** A role with a name that principals of the account, not services, may assume. */
export interface Role {
  arn: string
  /** Whoever takes it must say for whom. */
  needsSourceIdentity: boolean
  origin: Origin
}

/** What a statement of a role's policy allows with a table. */
export interface TableRight {
  table: string
  /** Operations, by name: `GetItem`. */
  actions: string[]
  /** Partition keys that it is limited to, `*` matching any end. Absent: all. */
  partitions?: string[]
}

/** A region's gateway, as its task definition starts it. */
export interface Cell {
  region: string
  zone: string
  account: string
  /** The gateway container's variables. */
  environment: Record<string, string>
  /** Variables that are filled from a secret, each with the secret's name. */
  secrets: Record<string, string>
  /** What the task's role may do with tables. */
  tableRights: TableRight[]
  /** Container port that the load balancer sends to. */
  port: number
  /** `id` of the load balancer that the region's public name points to. */
  loadBalancer: string
}
