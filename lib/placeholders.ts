import type { Stack } from 'aws-cdk-lib/core'

// What synth puts where the real value is not known yet. Each is marked in the metadata of the stack that holds it, so that the
// stack's rules (deploy-rules.ts) can refuse it, instead of letting AWS fail on it half way.

export const PLACEHOLDER_HOSTED_ZONE_ID = 'ZPLACEHOLDER0000'

export type Placeholder = 'hostedZoneId' | 'controlZone' | 'trustRoot'

/** Why a stack that holds it is refused, and what to do. */
export const PLACEHOLDER_REASONS: Record<Placeholder, string> = {
  hostedZoneId: 'the id of the hosted zone is not pinned: npm run -s aegis -- pin',
  controlZone: 'the zone of the control plane is not pinned: npm run -s aegis -- pin',
  trustRoot: 'no key is pinned that gateways may believe: npm run -s aegis -- pin',
}

/** Metadata key under which a template lists its placeholders. */
export const PLACEHOLDERS_KEY = 'aegis:placeholders'

export function markPlaceholders(stack: Stack, placeholders: readonly Placeholder[]): void {
  if (placeholders.length > 0) stack.addMetadata(PLACEHOLDERS_KEY, placeholders)
}

export function placeholdersOf(stack: Stack): readonly Placeholder[] {
  return (stack.templateOptions.metadata?.[PLACEHOLDERS_KEY] as Placeholder[] | undefined) ?? []
}
