import { z } from 'zod'
import type { Signer } from '../model/ports.ts'
import { GLOBAL_ZONE, type Tenant } from '../model/zones.ts'
import { sha256 } from './file-hashes.ts'
import { signCompact, verifyCompact } from './jws.ts'
import { checkTenants } from './tenants.ts'
import { checkScope, type Expected, publicJwk, scopeFields, TrustError } from './trust.ts'

/** Who may issue tokens: the token service of one region. */
const issuerSchema = z.strictObject({
  iss: z.url(),
  region: z.string().min(1),
  zone: z.string().min(1),
  /** Those whose signatures hold: the one that signs, and those before it whose tokens still live. */
  keys: z.array(publicJwk).max(16),
  /** When a key of an earlier rotation leaves, in milliseconds since the epoch, by `kid`. */
  retiring: z.record(z.string(), z.int().min(0)).optional(),
  /** Keys that were removed in an emergency, by `kid`: no publication lists them again. */
  removed: z.array(z.string().min(1)).optional(),
})
export type Issuer = z.output<typeof issuerSchema>

/** Whose attestations of an export hold: the two public keys of one region, by the names that signatures give them. */
const attesterSchema = z.strictObject({
  region: z.string().min(1),
  zone: z.string().min(1),
  approval: publicJwk,
  data_protection: publicJwk,
})
export type Attester = z.output<typeof attesterSchema>

/** What the control plane says about one zone: the only source of tenants and issuers that a gateway believes. */
export interface Directory {
  zone: string
  seq: number
  /** Milliseconds since the epoch. */
  notBeforeMs: number
  notAfterMs: number
  /** Regions by zone, of the whole deployment. */
  zones: Readonly<Record<string, readonly string[]>>
  /** Regions of `zones` without a cell, as the deployment has not come so far: places where tools are, and nobody to wait for or to promote. */
  absent: readonly string[]
  /** Tenants of this zone and those with binding none. */
  tenants: ReadonlyMap<string, Tenant>
  /** Issuers of every region, so that a token of another zone is told from a forged one. */
  issuers: readonly Issuer[]
  /** Of every region whose keys are known, so that an export is checked again where it arrives. */
  attesters: readonly Attester[]
  /** Budget grants of this zone's agents, for the current period and those ahead. */
  grants: readonly Grant[]
  /** Ids of kill switches that no longer hold. */
  lifted: readonly string[]
  /** Who may get an access token from this zone's token services. */
  clients: readonly Client[]
}

/** A region's part of an agent's budget in one period: what its slice may never pass. */
const grantSchema = z.strictObject({
  agent: z.string().min(1),
  tenant: z.string().min(1),
  /** A UTC day such as `2026-11-22`. */
  period: z.string().regex(/^\d{4}-\d{2}-\d{2}$/),
  /** ISO 4217 code in lower case, `calls` or `tokens`. */
  unit: z.string().min(1),
  region: z.string().min(1),
  amount: z.int().min(0),
})
export type Grant = z.output<typeof grantSchema>

/** An agent as OAuth client: by the hash of its secret, or by assertions of a workload issuer (RFC 7523). */
const clientSchema = z.strictObject({
  agent: z.string().min(1),
  tenant: z.string().min(1),
  /** SHA-256 of the client secret, lower-case hex. */
  secret_sha256: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .optional(),
  assertions: z
    .array(z.strictObject({ iss: z.string().min(1), sub: z.string().min(1), keys: z.array(publicJwk).min(1).max(16) }))
    .optional(),
})
export type Client = z.output<typeof clientSchema>

export interface DirectoryContents extends Omit<Directory, 'tenants' | 'absent' | 'attesters' | 'grants' | 'lifted' | 'clients'> {
  /** All tenants of the deployment: those that do not belong in the zone are left out. */
  tenants: readonly Tenant[]
  absent?: readonly string[]
  attesters?: readonly Attester[]
  /** Of all tenants, like `clients`: those of others are left out. */
  grants?: readonly Grant[]
  lifted?: readonly string[]
  clients?: readonly Client[]
}

const TYP = 'aegis-directory+jwt'
const JWS_CHARACTERS_MAX = 16 * 1024 * 1024

/** @throws Error with one line a fault, when a tenant or issuer contradicts the deployment */
export function buildDirectory({
  tenants,
  absent = [],
  attesters = [],
  grants = [],
  lifted = [],
  clients = [],
  ...contents
}: DirectoryContents): Directory {
  const { zone, zones, issuers } = contents
  const faults = [
    ...checkTenants(tenants, zones),
    ...checkIssuers(issuers, zones),
    ...checkAttesters(attesters, zones),
    ...checkAbsent(absent, contents),
  ]
  if (!Object.hasOwn(zones, zone)) faults.push(`no zone ${zone}, there are ${Object.keys(zones).join(', ')}`)
  if (faults.length > 0) throw new Error(faults.join('\n'))
  const listed = tenants.filter((tenant) => tenant.zone === zone || tenant.binding === 'none')
  const byId = new Map(listed.map((tenant) => [tenant.id, tenant]))
  const ofTenants = <T extends { tenant: string }>(entries: readonly T[]) => entries.filter(({ tenant }) => byId.has(tenant))
  return { ...contents, absent, tenants: byId, attesters, grants: ofTenants(grants), lifted, clients: ofTenants(clients) }
}

/** @returns a compact JWS: the object that the bucket holds */
export function signDirectory(directory: Directory, signer: Signer): Promise<string> {
  const { zone, seq, notBeforeMs, notAfterMs, zones, absent, tenants, issuers, attesters, grants, lifted, clients } = directory
  const payload: Payload = {
    v: 1,
    zone,
    seq,
    not_before: notBeforeMs,
    not_after: notAfterMs,
    zones: Object.fromEntries(Object.entries(zones).map(([id, regions]) => [id, [...regions]])),
    tenants: [...tenants.values()].map(({ homeRegion, ...tenant }) => ({ ...tenant, home_region: homeRegion })),
    issuers: [...issuers],
    // Left out when empty, as in directories from before there were any.
    ...(absent.length > 0 && { absent: [...absent] }),
    ...(attesters.length > 0 && { attesters: [...attesters] }),
    grants: [...grants],
    lifted: [...lifted],
    clients: [...clients],
  }
  return signCompact(payload, signer, TYP)
}

/**
 * @param jws the object as read
 * @returns the directory, with the SHA-256 of its text in lower-case hex: its name in the bucket
 * @throws TrustError; nothing of the directory may be used then
 */
export function verifyDirectory(jws: string, expected: Expected): Directory & { digest: string } {
  if (jws.length > JWS_CHARACTERS_MAX)
    throw new TrustError('too_large', `the directory has ${jws.length} characters, at most ${JWS_CHARACTERS_MAX} are read`)
  const parsed = payloadSchema.safeParse(verifyCompact(jws, expected.trust, TYP))
  if (!parsed.success) {
    const path = parsed.error.issues[0]?.path.join('.')
    throw new TrustError('malformed', `the directory has not the expected shape at ${path}`, { cause: parsed.error })
  }
  const { zone, seq, not_before: notBeforeMs, not_after: notAfterMs, zones, issuers, grants, lifted, clients } = parsed.data
  const { absent = [], attesters = [] } = parsed.data
  checkScope('directory', { zone, seq, notBeforeMs, notAfterMs }, expected)
  const tenants = parsed.data.tenants.map(({ home_region: homeRegion, ...tenant }): Tenant => ({ ...tenant, homeRegion }))
  const faults = [
    ...checkTenants(tenants, zones),
    ...checkIssuers(issuers, zones),
    ...checkAttesters(attesters, zones),
    ...checkAbsent(absent, { zones, issuers }),
    ...strangers(tenants, zone),
  ]
  if (faults.length > 0) throw new TrustError('malformed', `the directory contradicts itself: ${faults.join('; ')}`)
  const byId = new Map(tenants.map((tenant) => [tenant.id, tenant]))
  const scope = { zone, seq, notBeforeMs, notAfterMs }
  return { ...scope, zones, absent, tenants: byId, issuers, attesters, grants, lifted, clients, digest: sha256(jws) }
}

const payloadSchema = z.strictObject({
  v: z.literal(1),
  ...scopeFields,
  zones: z.record(z.string(), z.array(z.string()).min(1)),
  absent: z.array(z.string()).optional(),
  tenants: z.array(
    z.strictObject({
      id: z.string().min(1),
      zone: z.string().min(1),
      home_region: z.string().min(1).nullable(),
      binding: z.enum(['none', 'zone', 'region']),
      mode: z.enum(['enforce', 'shadow']),
      residency: z.enum(['enforce', 'observe']),
    }),
  ),
  issuers: z.array(issuerSchema),
  attesters: z.array(attesterSchema).optional(),
  grants: z.array(grantSchema),
  lifted: z.array(z.string().min(1)),
  clients: z.array(clientSchema),
})
type Payload = z.output<typeof payloadSchema>

/** Two issuers under one name, or one in a zone that its region is not in, could assert each other's tenants. */
function checkIssuers(issuers: readonly Issuer[], zones: Readonly<Record<string, readonly string[]>>): string[] {
  const seen = new Set<string>()
  return issuers.flatMap(({ iss, region, zone, keys, removed = [] }) => {
    const faults = seen.has(iss) ? [`issuer ${iss}: named twice`] : []
    seen.add(iss)
    if (keys.some(({ kid }) => removed.includes(kid))) faults.push(`issuer ${iss}: lists a key that was removed`)
    const regions = Object.hasOwn(zones, zone) ? zones[zone] : undefined
    return regions?.includes(region) ? faults : [...faults, `issuer ${iss}: region ${region} is not in zone ${zone}`]
  })
}

/** A region twice, or in a zone that is not its own, could attest what left another one. */
function checkAttesters(attesters: readonly Attester[], zones: Readonly<Record<string, readonly string[]>>): string[] {
  const seen = new Set<string>()
  return attesters.flatMap(({ region, zone }) => {
    const faults = seen.has(region) ? [`attester ${region}: named twice`] : []
    seen.add(region)
    const regions = Object.hasOwn(zones, zone) ? zones[zone] : undefined
    return regions?.includes(region) ? faults : [...faults, `attester ${region}: is not in zone ${zone}`]
  })
}

/** A region that has an issuer is there: not to wait for it could let two regions serve one tenant. */
function checkAbsent(absent: readonly string[], { zones, issuers }: Pick<Directory, 'zones' | 'issuers'>): string[] {
  const known = new Set(Object.values(zones).flat())
  const issuing = new Set(issuers.map(({ region }) => region))
  return absent.flatMap((region) => {
    if (!known.has(region)) return [`absent region ${region}: is in no zone`]
    return issuing.has(region) ? [`absent region ${region}: has an issuer, so it is there`] : []
  })
}

function strangers(tenants: readonly Tenant[], zone: string): string[] {
  const wrong = tenants.filter((tenant) => tenant.zone !== zone && tenant.zone !== GLOBAL_ZONE)
  return wrong.map(({ id, zone: other }) => `tenant ${id} is of zone ${other}`)
}
