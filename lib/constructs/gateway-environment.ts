import { cellNames, publicNames, sharedNames } from '../../config/names.ts'
import type { Deployment } from '../../config/schema.ts'
import type { TrustRoot } from '../../config/trust.ts'

/**
 * The environment of a gateway task, whole: what the template sets and `runtime/gateway/config.ts` reads. The two sides share no code,
 * so a test compares them by this list.
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
  'AEGIS_GLOBAL_TABLE',
  'AEGIS_REGION_STATE_TABLE',
  'AEGIS_BUNDLE_WARN_AGE_H',
  'AEGIS_SPOOL_DIR',
  'AWS_REGION',
] as const
export type GatewayVariable = (typeof GATEWAY_ENVIRONMENT)[number]

/** Port on which a gateway serves plain HTTP; TLS ends at the load balancer. */
export const GATEWAY_PORT = 8080
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
    AEGIS_GLOBAL_TABLE: sharedNames(deployment).globalTable,
    AEGIS_REGION_STATE_TABLE: cell.table('region-state'),
    AEGIS_BUNDLE_WARN_AGE_H: String(deployment.bundleWarnAgeH),
    AEGIS_SPOOL_DIR: SPOOL_DIR,
    AWS_REGION: region,
  }
}
