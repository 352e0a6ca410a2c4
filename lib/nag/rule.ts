import type { Layout } from './layout.ts'
import type { Resource } from './resource.ts'

/** One promise of the deployment, checked on every resource of every stack. A rule must be quiet about types that it does not know. */
export interface Rule {
  /** Stands in messages and acknowledgements, after the name of the pack: `Aegis-<id>[<finding>]`. */
  readonly id: string
  /** What was found, for whoever broke it. */
  readonly info: string
  /** Why it matters, and what to do. */
  readonly explanation: string
  /**
   * @returns what breaks the promise, one short text each, which is stable because an acknowledgement must repeat it; nothing if it holds.
   * A rule that throws has found something: cdk-nag reports it under the bare id.
   */
  check(resource: Resource, layout: Layout): string[]
}
