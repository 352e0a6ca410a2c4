import type { BudgetKeeper } from '../budget/keeper.ts'
import type { EntityRecognizer } from '../dlp/recognizer.ts'
import type { Principal, ToolCall } from '../model/call.ts'
import type { Clock, Resolver } from '../model/ports.ts'
import type { DecisionTelemetry } from '../telemetry/telemetry.ts'
import type { ActivePolicy } from './active-policy.ts'
import type { ApprovalDesk } from './approvals/desk.ts'
import type { Chains } from './chains.ts'
import type { Idempotency } from './idempotency.ts'
import type { ToolWatch } from './net/tool-watch.ts'
import type { Rates } from './rates.ts'
import type { Homes } from './region/homes.ts'
import type { KillSwitches } from './region/kill-switches.ts'
import type { EnrichedCall } from './stages/enrich.ts'
import type { ExportGate } from './stages/guard.ts'
import type { FoundFacts, Judgement } from './stages/judge.ts'

/** Where a gateway stands. */
export interface Place {
  region: string
  zone: string
}

/** One judgement of policy, with everything that it was made from. */
export interface Judged {
  enriched: EnrichedCall
  found: FoundFacts
  /** Policy's own, before sanitizing, guard, approval and budget. */
  judgement: Judgement
  policy: ActivePolicy
  decisionId: string
}

/** Sees every judgement and changes none. A call that is judged once more comes once more, under the same id. */
export interface JudgementWatcher {
  judged(event: Judged): void
}

/** What the stages ask beside the call and the policy: memory first, else one operation on the region's own tables. */
export interface Services {
  place: Place
  clock: Clock
  resolver: Resolver
  kills: Pick<KillSwitches, 'hit' | 'revoked'>
  homes: Pick<Homes, 'mayServe' | 'holds' | 'promotedAtMs'>
  chains: Chains
  budgets: Pick<BudgetKeeper, 'prepare' | 'facts' | 'reserve' | 'report'>
  rates: Rates
  desk: ApprovalDesk
  idempotency: Idempotency
  watch: Pick<ToolWatch, 'drifted'>
  exports: ExportGate
  telemetry: Pick<DecisionTelemetry, 'softened' | 'guardFired' | 'stageFailed'>
  pseudonymKey: Uint8Array
  /** Finds what no pattern does, in classes that the documents declare. */
  recognizer: ((classes: ReadonlySet<string>) => EntityRecognizer) | undefined
  /** Told of every judgement, and changing none. */
  watchers: readonly JudgementWatcher[]
}

/** What policy was asked about one call, and what it said. Once more when a concurrent call made it be asked again. */
export interface Judged {
  enriched: EnrichedCall
  found: FoundFacts
  /** Policy's own words: before rewriting, guard and shadow mode. */
  judgement: Judgement
  policy: ActivePolicy
  decisionId: string
}

/** A call whose arguments do not fit the action's schema: it ended before policy was asked. */
export interface Unfit {
  call: ToolCall
  principal: Principal
  policy: ActivePolicy
  decisionId: string
}

/** Looks on. What it throws is dropped: it counts its own failures. Called on the way of the call, so it only takes note. */
export interface JudgementWatcher {
  judged(event: Judged): void
  unfit?(event: Unfit): void
}
