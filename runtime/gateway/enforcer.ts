import { randomUUID } from 'node:crypto'
import type { TokenVerifier } from '../identity/verify-token.ts'
import type { DoorName, ToolCall } from '../model/call.ts'
import { AegisError } from '../model/codes.ts'
import type { Clock, Resolver } from '../model/ports.ts'
import type { Verdict } from '../model/verdict.ts'
import type { DecisionTelemetry } from '../telemetry/telemetry.ts'
import type { ActivePolicy } from './active-policy.ts'
import type { Arrival } from './arrival.ts'
import type { Ending, Journal } from './journal.ts'
import { authenticate } from './stages/authenticate.ts'
import { type Decision, decide } from './stages/decide.ts'
import type { Place } from './stages/judge.ts'

export interface EnforcerOptions {
  place: Place
  active: () => ActivePolicy | undefined
  verifier: TokenVerifier
  resolver: Resolver
  journal: Journal
  telemetry: DecisionTelemetry
  clock: Clock
}

export interface Decided {
  verdict: Verdict
  /** Resolves when the record is on disk: nothing with an effect may happen before. */
  recorded: () => Promise<void>
}

/** The way of a call: every door leads through here, and holds no rule of its own. */
export interface Enforcer {
  arrive(door: DoorName, headers: { traceparent?: string; tracestate?: string }): Arrival
  /** Authenticates from headers alone. @throws AegisError */
  admit(arrival: Arrival, authorization: string | undefined): Promise<void>
  /** Decides an admitted call and records the verdict. @throws AegisError */
  decide(arrival: Arrival, call: ToolCall): Promise<Decided>
  /** Records a refusal. @returns the error to answer with: `audit_unavailable` when even the record failed */
  refuse(arrival: Arrival, error: unknown): AegisError
}

export function createEnforcer({ place, active, verifier, resolver, journal, telemetry, clock }: EnforcerOptions): Enforcer {
  return {
    arrive: (door, headers) => ({ decisionId: randomUUID(), door, startedMs: clock.monotonic(), span: telemetry.start(headers) }),

    async admit(arrival, authorization) {
      const policy = inForce(active(), clock)
      const principal = await authenticate(authorization, policy, verifier, place.region)
      arrival.admitted = { principal, policy }
    },

    async decide(arrival, call) {
      arrival.call = call
      if (arrival.admitted === undefined) throw new AegisError('invalid_token')
      refuseWhatIsNotKept(call)
      const { principal, policy } = arrival.admitted
      const decision = await decide(call, principal, policy, { place, resolver, clock })
      const verdict = verdictOf(arrival, decision, policy, place, clock.monotonic() - arrival.startedMs)
      return { verdict, recorded: journal.verdict(arrival, endingOf(decision)) }
    },

    refuse: (arrival, error) => journal.refusal(arrival, error),
  }
}

function inForce(policy: ActivePolicy | undefined, clock: Clock): ActivePolicy {
  if (policy === undefined) throw new AegisError('not_ready')
  if (clock.now() >= policy.notAfterMs) throw new AegisError('bundle_expired')
  return policy
}

/** To pass over one of these in silence would forward a call that its caller believes is bound or deduplicated. */
function refuseWhatIsNotKept({ chain, approval, idempotencyKey }: ToolCall): void {
  if (chain === undefined && approval === undefined && idempotencyKey === undefined) return
  throw new AegisError('malformed_call', 'this version takes no chain, approval or idempotency key')
}

function verdictOf(arrival: Arrival, decided: Decision, policy: ActivePolicy, place: Place, totalMs: number): Verdict {
  const { decision, enforced, mode, reasons, tenantZone, route, stagesMs } = decided
  return {
    decision_id: arrival.decisionId,
    decision,
    enforced,
    mode,
    reasons,
    policy_version: policy.revision,
    region: place.region,
    zone: place.zone,
    tenant_zone: tenantZone,
    ...(route !== undefined && { route }),
    timing_us: {
      total: microseconds(totalMs),
      enrich: microseconds(stagesMs.enrich),
      policy: microseconds(stagesMs.policy),
      guard: microseconds(stagesMs.guard),
    },
  }
}

function endingOf({ decision, enforced, mode, reasons, route, stagesMs }: Decision): Ending {
  return { decision, enforced, mode, reasons, routeRegion: route?.region ?? null, policyNs: Math.round(stagesMs.policy * 1e6) }
}

const microseconds = (ms: number) => Math.round(ms * 1000)
