import { hash } from 'node:crypto'
import canonicalize from 'canonicalize'
import type { JsonValue } from '../model/call.ts'
import { parseStrictJson } from '../model/strict-json.ts'

/** What a registry entry says of the definition that the tool itself serves. */
export interface ToolDefinition {
  /** Below the tool's endpoint: `/.well-known/tool.json`. */
  path: string
  /** SHA-256 of the definition's canonical form (RFC 8785), 64 lower-case hex digits. */
  sha256: string
}

/** Deepest nesting of a definition: JSON Schemas in it nest further than calls. */
const DEPTH_MAX = 64

/** The digest to pin: the same for the same definition, however it is laid out. */
export function definitionDigest(definition: JsonValue): string {
  return hash('sha256', canonicalize(definition) ?? '')
}

/**
 * The digest of a definition as served.
 * @throws StrictJsonError when the bytes are no JSON, or JSON that readers understand differently
 */
export function servedDigest(bytes: Uint8Array): string {
  return definitionDigest(parseStrictJson(bytes, { maxDepth: DEPTH_MAX }))
}
