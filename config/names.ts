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
    /** OpenID provider of the people who operate, and what their tokens must be for. Nobody's agent gets a token with either. */
    operatorIssuer: deployment.operatorIssuer ?? `https://login.${deployment.domain}`,
    operatorAudience: `https://operators.${deployment.domain}`,
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
    /** Role that may use the data-protection key, and nothing else. */
    dataProtectionRole: `${cell}-data-protection`,
    /** CloudWatch log group of the gateway. */
    gatewayLogs: `/${deployment.name}/${deployment.environment}/${region}/gateway`,
    /** CloudWatch log group of the VPC's flow logs. */
    flowLogs: `/${deployment.name}/${deployment.environment}/${region}/flow`,
    /**
     * SSM parameter of this region that carries an id which AWS makes up (VPC, subnets, endpoints) from the network
     * stack to later stacks of the same region, so that no stack exports or imports anything.
     */
    networkParameter: (key: string) => `/${deployment.name}/${deployment.environment}/${region}/network/${key}`,
    /** At most 32 characters (ELB), which limits name and environment. */
    loadBalancer: `${prefix}-${region}`,
    /** The longest of all load balancer names: the schema checks this one. */
    operatorLoadBalancer: `${prefix}-${region}-op`,
    cluster: cell,
    service: `${cell}-gateway`,
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
  }
}

export function sharedNames(deployment: Deployment) {
  const prefix = `${deployment.name}-${deployment.environment}`
  const gatewayRepository = `${prefix}-gateway`
  return {
    /** Global table: pointers, kill switches, vouchers, heartbeat. No PII. */
    globalTable: `${prefix}-global`,
    /** Signs bundles and directories. In the control account. */
    bundleSigningKey: `alias/${prefix}-bundle-signing`,
    /** Versioned bucket of the control plane: its ledger, every revision, everything it signed. In the control account. */
    controlStore: `${prefix}-control-plane-${deployment.accounts.control}`,
    /** Role of the publisher. In the control account. */
    publisherRole: `${prefix}-publisher`,
    /** Repository of the gateway's image, one in each region. */
    gatewayRepository,
    /** Image of the gateway, in each region's own registry. */
    gatewayImage: (account: string, region: string, tag: string) =>
      `${account}.dkr.ecr.${region}.amazonaws.com/${gatewayRepository}:${tag}`,
  }
}

/** Stack names, also their ids: `cdk deploy 'aegis-prod-*-eu-west-1'` is one region. */
export function stackNames(deployment: Deployment) {
  const prefix = `${deployment.name}-${deployment.environment}`
  return {
    dns: `${prefix}-dns`,
    globalState: `${prefix}-global-state`,
    controlPlane: `${prefix}-control-plane`,
    routing: `${prefix}-routing`,
    zone: (zone: string) => `${prefix}-zone-${zone}`,
    keys: (region: string) => `${prefix}-keys-${region}`,
    bundleStore: (region: string) => `${prefix}-bundle-store-${region}`,
    network: (region: string) => `${prefix}-network-${region}`,
    residencyStore: (region: string) => `${prefix}-residency-store-${region}`,
    gateway: (region: string) => `${prefix}-gateway-${region}`,
  }
}
