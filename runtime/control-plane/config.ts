import { z } from 'zod'
import { TERM_MAX } from '../../config/terms.ts'
import { jsonText, parseEnvironment } from '../model/environment.ts'

const seconds = z.number().min(0)

/** Timings in place of those of the deployment: what one machine is quick enough for. */
const rolloutTimings = z.strictObject({
  canaryBakeS: seconds.optional(),
  regionBakeS: seconds.optional(),
  silentS: seconds.optional(),
  canarySharePercent: z.int().min(1).max(100).optional(),
})

const deployedHosts = z.array(z.strictObject({ region: z.string(), stack: z.string(), hosts: z.array(z.string()) }))

const environmentSchema = z.object({
  /** Environment of `config/deployment.ts`. Default: its first. */
  AEGIS_ENVIRONMENT: z.string().min(1).optional(),
  AEGIS_HOST: z.string().min(1).default('0.0.0.0'),
  AEGIS_PORT: z.coerce.number().int().min(0).max(65535).default(8080),
  /** Folder of documents that is taken over at the start, tenants and clients included. Default: none, what was published last is kept. */
  AEGIS_DOCUMENTS_DIR: z.string().min(1).optional(),
  /** `start`: whenever this process starts. `empty`: only where nothing was ever published, since gateways may serve by now. */
  AEGIS_DOCUMENTS_WHEN: z.enum(['start', 'empty']).default('start'),
  AEGIS_RING: z.string().min(1).default('stable'),
  /** Seconds that a token key stays listed after its successor. Default: a demo token's hour, and five minutes for skew and propagation. */
  AEGIS_KEY_OVERLAP_S: z.coerce.number().int().min(0).default(3900),
  /** Serving regions to publish to, by commas. Default: all of the deployment. */
  AEGIS_REGIONS: z
    .string()
    .transform((list) => list.split(',').map((region) => region.trim()))
    .optional(),
  /**
   * JSON: base URL by region for DynamoDB, S3 and KMS there. The standard AWS_ENDPOINT_URL_* name one endpoint for all
   * regions; this process talks to every region. Default: AWS's own.
   */
  AEGIS_REGION_ENDPOINTS: jsonText.pipe(z.record(z.string(), z.url())).default({}),
  /** JSON: hosts that each region's deployed network lets out, and the stack that says so. Default: not known, and nothing is checked against it. */
  AEGIS_DEPLOYED_HOSTS: jsonText.pipe(deployedHosts).optional(),
  /** Region of the signing key and of the store. Default: the deployment's home region. */
  AEGIS_CONTROL_REGION: z.string().min(1).optional(),
  /** Of two control planes, regions obey the one with the higher term; the other one stands back. */
  AEGIS_CONTROL_TERM: z.coerce.number().int().min(1).max(TERM_MAX).default(1),
  /** JWKS of the keys that gateways trust. Default: `config/trust/<environment>.json`. */
  AEGIS_TRUST_FILE: z.string().min(1).optional(),
  /** Bucket of the store. Default: the deployment's. */
  AEGIS_STORE_BUCKET: z.string().min(1).optional(),
  /** Bucket with a copy of another control plane's store, which an own one begins with. Default: none. */
  AEGIS_STORE_COPY_BUCKET: z.string().min(1).optional(),
  /** JSON: timings of rollouts in place of the deployment's. */
  AEGIS_ROLLOUT: jsonText.pipe(rolloutTimings).default({}),
})

/** Every variable that a control plane reads: a test compares them with those that the template sets. */
export const KNOWN_VARIABLES: readonly string[] = Object.keys(environmentSchema.shape)

export type ControlPlaneConfig = ReturnType<typeof loadConfig>

/** @throws Error with one line for each variable that is missing or malformed */
export function loadConfig(env: Record<string, string | undefined> = process.env) {
  const e = parseEnvironment(environmentSchema, env)
  return {
    environment: e.AEGIS_ENVIRONMENT,
    host: e.AEGIS_HOST,
    port: e.AEGIS_PORT,
    documentsDir: e.AEGIS_DOCUMENTS_DIR,
    documentsWhen: e.AEGIS_DOCUMENTS_WHEN,
    ring: e.AEGIS_RING,
    keyOverlapMs: e.AEGIS_KEY_OVERLAP_S * 1000,
    regions: e.AEGIS_REGIONS,
    regionEndpoints: e.AEGIS_REGION_ENDPOINTS,
    deployedHosts: e.AEGIS_DEPLOYED_HOSTS,
    controlRegion: e.AEGIS_CONTROL_REGION,
    term: e.AEGIS_CONTROL_TERM,
    trustFile: e.AEGIS_TRUST_FILE,
    storeBucket: e.AEGIS_STORE_BUCKET,
    storeCopyBucket: e.AEGIS_STORE_COPY_BUCKET,
    rollout: e.AEGIS_ROLLOUT,
  }
}
