import type { Stack } from 'aws-cdk-lib/core'

// What synth puts where the real value is not known yet. Each is marked in the metadata of the stack that holds it, so that the
// check before a deploy can name it, instead of letting AWS fail on it half way. There is no such check yet.

export const PLACEHOLDER_HOSTED_ZONE_ID = 'ZPLACEHOLDER0000'

export type Placeholder = 'hostedZoneId' | 'trustRoot'

/** Metadata key under which a template lists its placeholders. */
export const PLACEHOLDERS_KEY = 'aegis:placeholders'

export function markPlaceholders(stack: Stack, placeholders: readonly Placeholder[]): void {
  if (placeholders.length > 0) stack.addMetadata(PLACEHOLDERS_KEY, placeholders)
}
