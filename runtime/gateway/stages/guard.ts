import type { Finding } from '../../dlp/scan.ts'
import type { Resolver } from '../../model/ports.ts'
import type { Outcome, Reason, Route } from '../../model/verdict.ts'
import type { Roles } from '../../policy/bundle-data.ts'
import type { Endpoint } from '../active-policy.ts'
import { attestationHeader } from '../attestation-header.ts'
import { arePublic } from '../net/public-address.ts'
import type { Aim } from './aim.ts'
import type { EnrichedCall } from './enrich.ts'
import type { Payload } from './rewrite.ts'

/** An export of personal data, as an attestation has to cover it. */
export interface Export {
  tenant: string
  /** Digest of the exact call. */
  digest: string
  classes: readonly string[]
  /** How many records leave, at least: the findings of whichever class is found most often, as a record names its subject once. */
  records: number
  destination: { zone: string | null; region: string }
}

/** Checks the signed permission for one export. */
export interface ExportGate {
  /** @returns true when the attestation covers this export, here and now */
  covers(attestation: string, leaving: Export & { approvalId: string; policyVersion: string }): Promise<boolean>
}

/** The override token that the call came with, as far as the guard cares. */
export interface Permission {
  approvalId: string
  attestation: string | null
  digest: string
  policyVersion: string
}

/** @property attestation what goes along with an export that it was needed for */
export type Guarded = { refused: Reason } | { refused: undefined; route: Route | undefined; attestation: string | undefined }

export interface GuardFacts {
  enforced: Outcome
  enriched: EnrichedCall
  payload: Payload
  aim: Aim | undefined
  permission: Permission | undefined
}

/**
 * What no policy and no shadow mode can override. It judges what would be done now, by the final bytes and destination: an outcome that
 * forwards nothing needs no route. Its refusal is always a deny.
 */
export async function guard(facts: GuardFacts, { resolver, exports }: { resolver: Resolver; exports: ExportGate }): Promise<Guarded> {
  const { enforced, enriched, aim } = facts
  const { registered, destination } = enriched
  if (registered === undefined) return refuse('unregistered_tool', 'the tool or action is not in the signed registry', 'guard.registry')
  if (destination?.ok === false) return refuse(destination.code, destination.message, 'guard.egress')
  if (enforced === 'deny' || enforced === 'approval_needed') return { refused: undefined, route: undefined, attestation: undefined }
  if (enforced !== 'allow' && !facts.payload.rewritten) return refuse('stage_error', 'the arguments were not rewritten', 'guard.sanitize')
  if (aim === undefined) return refuse('no_endpoint', 'the tool has no endpoint', 'guard.route')
  const exporting = await exported(facts, aim, exports)
  if (exporting.refused !== undefined) return exporting
  return pin(aim.endpoint, resolver, exporting.attestation)
}

/** Personal data that would leave the zone in these very arguments; undefined when none would. */
export function exportOf({ enriched, payload }: Pick<GuardFacts, 'enriched' | 'payload'>, aim: Aim, digest: string): Export | undefined {
  if (!aim.leavesZone) return undefined
  const personal = personalIn(payload.findings, enriched)
  if (personal.records === 0) return undefined
  return { tenant: enriched.tenant.id, digest, ...personal, destination: { zone: aim.zone, region: aim.endpoint.region } }
}

/** What of the findings counts as personal data on its way to another zone. */
export function personalIn(
  findings: readonly Finding[],
  { registered }: Pick<EnrichedCall, 'registered'>,
): Pick<Export, 'classes' | 'records'> {
  const found = findings.filter((finding) => isPersonal(finding) && !isAddress(finding, registered?.action.roles))
  const byClass = Map.groupBy(found, ({ class: name }) => name)
  return { classes: [...byClass.keys()].sort(), records: Math.max(0, ...byClass.values().map(({ length }) => length)) }
}

type Exporting = { refused: Reason } | { refused: undefined; attestation: string | undefined }

async function exported(facts: GuardFacts, aim: Aim, exports: ExportGate): Promise<Exporting> {
  const { enriched, permission } = facts
  const leaving = exportOf(facts, aim, permission?.digest ?? '')
  if (leaving === undefined || enriched.tenant.residency === 'observe') return { refused: undefined, attestation: undefined }
  if (permission?.attestation == null)
    return refuse('residency_export', 'personal data would leave the zone without an attestation', 'guard.residency')
  const covered = await exports.covers(permission.attestation, { ...leaving, ...permission })
  if (!covered) return refuse('attestation_invalid', 'the attestation does not cover this export', 'guard.attestation')
  const attestation = attestationHeader(permission.attestation)
  if (attestation === undefined) return refuse('attestation_invalid', 'the attestation is too large to go along', 'guard.attestation')
  return { refused: undefined, attestation }
}

const isPersonal = ({ class: name }: Finding) => name !== 'ip_address'

/** The address of a recipient, in a class that the registry lets it carry across zones. */
function isAddress({ path, class: name }: Finding, roles: Roles | undefined): boolean {
  const recipient = roles?.recipient
  if (recipient === undefined || (path !== recipient.at && !path.startsWith(`${recipient.at}/`))) return false
  return recipient.classes.includes(name) || recipient.classes.includes(name.split('.', 1)[0] ?? '')
}

/** One resolution, every address checked, and the connection pinned to them: a second answer can change nothing. */
async function pin({ region, url, host }: Endpoint, resolver: Resolver, attestation: string | undefined): Promise<Guarded> {
  let addresses: readonly string[]
  try {
    addresses = 'addresses' in host ? host.addresses : await resolver.resolve(host.name)
  } catch {
    addresses = []
  }
  if (addresses.length === 0) return refuse('unresolved_endpoint', 'the endpoint has no address', 'guard.address')
  if (!arePublic(addresses))
    return refuse('egress_private_address', 'the endpoint resolves to an address that is not public', 'guard.address')
  return { refused: undefined, route: { region, endpoint: url, addresses }, attestation }
}

function refuse(code: Reason['code'], message: string, rule: string): { refused: Reason } {
  return { refused: { code, message, rule } }
}
