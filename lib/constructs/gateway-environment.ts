import { cellNames, publicNames, sharedNames, zoneNames } from '../../config/names.ts'
import type { Deployment } from '../../config/schema.ts'
import type { TrustRoot } from '../../config/trust.ts'
import { roleArn } from './arns.ts'

/**
 * The literal part of a gateway task's environment: what the template sets and `runtime/gateway/config.ts` reads. The two sides share no
 * code, so a test compares them by this list and the next.
 */
export const GATEWAY_ENVIRONMENT = [
  'AEGIS_ENVIRONMENT',
  'AEGIS_REGION',
  'AEGIS_ZONE',
  'AEGIS_ZONE_URL',
  'AEGIS_GLOBAL_URL',
  'AEGIS_REGION_URL',
  'AEGIS_PORT',
  'AEGIS_RING',
  'AEGIS_TRUST_ROOT',
  'AEGIS_BUNDLE_BUCKET',
  'AEGIS_INPUTS_BUCKET',
  'AEGIS_INPUTS_RETENTION_DAYS',
  'AEGIS_GLOBAL_TABLE',
  'AEGIS_REGION_STATE_TABLE',
  'AEGIS_APPROVALS_TABLE',
  'AEGIS_CHAINS_TABLE',
  'AEGIS_SLICES_TABLE',
  'AEGIS_IDEMPOTENCY_TABLE',
  'AEGIS_TOKEN_KEY',
  'AEGIS_APPROVAL_KEY',
  'AEGIS_DATA_PROTECTION_KEY',
  'AEGIS_DATA_PROTECTION_ROLE',
  'AEGIS_OPERATOR_PORT',
  'AEGIS_OPERATOR_URL',
  'AEGIS_OPERATOR_ISSUER',
  'AEGIS_OPERATOR_AUDIENCE',
  'AEGIS_BUNDLE_WARN_AGE_H',
  'AEGIS_SPOOL_DIR',
  'AWS_REGION',
] as const
export type GatewayVariable = (typeof GATEWAY_ENVIRONMENT)[number]

/** The rest of it: variables that ECS fills from Secrets Manager when it starts a task. The template has their ARN, never their value. */
export const GATEWAY_SECRETS = ['AEGIS_PSEUDONYM_KEY'] as const
export type GatewaySecret = (typeof GATEWAY_SECRETS)[number]

/** Port on which a gateway serves plain HTTP; TLS ends at the load balancer. */
export const GATEWAY_PORT = 8080
/** Port of the operators' own listener, which no agent's call ever reaches. */
export const OPERATOR_PORT = 8081
/** Where a gateway spools its audit records: the one path that a task can write. */
export const SPOOL_DIR = '/var/spool/aegis'
/** The ring of a region's tasks: who gets a bundle revision together. */
export const RING = 'stable'

/** Every value is a literal, no token: the local fabric reads it from the template. */
export function gatewayEnvironment(
  deployment: Deployment,
  region: string,
  zone: string,
  trustRoot: TrustRoot,
): Record<GatewayVariable, string> {
  const cell = cellNames(deployment, region, zone)
  const names = publicNames(deployment)
  return {
    AEGIS_ENVIRONMENT: deployment.environment,
    AEGIS_REGION: region,
    AEGIS_ZONE: zone,
    AEGIS_ZONE_URL: names.zoneUrl(zone),
    AEGIS_GLOBAL_URL: names.globalUrl,
    AEGIS_REGION_URL: names.regionUrl(region),
    AEGIS_PORT: String(GATEWAY_PORT),
    AEGIS_RING: RING,
    AEGIS_TRUST_ROOT: JSON.stringify(trustRoot),
    AEGIS_BUNDLE_BUCKET: cell.bundleBucket,
    AEGIS_INPUTS_BUCKET: cell.inputsBucket,
    AEGIS_INPUTS_RETENTION_DAYS: String(deployment.inputsRetentionDays),
    AEGIS_GLOBAL_TABLE: sharedNames(deployment).globalTable,
    AEGIS_REGION_STATE_TABLE: cell.table('region-state'),
    AEGIS_APPROVALS_TABLE: cell.table('approvals'),
    AEGIS_CHAINS_TABLE: cell.table('chains'),
    AEGIS_SLICES_TABLE: cell.table('slices'),
    AEGIS_IDEMPOTENCY_TABLE: cell.table('idempotency'),
    AEGIS_TOKEN_KEY: cell.signingKey('token'),
    AEGIS_APPROVAL_KEY: cell.signingKey('approval'),
    AEGIS_DATA_PROTECTION_KEY: cell.signingKey('data-protection'),
    AEGIS_DATA_PROTECTION_ROLE: roleArn(cell.account, cell.dataProtectionRole),
    AEGIS_OPERATOR_PORT: String(OPERATOR_PORT),
    AEGIS_OPERATOR_URL: names.operatorUrl(region),
    AEGIS_OPERATOR_ISSUER: names.operatorIssuer,
    AEGIS_OPERATOR_AUDIENCE: names.operatorAudience,
    AEGIS_BUNDLE_WARN_AGE_H: String(deployment.bundleWarnAgeH),
    AEGIS_SPOOL_DIR: SPOOL_DIR,
    AWS_REGION: region,
  }
}

/** Name of the secret behind each variable, in the region's own Secrets Manager. The last is there when config says who is notified. */
export function gatewaySecrets(deployment: Deployment, zone: string): Record<GatewaySecret, string> & { AEGIS_NOTIFY?: string } {
  const { notify } = deployment
  return {
    AEGIS_PSEUDONYM_KEY: zoneNames(deployment, zone).pseudonymSecret,
    ...(notify !== undefined && { AEGIS_NOTIFY: notify.secretName }),
  }
}

/** ARNs of the topics that a region's gateways tell of approvals. */
export function notifiedTopics({ notify }: Deployment, region: string, account: string): string[] {
  return (notify?.topics ?? []).map((topic) => `arn:aws:sns:${region}:${account}:${topic}`)
}
