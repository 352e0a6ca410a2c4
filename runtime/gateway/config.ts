import { isIP } from 'node:net'
import { z } from 'zod'
import { jsonText, parseEnvironment } from '../model/environment.ts'

const port = z.coerce.number().int().min(0).max(65535)
const url = z.url({ protocol: /^https?$/ })
const name = z.string().min(1)

const publicKey = z.object({ kty: z.literal('EC'), crv: z.literal('P-256'), kid: name, x: name, y: name })
/** `ip:port` or `ip`, more than one by commas; IPv6 in brackets. */
const dnsServers = z.string().transform((text, context) => {
  const servers = text.split(',').map((server) => server.trim())
  const bad = servers.find((server) => isIP(server.replace(/^\[(.*)\](:\d+)?$/, '$1').replace(/^([\d.]+):\d+$/, '$1')) === 0)
  if (bad !== undefined) context.addIssue({ code: 'custom', message: `${bad} is not an IP address with or without port` })
  return servers
})

// Every variable that the gateway reads. The first group stands in the task definition of every region.
const environmentSchema = z.object({
  AEGIS_ENVIRONMENT: name,
  AEGIS_REGION: name,
  AEGIS_ZONE: name,
  /** Audience of the zone's tokens. */
  AEGIS_ZONE_URL: url,
  /** Audience of tokens of tenants with binding none. */
  AEGIS_GLOBAL_URL: url,
  AEGIS_REGION_URL: url,
  AEGIS_PORT: port,
  /** Whose pointer this gateway follows. */
  AEGIS_RING: name,
  /** JWKS with the control plane's public keys, current and next: all that bundles and directories are believed by. */
  AEGIS_TRUST_ROOT: jsonText.pipe(z.object({ keys: z.array(publicKey).min(1) })),
  AEGIS_BUNDLE_BUCKET: name,
  AEGIS_GLOBAL_TABLE: name,
  AEGIS_REGION_STATE_TABLE: name,
  AEGIS_BUNDLE_WARN_AGE_H: z.coerce.number().positive(),
  AEGIS_SPOOL_DIR: name,
  AWS_REGION: name,

  AEGIS_HOST: name.default('0.0.0.0'),
  /** Resolvers for tool endpoints. Default: the system's. */
  AEGIS_DNS_SERVERS: dnsServers.optional(),
  /** HTTP proxy that every tool connection goes through, by CONNECT to a checked address. Default: direct. */
  AEGIS_EGRESS_PROXY: url.optional(),
  /** Most calls in flight; more are refused with `overloaded`. */
  AEGIS_MAX_IN_FLIGHT: z.coerce.number().int().positive().default(1000),
  /** Standard OpenTelemetry variables: export is off unless one of them names an exporter. */
  OTEL_TRACES_EXPORTER: z.string().default('none'),
  OTEL_METRICS_EXPORTER: z.string().default('none'),
})

export type GatewayEnvironment = z.infer<typeof environmentSchema>

/** Names of the variables that must be there: what the task definition of every region sets. */
export const REQUIRED_VARIABLES: readonly string[] = Object.entries(environmentSchema.shape)
  .filter(([, schema]) => !schema.safeParse(undefined).success)
  .map(([variable]) => variable)

/** Names of all variables that the gateway understands. */
export const KNOWN_VARIABLES: readonly string[] = Object.keys(environmentSchema.shape)

export type GatewayConfig = ReturnType<typeof loadConfig>

/** @throws Error with one line for each variable that is missing or malformed */
export function loadConfig(env: Record<string, string | undefined> = process.env) {
  const e = parseEnvironment(environmentSchema, env)
  return {
    environment: e.AEGIS_ENVIRONMENT,
    region: e.AEGIS_REGION,
    zone: e.AEGIS_ZONE,
    zoneUrl: e.AEGIS_ZONE_URL,
    globalUrl: e.AEGIS_GLOBAL_URL,
    regionUrl: e.AEGIS_REGION_URL,
    host: e.AEGIS_HOST,
    port: e.AEGIS_PORT,
    ring: e.AEGIS_RING,
    trustRoot: e.AEGIS_TRUST_ROOT,
    bundleBucket: e.AEGIS_BUNDLE_BUCKET,
    globalTable: e.AEGIS_GLOBAL_TABLE,
    regionStateTable: e.AEGIS_REGION_STATE_TABLE,
    bundleWarnAgeMs: e.AEGIS_BUNDLE_WARN_AGE_H * 3_600_000,
    spoolDir: e.AEGIS_SPOOL_DIR,
    dnsServers: e.AEGIS_DNS_SERVERS,
    egressProxy: e.AEGIS_EGRESS_PROXY,
    maxInFlight: e.AEGIS_MAX_IN_FLIGHT,
    exportsTelemetry: e.OTEL_TRACES_EXPORTER !== 'none' || e.OTEL_METRICS_EXPORTER !== 'none',
  }
}
