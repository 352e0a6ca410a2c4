import type { TokenVerifier } from '../identity/verify-token.ts'
import type { DoorName, JsonObject, Principal, ToolCall } from '../model/call.ts'
import { AegisError } from '../model/codes.ts'
import { newDecisionId } from '../model/decision-id.ts'
import type { Clock } from '../model/ports.ts'
import type { Verdict } from '../model/verdict.ts'
import type { DecisionTelemetry } from '../telemetry/telemetry.ts'
import type { ActivePolicy } from './active-policy.ts'
import type { Arrival } from './arrival.ts'
import { callKey, type KeyedCall, type StoredResponse } from './idempotency.ts'
import type { Ending, Journal } from './journal.ts'
import type { LiveCandidate } from './revisions/candidate.ts'
import { createPicking } from './revisions/picking.ts'
import type { RevisionCounter } from './revisions/revision-counts.ts'
import type { Services, Unfit } from './services.ts'
import { authenticate, type Credentials, refuseUnserved } from './stages/authenticate.ts'
import { begin, decide } from './stages/decide.ts'
import type { Decision, Judging } from './stages/way.ts'
import { verdictOf } from './verdict-of.ts'

export interface EnforcerOptions {
  /** Name of this process in decision ids. */
  node: string
  services: Services
  active: () => ActivePolicy | undefined
  /** What is loaded beside it, and decides for its share of agents. */
  candidate: () => LiveCandidate | undefined
  /** Counts what each revision decides. */
  counter: Pick<RevisionCounter, 'verdict' | 'failed'>
  verifier: TokenVerifier
  journal: Journal
  telemetry: DecisionTelemetry
  clock: Clock
  /** Most calls of one tenant that are under way at once: one tenant must not take the whole gateway. */
  maxPerTenant: number
}

/** What a tool answered, or was found not to. `unknown`: it may have acted, so it counts as if it had. */
export type ToolOutcome = 'executed' | 'not_executed' | 'unknown'

export interface Decided {
  verdict: Verdict
  /** What may leave, when `enforced` lets something leave: rewritten where policy says so. */
  arguments: JsonObject
  /** The action's destination is an argument: the call itself is the request. */
  urlAction: boolean
  credentialRef: string | null
  /** What goes along as `aegis-attestation`: the permission of an export that needed it, and of no other call. */
  attestation: string | undefined
  /** A keyed call that was forwarded before: answer this, and forward nothing. */
  replay: StoredResponse | undefined
  /** The answer itself must wait for the record: an approval was used up. */
  redeemed: boolean
  /** Resolves when the record is on disk: nothing with an effect may happen before. */
  recorded(): Promise<void>
  /** Before the first byte leaves: a keyed call is marked, so that it is never forwarded twice. @throws AegisError */
  forwarding(): Promise<void>
  responded(response: StoredResponse): Promise<void>
  /** What became of the call, from a door that knows. */
  settle(outcome: ToolOutcome): void
}

/** The way of a call: every door leads through here, and holds no rule of its own. */
export interface Enforcer {
  arrive(door: DoorName, headers: { traceparent?: string; tracestate?: string }): Arrival
  /** Authenticates from headers alone. @throws AegisError */
  admit(arrival: Arrival, credentials: Credentials): Promise<void>
  /**
   * Takes one of the tenant's places, until the answer is written: what is slow is the sender of a body, or a tool, more often than a judgement.
   * @returns gives it back. @throws AegisError overloaded
   */
  enter(tenant: string): () => void
  /**
   * The same as `admit` for what is no call: an agent asks about its approval, or says what became of a decision. It gets the policy that its
   * calls are decided by. @throws AegisError
   */
  identify(credentials: Credentials): Promise<{ principal: Principal; policy: ActivePolicy }>
  /** Decides an admitted call and records the verdict. @throws AegisError */
  decide(arrival: Arrival, call: ToolCall): Promise<Decided>
  /** Records a refusal. @returns the error to answer with: `audit_unavailable` when even the record failed */
  refuse(arrival: Arrival, error: unknown): AegisError
}

export function createEnforcer(options: EnforcerOptions): Enforcer {
  const { node, services, active, candidate, counter, verifier, journal, telemetry, clock, maxPerTenant } = options
  const places = tenantPlaces(maxPerTenant)
  const picking = createPicking(clock)

  const identify = async (credentials: Credentials) => {
    // Both of one turn, so that the directory that the token is verified by is the one that the call is judged by.
    const policy = inForce(active(), clock)
    const beside = candidate()
    const principal = await authenticate(credentials, policy, verifier, services)
    return { principal, policy: picking.policyFor(principal.agentId, policy, beside) }
  }

  const judged = async (arrival: Arrival, call: ToolCall, principal: Principal, policy: ActivePolicy): Promise<Decided> => {
    const judging = begun({ call, principal, policy, decisionId: arrival.decisionId }, services)
    refuseOverRate(judging)
    // What is killed now is refused now, whatever its key was answered before.
    const keyed = judging.enriched.kill === undefined ? await beginKeyed(judging) : undefined
    if (keyed !== undefined && keyed.state === 'replay') return replayed(keyed, judging, journal)
    const decision = await decide(judging).catch(async (error) => {
      await keyed?.abandon()
      throw error
    })
    const durationMs = clock.monotonic() - arrival.startedMs
    const verdict = verdictOf(arrival.decisionId, decision, policy, services.place, durationMs)
    const recorded = await kept(arrival, decision, verdict, keyed, journal)
    counter.verdict(policy.revision, decision, durationMs)
    return decidedOf({ judging, decision, verdict, recorded, keyed })
  }

  return {
    arrive: (door, headers) => ({
      decisionId: newDecisionId(node),
      door,
      startedMs: clock.monotonic(),
      span: telemetry.start(headers),
    }),

    async admit(arrival, credentials) {
      arrival.admitted = await identify(credentials)
    },

    enter: places.enter,
    identify,

    async decide(arrival, call) {
      arrival.call = call
      if (arrival.admitted === undefined) throw new AegisError('invalid_token')
      const { principal, policy } = arrival.admitted
      // The body may have been seconds on its way, and a redirect too.
      refuseUnserved(principal, policy, services)
      return judged(arrival, call, principal, policy)
    },

    refuse(arrival, error) {
      const refused = journal.refusal(arrival, error)
      // Who was not admitted met no policy, and a call that has its verdict was counted with it.
      if (refused.code === 'internal_error' && arrival.admitted !== undefined && arrival.decided === undefined)
        counter.failed(arrival.admitted.policy.revision, clock.monotonic() - arrival.startedMs)
      return refused
    },
  }
}

/** @throws AegisError malformed_call when the arguments do not fit, which whoever looks on is told */
function begun(unfit: Unfit, services: Services): Judging {
  try {
    return begin(unfit.call, unfit.principal, unfit.policy, services, unfit.decisionId)
  } catch (error) {
    if (error instanceof AegisError && error.code === 'malformed_call') {
      for (const watcher of services.watchers) watcher.unfit?.(unfit)
    }
    throw error
  }
}

function inForce(policy: ActivePolicy | undefined, clock: Clock): ActivePolicy {
  if (policy === undefined) throw new AegisError('not_ready')
  if (clock.now() >= policy.notAfterMs) throw new AegisError('bundle_expired')
  return policy
}

/** A document's rate is softened like its other rules. */
function refuseOverRate({ enriched, services }: Judging): void {
  const { agent, call, mode, tenant } = enriched
  if (agent === undefined) return
  const taken = services.rates.take(agent, call.tool, call.action)
  if (taken.ok) return
  if (mode === 'shadow') services.telemetry.softened(tenant.id, call.tool, [{ code: 'rate_limited', rule: 'rate' }])
  else throw new AegisError('rate_limited', undefined, { retryAfterS: taken.retryAfterS })
}

async function beginKeyed({ enriched, services, decisionId }: Judging) {
  const { call, principal, tenant, registered } = enriched
  if (call.idempotencyKey === undefined) return undefined
  const promotedAtMs = services.homes.promotedAtMs(tenant.id)
  return services.idempotency.begin({
    tenant: tenant.id,
    agent: principal.agentId,
    tool: call.tool,
    action: call.action,
    key: call.idempotencyKey,
    digest: callKey(call),
    decisionId,
    hasApproval: call.approval !== undefined,
    holds: services.homes.holds(tenant, principal),
    toolIdempotent: registered?.action.idempotent ?? false,
    ...(promotedAtMs !== undefined && { promotedAtMs }),
  })
}

/** The verdict of the first call with this key. */
async function replayed(
  { verdict, response, underWay }: Extract<KeyedCall, { state: 'replay' }>,
  { enriched }: Judging,
  journal: Journal,
): Promise<Decided> {
  const { principal, call, registered } = enriched
  await journal.write({
    kind: 'idempotency.replayed',
    actor: principal.agentId,
    tenant: principal.tenant,
    decisionId: verdict.decision_id,
    facts: { tool: call.tool, action: call.action },
  })
  return {
    verdict,
    arguments: verdict.arguments ?? call.arguments,
    urlAction: registered?.action.roles.url !== undefined,
    credentialRef: registered?.tool.credentialRef ?? null,
    attestation: undefined,
    replay: response,
    redeemed: false,
    recorded: async () => {},
    // The first call said that bytes may leave. They may be about to, and whoever were told to ask the tool now would hear that they have not.
    forwarding: async () => {
      throw new AegisError(underWay ? 'in_progress' : 'outcome_unknown')
    },
    responded: async () => {},
    settle: () => {},
  }
}

/** Stores the verdict under its key, then records it: an allow that a second call could not find again would be given twice. */
async function kept(
  arrival: Arrival,
  decision: Decision,
  verdict: Verdict,
  keyed: Extract<KeyedCall, { state: 'new' }> | undefined,
  journal: Journal,
): Promise<() => Promise<void>> {
  try {
    // A token that is not accepted says nothing about the call, which goes on waiting for one that is.
    if (keyed?.resumed && isRefusedToken(decision)) await keyed.abandon()
    else await keyed?.finish(verdict, { open: decision.enforced === 'approval_needed' })
    return journal.verdict(arrival, endingOf(decision))
  } catch (error) {
    decision.reservation?.release()
    await keyed?.abandon()
    throw error
  }
}

function isRefusedToken({ enforced, reasons }: Decision): boolean {
  return enforced === 'deny' && reasons.every(({ code }) => code === 'approval_invalid')
}

interface Kept {
  judging: Judging
  decision: Decision
  verdict: Verdict
  recorded: () => Promise<void>
  keyed: Extract<KeyedCall, { state: 'new' }> | undefined
}

function decidedOf({ judging, decision, verdict, recorded, keyed }: Kept): Decided {
  const { call, registered } = judging.enriched
  return {
    verdict,
    arguments: decision.payload?.arguments ?? call.arguments,
    urlAction: registered?.action.roles.url !== undefined,
    credentialRef: registered?.tool.credentialRef ?? null,
    attestation: decision.attestation,
    replay: undefined,
    redeemed: decision.redeemed,
    recorded,
    forwarding: async () => keyed?.forwarding(),
    responded: async (response) => keyed?.response(response),
    settle(outcome) {
      if (outcome === 'not_executed') decision.reservation?.release()
      else decision.reservation?.settle()
    },
  }
}

function endingOf({ decision, enforced, mode, reasons, dataClasses, approvalId, chain, route, stagesMs }: Decision): Ending {
  const routeRegion = route?.region ?? null
  return { decision, enforced, mode, reasons, dataClasses, approvalId, chain, routeRegion, policyNs: Math.round(stagesMs.policy * 1e6) }
}

/** Counts the calls of each tenant that are under way. */
function tenantPlaces(max: number) {
  const taken = new Map<string, number>()
  return {
    /** @returns what frees the place. @throws AegisError overloaded */
    enter(tenant: string): () => void {
      const now = (taken.get(tenant) ?? 0) + 1
      if (now > max) throw new AegisError('overloaded', 'the tenant has as many calls under way as it may have')
      taken.set(tenant, now)
      return () => {
        const left = (taken.get(tenant) ?? 1) - 1
        if (left === 0) taken.delete(tenant)
        else taken.set(tenant, left)
      }
    },
  }
}
