import { hash } from 'node:crypto'
import canonicalize from 'canonicalize'
import type { JsonObject } from '../model/call.ts'

/** Where a call goes, as its approval and its attestation name it. A zone of null lies outside every zone. */
export interface CallDestination {
  zone: string | null
  region: string | null
  endpoint: string | null
}

/** All that makes a call this call and no other. */
export interface DigestedCall {
  tenant: string
  agent: string
  tool: string
  action: string
  /** Digest of the action's registered definition: the same name with another meaning is another call. */
  schemaDigest: string
  /** As they would be forwarded, after sanitizing. */
  arguments: JsonObject
  destination: CallDestination
  chain: string
}

/**
 * What people agree to and what an override token is bound to: SHA-256 of the canonical form (RFC 8785), lower-case hex.
 * @throws Error when a string is not well-formed Unicode or a number not finite: such a value has no canonical form
 */
export function callDigest(call: DigestedCall): string {
  const { tenant, agent, tool, action, schemaDigest, arguments: args, destination, chain } = call
  const { zone, region, endpoint } = destination
  const canonical = canonicalize({
    v: 1,
    tenant,
    agent,
    tool,
    action,
    schema_digest: schemaDigest,
    arguments: args,
    destination: { zone, region, endpoint },
    chain,
  })
  if (canonical === undefined) throw new Error('the call has no canonical form')
  return hash('sha256', canonical, 'hex')
}
