import type { AttributeValue } from '@aws-sdk/client-dynamodb'
import { z } from 'zod'
import type { JsonObject } from '../model/call.ts'
import { REASONS, type ReasonCode } from '../model/codes.ts'
import type { Reason } from '../model/verdict.ts'
import type { Risk } from '../policy/policy-io.ts'

/** What an agent asked for: never changes. */
export interface AskedApproval {
  id: string
  tenant: string
  agent: string
  /** Who asked, by the claims of its token. */
  requester: { agentId: string; tokenId: string }
  tool: string
  action: string
  risk: Risk
  /** Digest of the exact call. */
  digest: string
  /** Sanitized. */
  arguments: JsonObject
  destination: { zone: string | null; region: string | null; endpoint: string | null }
  chain: string
  /** Rules that asked, which the approval will cover. */
  rules: readonly string[]
  /** Each has to stand behind the approval. */
  roles: readonly string[]
  minApprovers: number
  policyVersion: string
  reasons: readonly Reason[]
  /** Personal data that would leave the zone; null when none does. */
  exported: {
    classes: readonly string[]
    source: string
    destinationZone: string | null
    destinationRegion: string | null
    records: number
  } | null
  createdAtMs: number
  expiresAtMs: number
}

export const STATUSES = ['pending', 'approved', 'rejected', 'expired', 'consumed'] as const
export type ApprovalStatus = (typeof STATUSES)[number]

/** One person's agreement. `iss` and `sub` together are the person. */
export interface Approver {
  iss: string
  sub: string
  /** The roles asked for that this person holds. */
  roles: readonly string[]
  atMs: number
  reason: string | null
}

/** What a data protection officer says about an export. */
export interface ExportTerms {
  legalBasis: string
  recordLimit: number
  /** `sub` of the officer. */
  officer: string
}

/** What people made of it. */
export interface Decided {
  status: 'pending' | 'approved' | 'rejected'
  approvers: readonly Approver[]
  terms: ExportTerms | null
  rejection: { iss: string; sub: string; atMs: number; reason: string | null } | null
  /** DSSE envelope, JSON text; null without an export. */
  attestation: string | null
}

export interface Approval extends AskedApproval, Omit<Decided, 'status'> {
  status: ApprovalStatus
  /** Counts the writes. */
  version: number
}

/** Kept this long after its end, so that late questions get an answer; the audit log keeps what matters. */
const RETENTION_S = 24 * 3600

/** Attributes that conditions are about stand by themselves, the rest as JSON. */
export function approvalItem(approval: Approval) {
  const { status, version, approvers, terms, rejection, attestation, ...asked } = approval
  return {
    asked: { S: JSON.stringify(asked) },
    status: { S: status },
    version: { N: String(version) },
    digest: { S: approval.digest },
    agent: { S: approval.agent },
    expires_at: { N: String(approval.expiresAtMs) },
    ttl: { N: String(Math.ceil(approval.expiresAtMs / 1000) + RETENTION_S) },
    decided: decidedText({ approvers, terms, rejection, attestation }),
  }
}

export function decidedText({ approvers, terms, rejection, attestation }: Omit<Decided, 'status'>) {
  return { S: JSON.stringify({ approvers, terms, rejection, attestation }) }
}

/** @throws Error when the item is not one of ours: it then decides nothing */
export function approvalOf(item: Record<string, AttributeValue>): Approval {
  const { asked: text, decided, ...columns } = itemSchema.parse(item)
  const asked = askedSchema.parse(JSON.parse(text))
  if (asked.expiresAtMs !== columns.expires_at || asked.digest !== columns.digest || asked.agent !== columns.agent)
    throw new Error(`approval ${asked.id} contradicts itself`)
  return { ...asked, ...decidedSchema.parse(JSON.parse(decided)), status: columns.status, version: columns.version }
}

const string = z.object({ S: z.string() }).transform(({ S }) => S)
const natural = z.object({ N: z.string().regex(/^\d{1,16}$/) }).transform(({ N }) => Number(N))
const itemSchema = z.object({
  asked: string,
  decided: string,
  status: string.pipe(z.enum(STATUSES)),
  version: natural,
  digest: string,
  agent: string,
  expires_at: natural,
})

const text = z.string()
const nullable = text.nullable()
const isReasonCode = (code: string): code is ReasonCode => Object.hasOwn(REASONS, code)
const askedSchema = z.strictObject({
  id: text,
  tenant: text,
  agent: text,
  requester: z.strictObject({ agentId: text, tokenId: text }),
  tool: text,
  action: text,
  risk: z.enum(['low', 'medium', 'high']),
  digest: text,
  arguments: z.record(text, z.json()),
  destination: z.strictObject({ zone: nullable, region: nullable, endpoint: nullable }),
  chain: text,
  rules: z.array(text),
  roles: z.array(text),
  minApprovers: z.int().min(1),
  policyVersion: text,
  reasons: z.array(
    z.strictObject({ code: z.custom<ReasonCode>((code) => typeof code === 'string' && isReasonCode(code)), message: text, rule: text }),
  ),
  exported: z
    .strictObject({ classes: z.array(text), source: text, destinationZone: nullable, destinationRegion: nullable, records: z.int() })
    .nullable(),
  createdAtMs: z.int(),
  expiresAtMs: z.int(),
})
const decidedSchema = z.strictObject({
  approvers: z.array(z.strictObject({ iss: text, sub: text, roles: z.array(text), atMs: z.int(), reason: nullable })),
  terms: z.strictObject({ legalBasis: text, recordLimit: z.int(), officer: text }).nullable(),
  rejection: z.strictObject({ iss: text, sub: text, atMs: z.int(), reason: nullable }).nullable(),
  attestation: nullable,
})
