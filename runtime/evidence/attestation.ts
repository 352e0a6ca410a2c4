import canonicalize from 'canonicalize'
import type { JWK } from 'jose'
import { z } from 'zod'
import type { Signer } from '../model/ports.ts'
import { parseStrictJson } from '../model/strict-json.ts'
import { type Envelope, readEnvelope, sealEnvelope, signedBy } from './dsse.ts'

// The signed permission for one export of personal data: an in-toto Statement v1
// (https://github.com/in-toto/attestation, spec/v1/statement.md) in a DSSE envelope with two signatures.

export const ATTESTATION_PAYLOAD_TYPE = 'application/vnd.in-toto+json'
const STATEMENT_TYPE = 'https://in-toto.io/Statement/v1'
/** Names the shape of the predicate. A name, not an address: nothing is fetched from it. */
export const EXPORT_PREDICATE_TYPE = 'https://aegis.example/attestations/pii-export/v1'

/** Who agreed, in which role, and when. */
export interface AttestedApprover {
  sub: string
  roles: readonly string[]
  atMs: number
}

/** What may leave: this call, from here to there, these classes, at most so many records, for this reason, until then. */
export interface ExportPermission {
  approvalId: string
  /** Digest of the exact call. */
  digest: string
  tenant: string
  source: Source
  destination: Site
  dataClasses: readonly string[]
  recordLimit: number
  legalBasis: string
  policyVersion: string
  approvers: readonly AttestedApprover[]
  notBeforeMs: number
  notAfterMs: number
}

/** Where the data is. */
export interface Source {
  zone: string
  region: string
}

/** Where it goes. Null: outside every zone or region. */
export interface Site {
  zone: string | null
  region: string | null
}

/** Public keys of the region that attests: two keys, used under two roles. */
export interface AttestationKeys {
  approval: JWK
  dataProtection: JWK
}

/** @returns the JSON text of a DSSE envelope with both signatures */
export function signAttestation(
  permission: ExportPermission,
  { approval, dataProtection }: { approval: Signer; dataProtection: Signer },
): Promise<string> {
  const { approvalId, digest, source, destination, approvers } = permission
  const statement: Statement = {
    _type: STATEMENT_TYPE,
    subject: [{ name: approvalId, digest: { sha256: digest } }],
    predicateType: EXPORT_PREDICATE_TYPE,
    predicate: {
      tenant: permission.tenant,
      source_region: source.region,
      source_zone: source.zone,
      destination_region: destination.region,
      destination_zone: destination.zone,
      data_classes: [...permission.dataClasses],
      record_limit: permission.recordLimit,
      legal_basis: permission.legalBasis,
      policy_version: permission.policyVersion,
      approvers: approvers.map(({ sub, roles, atMs }) => ({ sub, roles: [...roles], at: iso(atMs) })),
      not_before: iso(permission.notBeforeMs),
      not_after: iso(permission.notAfterMs),
    },
  }
  const payload = Buffer.from(canonicalize(statementSchema.parse(statement)) ?? '')
  return sealEnvelope(ATTESTATION_PAYLOAD_TYPE, payload, [approval, dataProtection])
}

/** The export that is about to happen, as the verifier itself knows it. */
export interface ExpectedExport {
  approvalId: string
  digest: string
  tenant: string
  source: Source
  destination: Site
  /** Classes that would leave: each must be attested. */
  dataClasses: readonly string[]
  records: number
  /** Left out where the verifier does not know the source's policy. */
  policyVersion?: string
  nowMs: number
}

/** Faults of what is said, when the signatures hold. */
const STATEMENT_FAULTS = [
  'wrong_approval',
  'wrong_digest',
  'wrong_tenant',
  'wrong_source',
  'wrong_destination',
  'classes_not_covered',
  'records_over_limit',
  'wrong_policy_version',
  'no_data_protection_officer',
  'not_yet_valid',
  'expired',
] as const
type StatementFault = (typeof STATEMENT_FAULTS)[number]
type EnvelopeFault =
  | 'malformed'
  | 'wrong_type'
  | 'keys_not_distinct'
  | 'approval_signature'
  | 'data_protection_signature'
  | 'unknown_signature'
export type AttestationFault = EnvelopeFault | StatementFault

/** Clocks of two gateways differ by less than this. Only the beginning is lenient, the end never. */
const CLOCK_SKEW_MS = 30_000

/**
 * Checks an attestation against the export that it is to cover: both signatures, by two distinct keys, and every field.
 * @param text the envelope as it was handed over: nothing in it is believed before the signatures hold
 * @returns every fault found; none when the export is covered
 */
export function verifyAttestation(text: string, keys: AttestationKeys, expected: ExpectedExport): readonly AttestationFault[] {
  const envelope = readEnvelope(text)
  if (envelope === undefined) return ['malformed']
  const unsigned = signatureFaults(envelope, keys)
  if (unsigned.length > 0) return unsigned
  if (envelope.payloadType !== ATTESTATION_PAYLOAD_TYPE) return ['wrong_type']
  const statement = statementOf(envelope)
  return statement === undefined ? ['malformed'] : statementFaults(statement, expected)
}

/** An export as the far side knows it. It sees neither the call that was approved nor the policy that asked, so those are not compared. */
export type ArrivedExport = Pick<ExpectedExport, 'dataClasses' | 'records' | 'nowMs'> & {
  /** Where it has arrived. */
  destination: Source
}

/**
 * The same on arrival, in a gateway of another zone: the attestation says which region it comes from, and only that region's published
 * keys can prove it.
 * @param published keys and zone of every region that may send
 */
export function verifyArrivingAttestation(
  text: string,
  published: ReadonlyMap<string, AttestationKeys & { zone: string }>,
  arrived: ArrivedExport,
): readonly AttestationFault[] {
  const envelope = readEnvelope(text)
  const claimed = envelope === undefined ? undefined : statementOf(envelope)
  if (claimed === undefined) return ['malformed']
  const { subject, predicate } = claimed
  const region = published.get(predicate.source_region)
  // What came from the same zone was no export.
  if (region === undefined || region.zone === arrived.destination.zone) return ['wrong_source']
  return verifyAttestation(text, region, {
    ...arrived,
    source: { zone: region.zone, region: predicate.source_region },
    approvalId: subject[0].name,
    digest: subject[0].digest.sha256,
    tenant: predicate.tenant,
  })
}

/** Threshold two: exactly these two signatures, by keys that are not the same. */
function signatureFaults(envelope: Envelope, { approval, dataProtection }: AttestationKeys): AttestationFault[] {
  const faults: AttestationFault[] = []
  if (approval.x === dataProtection.x || approval.kid === dataProtection.kid) faults.push('keys_not_distinct')
  if (!signedBy(envelope, approval)) faults.push('approval_signature')
  if (!signedBy(envelope, dataProtection)) faults.push('data_protection_signature')
  if (envelope.signatures.length !== 2) faults.push('unknown_signature')
  return faults
}

function statementFaults({ subject: [subject], predicate }: Statement, expected: ExpectedExport): AttestationFault[] {
  const { source, destination, policyVersion, nowMs } = expected
  const attested = new Set(predicate.data_classes)
  const holds: Record<StatementFault, boolean> = {
    wrong_approval: subject.name === expected.approvalId,
    wrong_digest: subject.digest.sha256 === expected.digest,
    wrong_tenant: predicate.tenant === expected.tenant,
    wrong_source: predicate.source_region === source.region && predicate.source_zone === source.zone,
    wrong_destination: predicate.destination_region === destination.region && predicate.destination_zone === destination.zone,
    classes_not_covered: expected.dataClasses.every((name) => attested.has(name)),
    records_over_limit: expected.records <= predicate.record_limit,
    wrong_policy_version: policyVersion === undefined || predicate.policy_version === policyVersion,
    no_data_protection_officer: predicate.approvers.some(({ roles }) => roles.includes('dpo')),
    not_yet_valid: nowMs >= Date.parse(predicate.not_before) - CLOCK_SKEW_MS,
    expired: nowMs < Date.parse(predicate.not_after),
  }
  return STATEMENT_FAULTS.filter((fault) => !holds[fault])
}

function statementOf({ payload }: Envelope): Statement | undefined {
  try {
    const parsed = statementSchema.safeParse(parseStrictJson(payload, { maxDepth: 8 }))
    return parsed.success ? parsed.data : undefined
  } catch {
    return undefined
  }
}

const name = z.string().min(1).max(256)
const time = z.iso.datetime({ precision: 3 })

const statementSchema = z.strictObject({
  _type: z.literal(STATEMENT_TYPE),
  subject: z.tuple([z.strictObject({ name, digest: z.strictObject({ sha256: z.string().regex(/^[0-9a-f]{64}$/) }) })]),
  predicateType: z.literal(EXPORT_PREDICATE_TYPE),
  predicate: z.strictObject({
    tenant: name,
    source_region: name,
    source_zone: name,
    destination_region: name.nullable(),
    destination_zone: name.nullable(),
    data_classes: z.array(name).min(1).max(256),
    record_limit: z.int().min(1),
    legal_basis: z.string().min(1).max(200),
    policy_version: name,
    approvers: z
      .array(z.strictObject({ sub: name, roles: z.array(name).min(1).max(8), at: time }))
      .min(1)
      .max(16),
    not_before: time,
    not_after: time,
  }),
})
type Statement = z.output<typeof statementSchema>

function iso(epochMs: number): string {
  return new Date(epochMs).toISOString()
}
