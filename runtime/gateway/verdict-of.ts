import type { Verdict } from '../model/verdict.ts'
import type { ActivePolicy } from './active-policy.ts'
import type { Place } from './services.ts'
import type { Decision, StagesMs } from './stages/way.ts'

/** A decision in the words of the wire. */
export function verdictOf(decisionId: string, decided: Decision, policy: ActivePolicy, place: Place, totalMs: number): Verdict {
  const { decision, enforced, mode, reasons, tenantZone, chain, route, payload, approval, reservation, stagesMs } = decided
  const rewritten = enforced === 'sanitize' && payload !== undefined
  return {
    decision_id: decisionId,
    decision,
    enforced,
    mode,
    reasons,
    policy_version: policy.revision,
    region: place.region,
    zone: place.zone,
    tenant_zone: tenantZone,
    ...(chain !== null && { chain }),
    ...(rewritten && { arguments: payload.arguments, redactions: [...payload.redactions] }),
    ...(approval !== undefined && { approval }),
    ...(reservation !== undefined && {
      reservation: { cost: reservation.cost, currency: reservation.unit, until: new Date(reservation.untilMs).toISOString() },
    }),
    ...(route !== undefined && { route }),
    timing_us: timingOf(totalMs, stagesMs),
  }
}

function timingOf(totalMs: number, { enrich, classify, policy, guard, state }: StagesMs) {
  return {
    total: microseconds(totalMs),
    enrich: microseconds(enrich),
    classify: microseconds(classify),
    policy: microseconds(policy),
    guard: microseconds(guard),
    state: microseconds(state),
  }
}

const microseconds = (ms: number) => Math.round(ms * 1000)
