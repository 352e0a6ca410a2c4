import { GATEWAY_ACCESS_KEY_ID } from '../stores/credential-scope.ts'

/** Where one gateway finds its region on this machine. */
export interface LocalPlace {
  port: number
  operatorPort: number
  /** What ECS would have read from Secrets Manager, by variable. */
  secrets: Readonly<Record<string, string>>
  /** JSON of the webhooks that hear of approvals. */
  notify: string
  spoolDir: string
  /** Base URL of the region's tables, bucket and keys. */
  stores: string
  /** `ip:port` of the fabric's DNS. */
  dns: string
  /** URL of the WAN as this region sees it. */
  egressProxy: string
  /** PEM of the authority that signs tool certificates. */
  caFile: string
}

/**
 * The environment of a gateway process: that of its synthesized task definition, with only the addresses of this machine
 * added. A variable of the template keeps its value unless it names a place on this machine.
 */
export function gatewayEnvironment(task: Readonly<Record<string, string>>, place: LocalPlace): Record<string, string> {
  return {
    ...withoutExport(task),
    AEGIS_HOST: '127.0.0.1',
    ...place.secrets,
    AEGIS_PORT: String(place.port),
    AEGIS_OPERATOR_PORT: String(place.operatorPort),
    AEGIS_NOTIFY: place.notify,
    AEGIS_SPOOL_DIR: place.spoolDir,
    AEGIS_DNS_SERVERS: place.dns,
    AEGIS_EGRESS_PROXY: place.egressProxy,
    // By these the region's stand-ins know whose policy to hold a request against.
    AWS_ACCESS_KEY_ID: GATEWAY_ACCESS_KEY_ID,
    AWS_ENDPOINT_URL_DYNAMODB: place.stores,
    AWS_ENDPOINT_URL_S3: place.stores,
    AWS_ENDPOINT_URL_KMS: place.stores,
    AWS_ENDPOINT_URL_STS: place.stores,
    NODE_EXTRA_CA_CERTS: place.caFile,
  }
}

/** There is no collector beside it here: where telemetry goes is a place of this machine, for the person to say. */
function withoutExport(task: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(task).filter(([name]) => !name.startsWith('OTEL_')))
}
