import { sanitize } from '../../dlp/sanitize.ts'
import type { Finding, Scan } from '../../dlp/scan.ts'
import type { JsonObject } from '../../model/call.ts'
import type { Reason, Redaction } from '../../model/verdict.ts'
import type { ActivePolicy } from '../active-policy.ts'
import type { EnrichedCall } from './enrich.ts'
import type { Judgement } from './judge.ts'

/** What would leave: the arguments, rewritten or as they came, and the data that is still in them. */
export interface Payload {
  arguments: JsonObject
  rewritten: boolean
  redactions: readonly Redaction[]
  /** Pseudonyms among them: they are personal data in every other zone. */
  findings: readonly Finding[]
}

export type Rewriting = { refused: Reason } | { refused: undefined; payload: Payload }

/** The arguments as they came. */
export function untouched(enriched: EnrichedCall, scan: Scan): Payload {
  return { arguments: enriched.call.arguments, rewritten: false, redactions: [], findings: scan.findings }
}

/**
 * Does what policy obliges to, for an outcome that may forward. What cannot be rewritten, or shows again when the very result is scanned,
 * is refused: the original never leaves in its place.
 */
export function rewrite(
  { outcome, obligations }: Judgement,
  enriched: EnrichedCall,
  scan: Scan,
  { scanner }: ActivePolicy,
  pseudonymKey: Uint8Array,
): Rewriting {
  if (outcome === 'deny' || obligations.redact.length === 0) return { refused: undefined, payload: untouched(enriched, scan) }
  const methods = new Map(obligations.redact.map(({ class: name, method }) => [name, method] as const))
  const done = sanitize(enriched.call.arguments, scan, methods, { scanner, pseudonymKey })
  // A rewritten argument must still be one that the tool takes: a mask that breaks the schema would be forwarded unchecked.
  if (done === undefined || enriched.registered?.action.accepts(done.arguments) !== true) {
    return {
      refused: {
        code: 'hidden_data',
        message: 'data that has to be rewritten stands where it cannot be: encoded, spread out, or in a form that the tool needs',
        rule: 'host.sanitize',
      },
    }
  }
  const left = scanner.scan(done.arguments).findings
  return {
    refused: undefined,
    payload: {
      arguments: done.arguments,
      rewritten: true,
      redactions: done.redactions,
      findings: [...left, ...done.pseudonymized],
    },
  }
}
