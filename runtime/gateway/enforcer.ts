import { randomUUID } from 'node:crypto'
import type { Span } from '@opentelemetry/api'
import { type LogIdentity, type RecordFacts, recordFrame, recordLine } from '../evidence/record.ts'
import type { Spool } from '../evidence/spool.ts'
import type { TokenVerifier } from '../identity/verify-token.ts'
import type { DoorName, Principal, ToolCall } from '../model/call.ts'
import { AegisError } from '../model/codes.ts'
import type { Clock, Resolver } from '../model/ports.ts'
import type { Mode, Reason, Verdict } from '../model/verdict.ts'
import type { DecisionTelemetry } from '../telemetry/telemetry.ts'
import type { ActivePolicy } from './active-policy.ts'
import { authenticate } from './stages/authenticate.ts'
import { enrich } from './stages/enrich.ts'
import { guard } from './stages/guard.ts'
import { denial, judge, soften } from './stages/judge.ts'

export interface EnforcerOptions {
  identity: LogIdentity
  active: () => ActivePolicy | undefined
  verifier: TokenVerifier
  resolver: Resolver
  spool: Spool
  telemetry: DecisionTelemetry
  clock: Clock
}

/** A call on its way, from its headers on. */
export interface Arrival {
  decisionId: string
  door: DoorName
  startedMs: number
  span: Span
  principal?: Principal
  /** The policy that the whole call is judged by, whatever is activated meanwhile. */
  policy?: ActivePolicy
  call?: Pick<ToolCall, 'tool' | 'action'>
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

export function createEnforcer(options: EnforcerOptions): Enforcer {
  const { identity, clock, verifier, resolver, spool, telemetry } = options
  const frame = recordFrame(identity)
  const place = { region: identity.region, zone: identity.zone }

  const policyInForce = (): ActivePolicy => {
    const policy = options.active()
    if (policy === undefined) throw new AegisError('not_ready')
    if (clock.now() >= policy.notAfterMs) throw new AegisError('bundle_expired')
    return policy
  }

  const write = (arrival: Arrival, facts: Outcome): number => {
    const durationMs = clock.monotonic() - arrival.startedMs
    const { line } = recordLine(frame, spool.nextSeq, {
      decisionId: arrival.decisionId,
      timestampMs: clock.now(),
      principal: arrival.principal,
      door: arrival.door,
      tool: arrival.call?.tool ?? null,
      action: arrival.call?.action ?? null,
      policyVersion: arrival.policy?.revision ?? '',
      tenantZone: tenantZone(arrival),
      dataClasses: [],
      durationNs: Math.round(durationMs * 1e6),
      ...facts,
    })
    const seq = spool.append(line)
    observe(arrival, facts, durationMs)
    return seq
  }

  const observe = (arrival: Arrival, facts: Outcome, durationMs: number) =>
    telemetry.end(arrival.span, {
      door: arrival.door,
      decision: facts.decision,
      enforced: facts.enforced,
      mode: facts.mode,
      tool: arrival.call?.tool ?? null,
      action: arrival.call?.action ?? null,
      policyVersion: arrival.policy?.revision ?? '',
      tenantZone: tenantZone(arrival),
      decisionId: arrival.decisionId,
      codes: facts.error === undefined ? facts.reasons.map(({ code }) => code) : [facts.error],
      durationMs,
    })

  return {
    arrive: (door, headers) => ({ decisionId: randomUUID(), door, startedMs: clock.monotonic(), span: telemetry.start(headers) }),

    async admit(arrival, authorization) {
      const policy = policyInForce()
      arrival.policy = policy
      arrival.principal = await authenticate(authorization, policy, verifier, place.region)
    },

    async decide(arrival, call) {
      arrival.call = call
      const { policy, principal } = arrival
      if (policy === undefined || principal === undefined) throw new AegisError('invalid_token')
      if (call.chain !== undefined || call.approval !== undefined || call.idempotencyKey !== undefined) {
        // To pass over one of these in silence would forward a call that its caller believes is bound or deduplicated.
        throw new AegisError('malformed_call', 'this version takes no chain, approval or idempotency key')
      }
      const { verdict, facts } = await decideAdmitted(arrival, call, policy, principal)
      const seq = write(arrival, facts)
      return { verdict, recorded: () => spool.synced(seq) }
    },

    refuse(arrival, error) {
      const refusal = error instanceof AegisError ? error : new AegisError('internal_error', undefined, { cause: error })
      try {
        write(arrival, refusalFacts(refusal))
        return refusal
      } catch (unrecorded) {
        const last = unrecorded instanceof AegisError ? unrecorded : new AegisError('audit_unavailable', undefined, { cause: unrecorded })
        observe(arrival, refusalFacts(last), clock.monotonic() - arrival.startedMs)
        return last
      }
    },
  }

  async function decideAdmitted(arrival: Arrival, call: ToolCall, policy: ActivePolicy, principal: Principal) {
    const timings: Record<string, number> = {}
    let mark = clock.monotonic()
    const lap = (stage: string) => {
      const now = clock.monotonic()
      timings[stage] = microseconds(now - mark)
      mark = now
    }

    // A malformed call or an unknown tenant ends here with its own error; what else a stage throws is a deny.
    const enriched = enrich(call, principal, policy)
    lap('enrich')
    let judgement = judge(enriched, policy, place, clock.now())
    let enforced = soften(judgement, enriched.mode)
    const policyMs = clock.monotonic() - mark
    lap('policy')
    const guarded = await guard(enforced, enriched, policy, place, resolver).catch(() => ({ refused: STAGE_ERROR }))
    lap('guard')
    if (guarded.refused !== undefined) {
      const already = judgement.reasons.some(({ code }) => code === guarded.refused.code)
      judgement = { ...denial(guarded.refused), reasons: already ? judgement.reasons : [...judgement.reasons, guarded.refused] }
      enforced = 'deny'
    }
    const route = guarded.refused === undefined ? guarded.route : undefined
    const verdict: Verdict = {
      decision_id: arrival.decisionId,
      decision: judgement.outcome,
      enforced,
      mode: enriched.mode,
      reasons: judgement.reasons,
      policy_version: policy.revision,
      region: place.region,
      zone: place.zone,
      tenant_zone: enriched.tenant.zone,
      ...(route !== undefined && { route }),
      timing_us: { total: microseconds(clock.monotonic() - arrival.startedMs), ...timings },
    }
    const facts: Outcome = {
      decision: verdict.decision,
      enforced,
      mode: verdict.mode,
      reasons: verdict.reasons,
      routeRegion: route?.region ?? null,
      policyNs: Math.round(policyMs * 1e6),
    }
    return { verdict, facts }
  }
}

const STAGE_ERROR: Reason = { code: 'stage_error', message: 'a stage of the decision failed', rule: 'guard' }

interface Outcome extends Pick<RecordFacts, 'decision' | 'enforced' | 'error' | 'reasons' | 'routeRegion' | 'policyNs'> {
  mode: Mode
}

function refusalFacts({ code }: AegisError): Outcome {
  return { decision: 'error', enforced: 'deny', error: code, mode: 'enforce', reasons: [], routeRegion: null, policyNs: 0 }
}

function tenantZone({ policy, principal }: Arrival): string | null {
  return principal === undefined ? null : (policy?.tenants.get(principal.tenant)?.zone ?? null)
}

const microseconds = (ms: number) => Math.round(ms * 1000)
