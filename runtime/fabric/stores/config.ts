import { z } from 'zod'

const attribute = z.object({ AttributeName: z.string() })

const table = z.object({
  name: z.string(),
  keySchema: z
    .array(attribute.extend({ KeyType: z.string() }))
    .min(1)
    .readonly(),
  attributeDefinitions: z.array(attribute.extend({ AttributeType: z.string() })).readonly(),
  gsis: z.array(z.custom<object>((value) => typeof value === 'object' && value !== null, 'is not an index')).readonly(),
  replicas: z.array(z.string()).readonly(),
})

/** What the stores of one region hold. Any subset will do: the control account has keys alone. */
export const storesConfigSchema = z
  .strictObject({
    region: z.string(),
    /** 12 digits, for ARNs. */
    account: z.string().default('000000000000'),
    /** On 127.0.0.1; 0 takes a free one. */
    port: z.int().min(0).max(65535).default(0),
    /** State that outlives the process: `tables/` and `buckets/`. Without it tables are in memory. */
    dataDir: z.string().optional(),
    tables: z.array(table).readonly().default([]),
    /** Another engine than dynalite, this region's alone. */
    tableEndpoint: z.url().optional(),
    buckets: z.array(z.string().regex(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, 'is not a bucket name')).default([]),
    keysDir: z.string().optional(),
    /** Aliases of P-256 signing keys, each with `alias/`. */
    keys: z.array(z.string()).default([]),
    /** Roles that STS gives credentials for. */
    roles: z
      .array(z.strictObject({ arn: z.string().startsWith('arn:aws:iam::'), needsSourceIdentity: z.boolean() }))
      .readonly()
      .default([]),
    /** ARN of the one role that may sign, by alias. Keys without one sign for whoever asks. */
    signers: z.record(z.string(), z.string()).default({}),
    /** What the gateways' own credentials may do with tables. Absent: everything. */
    gatewayRights: z
      .array(
        z.strictObject({
          table: z.string(),
          actions: z.array(z.string()).readonly(),
          partitions: z.array(z.string()).readonly().optional(),
        }),
      )
      .readonly()
      .optional(),
    replication: z
      .strictObject({
        /** Shared by the stores of all regions: who has it may write to every global table. */
        secret: z.string().min(16),
        /** URL by region. May come later, by setPeers. */
        peers: z.record(z.string(), z.url()).default({}),
        /** Peers that nothing is sent to until `resumeReplication`. */
        paused: z.array(z.string()).default([]),
        /** Milliseconds between an acknowledged write and its sending: to all peers, or by peer (others: 0). */
        lagMs: z.union([z.number().nonnegative(), z.record(z.string(), z.number().nonnegative())]).default(0),
      })
      .optional(),
    /** Skew of this region's clock. */
    clockOffsetMs: z.number().default(0),
  })
  .superRefine((config, context) => {
    const fault = (message: string) => context.addIssue({ code: 'custom', message })
    if (config.buckets.length > 0 && config.dataDir === undefined) fault('buckets need a dataDir')
    if (config.keys.length > 0 && config.keysDir === undefined) fault('keys need a keysDir')
    if (config.tables.some(({ replicas }) => replicas.length > 1) && config.replication === undefined)
      fault('global tables need replication.secret')
  })

export type StoresConfigInput = z.input<typeof storesConfigSchema>
export type StoresConfig = z.output<typeof storesConfigSchema>

/** Throws an Error of one line that names every fault. */
export function parseStoresConfig(input: unknown): StoresConfig {
  const parsed = storesConfigSchema.safeParse(input)
  if (parsed.success) return parsed.data
  const faults = parsed.error.issues.map(({ path, message }) => (path.length === 0 ? message : `${path.join('.')}: ${message}`))
  throw new Error(`stores configuration: ${faults.join('; ')}`)
}
