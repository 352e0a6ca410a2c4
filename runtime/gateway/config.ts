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

/** Where people hear of approvals that wait for them. Each carries ids, tool, risk and a link, never data. */
const notifyTarget = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('webhook'), url, key: name, secret: z.string().min(32) }),
  z.strictObject({ kind: z.literal('slack'), url }),
  z.strictObject({ kind: z.literal('sns'), topic_arn: z.string().startsWith('arn:') }),
])

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
  /** Where the region keeps what policy was asked, and for how long it may be looked at. */
  AEGIS_INPUTS_BUCKET: name,
  AEGIS_INPUTS_RETENTION_DAYS: z.coerce.number().int().positive(),
  AEGIS_GLOBAL_TABLE: name,
  AEGIS_REGION_STATE_TABLE: name,
  AEGIS_APPROVALS_TABLE: name,
  AEGIS_CHAINS_TABLE: name,
  AEGIS_SLICES_TABLE: name,
  AEGIS_IDEMPOTENCY_TABLE: name,
  /** KMS keys of the region: id, ARN or alias. */
  AEGIS_TOKEN_KEY: name,
  AEGIS_APPROVAL_KEY: name,
  AEGIS_DATA_PROTECTION_KEY: name,
  /** Role that alone may sign with the data-protection key: taken when a data protection officer approves. */
  AEGIS_DATA_PROTECTION_ROLE: name,
  /** Keys the zone's pseudonyms. A secret: the same in every region of the zone, and in no other. */
  AEGIS_PSEUDONYM_KEY: z.string().min(32),
  /** Port of the operators' own listener, and where operators find it: notices of approvals link there. */
  AEGIS_OPERATOR_PORT: port,
  AEGIS_OPERATOR_URL: url,
  /** OpenID provider of the zone's operators, and what their tokens must be for. */
  AEGIS_OPERATOR_ISSUER: url,
  AEGIS_OPERATOR_AUDIENCE: url,
  AEGIS_BUNDLE_WARN_AGE_H: z.coerce.number().positive(),
  AEGIS_SPOOL_DIR: name,
  AWS_REGION: name,

  AEGIS_HOST: name.default('0.0.0.0'),
  /** Resolvers for tool endpoints. Default: the system's. */
  AEGIS_DNS_SERVERS: dnsServers.optional(),
  /** HTTP proxy that every tool connection goes through, by CONNECT to a checked address. Default: direct. */
  AEGIS_EGRESS_PROXY: url.optional(),
  AEGIS_NOTIFY: jsonText.pipe(z.array(notifyTarget).max(16)).default([]),
  /** A service that finds names of people and places, which no pattern does. Default: none. */
  AEGIS_NER_URL: url.optional(),
  /** Header in which the load balancer, and nobody else, passes a client's certificate. Default: none is believed. */
  AEGIS_MTLS_HEADER: z
    .string()
    .regex(/^[a-z][a-z0-9-]*$/)
    .optional(),
  /** Of a hundred decisions, how many are recorded for replays and explaining. */
  AEGIS_RECORD_PERCENT: z.coerce.number().min(0).max(100).default(100),
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
    inputsBucket: e.AEGIS_INPUTS_BUCKET,
    inputsRetentionDays: e.AEGIS_INPUTS_RETENTION_DAYS,
    recordPercent: e.AEGIS_RECORD_PERCENT,
    globalTable: e.AEGIS_GLOBAL_TABLE,
    regionStateTable: e.AEGIS_REGION_STATE_TABLE,
    approvalsTable: e.AEGIS_APPROVALS_TABLE,
    chainsTable: e.AEGIS_CHAINS_TABLE,
    slicesTable: e.AEGIS_SLICES_TABLE,
    idempotencyTable: e.AEGIS_IDEMPOTENCY_TABLE,
    keys: { token: e.AEGIS_TOKEN_KEY, approval: e.AEGIS_APPROVAL_KEY, dataProtection: e.AEGIS_DATA_PROTECTION_KEY },
    dataProtectionRole: e.AEGIS_DATA_PROTECTION_ROLE,
    pseudonymSecret: e.AEGIS_PSEUDONYM_KEY,
    operatorPort: e.AEGIS_OPERATOR_PORT,
    operatorUrl: e.AEGIS_OPERATOR_URL,
    operatorIssuer: e.AEGIS_OPERATOR_ISSUER,
    operatorAudience: e.AEGIS_OPERATOR_AUDIENCE,
    notify: e.AEGIS_NOTIFY,
    nerUrl: e.AEGIS_NER_URL,
    mtlsHeader: e.AEGIS_MTLS_HEADER,
    bundleWarnAgeMs: e.AEGIS_BUNDLE_WARN_AGE_H * 3_600_000,
    spoolDir: e.AEGIS_SPOOL_DIR,
    dnsServers: e.AEGIS_DNS_SERVERS,
    egressProxy: e.AEGIS_EGRESS_PROXY,
    maxInFlight: e.AEGIS_MAX_IN_FLIGHT,
    exportsTelemetry: e.OTEL_TRACES_EXPORTER !== 'none' || e.OTEL_METRICS_EXPORTER !== 'none',
  }
}
