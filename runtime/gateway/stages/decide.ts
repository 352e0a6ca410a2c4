import type { Principal, ToolCall } from '../../model/call.ts'
import type { Clock, Resolver } from '../../model/ports.ts'
import type { Mode, Outcome, Reason, Route } from '../../model/verdict.ts'
import type { ActivePolicy } from '../active-policy.ts'
import { enrich } from './enrich.ts'
import { guard } from './guard.ts'
import { type Judgement, judge, type Place, soften } from './judge.ts'

/** What becomes of a call, and why. */
export interface Decision {
  decision: Outcome
  enforced: Outcome
  mode: Mode
  reasons: Reason[]
  tenantZone: string
  route: Route | undefined
  /** Milliseconds that each stage took. */
  stagesMs: { enrich: number; policy: number; guard: number }
}

export interface DecideOptions {
  place: Place
  resolver: Resolver
  clock: Clock
}

/**
 * The stages in their order: enrich, policy, guard. A malformed call ends in `enrich` with its own error; whatever else a
 * stage throws is a deny.
 * @throws AegisError malformed_call
 */
export async function decide(call: ToolCall, principal: Principal, policy: ActivePolicy, options: DecideOptions): Promise<Decision> {
  const { place, resolver, clock } = options
  const startMs = clock.monotonic()
  const enriched = enrich(call, principal, policy)
  const enrichedMs = clock.monotonic()
  const judgement = judge(enriched, policy, place, clock.now())
  const softened = soften(judgement, enriched.mode)
  const judgedMs = clock.monotonic()
  const guarded = await guard(softened, enriched, policy, place, resolver).catch(() => ({ refused: STAGE_ERROR }))
  const common = {
    mode: enriched.mode,
    tenantZone: enriched.tenant.zone,
    stagesMs: { enrich: enrichedMs - startMs, policy: judgedMs - enrichedMs, guard: clock.monotonic() - judgedMs },
  }
  return guarded.refused === undefined
    ? { ...common, decision: judgement.outcome, enforced: softened, reasons: judgement.reasons, route: guarded.route }
    : { ...common, decision: 'deny', enforced: 'deny', reasons: withReason(judgement, guarded.refused), route: undefined }
}

const STAGE_ERROR: Reason = { code: 'stage_error', message: 'a stage of the decision failed', rule: 'guard' }

/** Policy and guard may refuse for the same cause, which is then said once. */
function withReason({ reasons }: Judgement, refused: Reason): Reason[] {
  return reasons.some(({ code }) => code === refused.code) ? reasons : [...reasons, refused]
}
