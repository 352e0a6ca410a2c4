import { readFileSync } from 'node:fs'

/** The context of cdk.json, feature flags above all: without them the same code makes other templates. */
export function cdkContext(): Record<string, unknown> {
  return JSON.parse(readFileSync(new URL('../../cdk.json', import.meta.url), 'utf8')).context
}
