import type { Principal, ToolCall } from '../../model/call.ts'
import { AegisError, REASONS, type ReasonCode } from '../../model/codes.ts'
import type { Outcome, Reason, Route } from '../../model/verdict.ts'
import type { ActivePolicy } from '../active-policy.ts'
import type { VerifiedOverride } from '../approvals/desk.ts'
import type { OpenChain } from '../chains.ts'
import type { Judged, Services } from '../services.ts'
import { type Aim, aimOf } from './aim.ts'
import { approvalRequest, digestOf, invalid, mismatch, overrideOf } from './approval.ts'
import { refusedArrival } from './arrival-attestation.ts'
import { type Classified, look, UNSEEN } from './classify.ts'
import { destinationIn, enrich } from './enrich.ts'
import { guard } from './guard.ts'
import { type Judgement, judge, soften } from './judge.ts'
import { type Payload, rewrite, untouched } from './rewrite.ts'
import { type Spend, spendOf } from './spend.ts'
import { type Decision, type Judging, Way } from './way.ts'

/** A chain's counter may be moved by concurrent calls so often, then the call is refused instead of judged for ever. */
const ROUNDS_MAX = 4

/**
 * The stages after `enrich`, in their order: classify, policy, sanitize, guard, approval, budget. Whatever a stage throws is a deny, unless
 * it is a refusal with a code of its own.
 * @throws AegisError held_elsewhere or state_unavailable
 */
export async function decide(judging: Judging): Promise<Decision> {
  const { enriched, services } = judging
  const way = new Way(judging)
  if (enriched.kill !== undefined) return way.denied(host('kill_switch', `kill.${enriched.kill.scope.type}`))
  try {
    return await walk(way)
  } catch (error) {
    if (error instanceof AegisError) throw error
    services.telemetry.stageFailed(error)
    return way.denied(host('stage_error', 'host'))
  }
}

/** @throws AegisError malformed_call */
export function begin(call: ToolCall, principal: Principal, policy: ActivePolicy, services: Services, decisionId: string): Judging {
  const startMs = services.clock.monotonic()
  const enriched = enrich(call, principal, policy, services)
  return { enriched, policy, services, decisionId, enrichMs: services.clock.monotonic() - startMs }
}

async function walk(way: Way): Promise<Decision> {
  const { enriched, policy, services } = way.judging
  // What is not registered is refused whatever it carries, and no schema has bounded what a look at it would cost.
  const classified =
    enriched.registered === undefined
      ? UNSEEN
      : await way.timed('classify', () => look(enriched.call.arguments, policy.scanner, services.recognizer?.(policy.declaredClasses)))
  if (classified === undefined) return way.denied(host('dlp_limit', 'host.dlp'))
  way.dataClasses = classified.scan.classes
  const unproven = refusedArrival(enriched, classified.scan, policy, services)
  if (unproven !== undefined) return way.denied(unproven)
  const override = await overrideOf(enriched, services.desk)
  if (override !== undefined && 'refused' in override) return way.denied(override.refused)
  way.approvalId = override?.id ?? null
  const spend = spendOf(enriched)
  for (let round = 0; round < ROUNDS_MAX; round++) {
    const decision = await pass(way, { classified, override, spend })
    if (decision !== 'changed') return decision
  }
  return way.denied(host('chain_unverified', 'host.chain'))
}

interface Found {
  classified: Classified
  override: VerifiedOverride | undefined
  spend: Spend | undefined
}

/** One judgement on the state as it is now. @returns `changed` when a concurrent call moved that state under it */
async function pass(way: Way, found: Found): Promise<Decision | 'changed'> {
  const { enriched, policy, services, decisionId } = way.judging
  const { classified, override, spend } = found
  const chain = await way.timed('state', () => openChain(way.judging))
  way.chain = chain.id
  if (chain.refused) return way.denied(host('chain_unverified', 'host.chain'))
  if (spend !== undefined) await way.timed('state', () => spend.prepare(services.budgets))

  const facts = {
    data: classified.facts,
    chain: chain.facts,
    budget: spend?.facts(services.budgets) ?? null,
    approval: override === undefined ? null : approvalFacts(override),
  }
  const judged = way.timedNow('policy', () => judge(enriched, facts, policy, services.place, services.clock.now()))
  tellWatchers(services, { enriched, found: facts, judgement: judged, policy, decisionId })
  const outcome = soften(judged, enriched) === 'sanitize' ? 'sanitize' : judged.outcome
  const rewriting = way.timedNow('classify', () =>
    rewrite({ ...judged, outcome }, enriched, classified.scan, policy, services.pseudonymKey),
  )
  const judgement =
    rewriting.refused === undefined ? judged : { ...judged, outcome: 'deny' as const, reasons: withReason(judged, rewriting.refused) }
  const enforced = soften(judgement, enriched)
  // What shadow mode lets pass is what came: a rewriting is part of what it softens.
  const payload =
    rewriting.refused !== undefined || (enforced !== judgement.outcome && enforced !== 'sanitize')
      ? untouched(enriched, classified.scan)
      : rewriting.payload

  // A rewritten destination is another destination.
  const aimed = payload.rewritten
    ? { ...enriched, destination: destinationIn(payload.arguments, enriched.registered?.action, enriched.agent) }
    : enriched
  const aim = aimOf(aimed, policy, services.place)
  const digest = override !== undefined || enforced === 'approval_needed' ? digestOf(enriched, payload, aim, chain.id) : ''
  const permission =
    override === undefined
      ? undefined
      : { approvalId: override.id, attestation: override.attestation, digest, policyVersion: policy.revision }
  const guarded = await way.timed('guard', () => guard({ enforced, enriched: aimed, payload, aim, permission }, services))
  if (guarded.refused !== undefined) {
    if (judgement.outcome !== 'deny' && enforced === judgement.outcome) services.telemetry.guardFired(guarded.refused.code)
    return way.ended({ ...judgement, outcome: 'deny', reasons: withReason(judgement, guarded.refused) }, 'deny')
  }
  if (enforced === 'deny') return way.ended(judgement, enforced)
  if (enforced === 'approval_needed') return ask(way, { judgement, payload, aim, digest })
  const { route, attestation } = guarded
  return forward(way, { judgement, enforced, payload, route, attestation, chain, digest }, found)
}

/** Nothing that looks on may change what becomes of a call. */
function tellWatchers({ watchers }: Services, event: Judged): void {
  for (const watcher of watchers) {
    try {
      watcher.judged(event)
    } catch {
      // The watcher has counted it, and there is nobody else to tell.
    }
  }
}

/** Pauses the call until people have answered. A pending approval reserves nothing. */
async function ask(way: Way, asked: { judgement: Judgement; payload: Payload; aim: Aim | undefined; digest: string }): Promise<Decision> {
  const { enriched, policy, services } = way.judging
  const request = approvalRequest({ ...asked, enriched, chain: way.chain ?? '' }, policy.revision, services.place)
  const approval = await way.timed('state', () => services.desk.ask(request))
  way.approvalId = approval.id
  return { ...way.ended(asked.judgement, 'approval_needed'), approval }
}

interface Leaving {
  judgement: Judgement
  enforced: Outcome
  payload: Payload
  route: Route | undefined
  attestation: string | undefined
  chain: OpenChain
  digest: string
}

/**
 * What may go on is first paid for, then written into its chain, then takes its approval: in this order, because a reservation can be given
 * back and a taint too many harms nobody, while an approval is used once.
 */
async function forward(way: Way, leaving: Leaving, { override, spend }: Found): Promise<Decision | 'changed'> {
  const { enriched, policy, services, decisionId } = way.judging
  const { payload, route, attestation, chain, digest } = leaving
  let { judgement, enforced } = leaving
  const wrong = override === undefined ? undefined : mismatch(override, digest, policy)
  if (wrong !== undefined) return way.denied(wrong)

  const held = await way.timed('state', () => spend?.reserve(services.budgets, decisionId, services.clock.now()))
  if (held === 'unavailable') return way.denied(host('budget_unverified', 'host.budget'))
  if (held === 'exhausted') {
    judgement = { ...judgement, outcome: 'deny', reasons: withReason(judgement, host('budget_exhausted', 'host.budget')) }
    enforced = soften(judgement, enriched)
    if (enforced === 'deny') return way.ended(judgement, enforced)
  }
  const reservation = held === 'exhausted' ? undefined : held
  const { tool, action } = enriched.call
  const committed = await way.timed('state', () => chain.commit(judgement.obligations.taint, `${tool}.${action}`))
  if (committed !== 'written') reservation?.release()
  if (committed === 'changed') return 'changed'
  if (committed === 'unavailable') return way.denied(host('chain_unverified', 'host.chain'))

  const consumed = override === undefined ? undefined : await way.timed('state', () => services.desk.consume(override, digest))
  if (consumed === 'refused') {
    reservation?.release()
    return way.denied(invalid('it was used before, or its approval no longer stands'))
  }
  // Nobody knows whether it was used: what was set aside stays set aside.
  if (consumed === 'unknown') return way.denied(host('approval_unknown', 'host.approval'))
  return { ...way.ended(judgement, enforced), route, payload, attestation, reservation, redeemed: override !== undefined }
}

function openChain({ enriched, services }: Judging): Promise<OpenChain> {
  const { principal, tenant, call, agent } = enriched
  const promotedAtMs = services.homes.promotedAtMs(tenant.id)
  return services.chains.open({
    principal,
    tenant,
    rules: agent?.chain ?? [],
    holds: services.homes.holds(tenant, principal),
    ...(call.chain !== undefined && { presented: call.chain }),
    ...(promotedAtMs !== undefined && { promotedAtMs }),
  })
}

function approvalFacts({ id, rules, roles, approvers }: VerifiedOverride) {
  return { id, rules, roles, approvers }
}

/** A reason that the host gives, in the words of its code. */
function host(code: ReasonCode, rule: string): Reason {
  return { code, message: REASONS[code], rule }
}

/** Policy and host may refuse for the same cause, which is then said once. */
function withReason({ reasons }: Pick<Judgement, 'reasons'>, refused: Reason): Reason[] {
  return reasons.some(({ code }) => code === refused.code) ? reasons : [...reasons, refused]
}
