import { costOf } from '../../budget/cost.ts'
import { DlpLimitError } from '../../dlp/scan.ts'
import { AegisError } from '../../model/codes.ts'
import type { Outcome, Reason } from '../../model/verdict.ts'
import type { ActivePolicy } from '../active-policy.ts'
import type { Judged, Services, Unfit } from '../services.ts'
import { factsOf } from '../stages/classify.ts'
import { type EnrichedCall, enrich } from '../stages/enrich.ts'
import { type FoundFacts, judge, soften } from '../stages/judge.ts'

/** What one revision says of a call. */
export interface Opinion {
  /** With what shadow mode softens: what the caller would have met. */
  outcome: Outcome
  /** `malformed_call` is no reason of a verdict, but another revision's schema refuses a call as finally as any. */
  reasons: readonly (Pick<Reason, 'rule'> & { code: Reason['code'] | 'malformed_call' })[]
}

export interface SecondOptions {
  place: Services['place']
  watch: Services['watch']
  nowMs: number
}

/** What the policy that decided said. */
export function firstOpinion({ judgement, enriched }: Pick<Judged, 'judgement' | 'enriched'>): Opinion {
  return { outcome: soften(judgement, enriched), reasons: judgement.reasons }
}

/**
 * What another policy says of a call that was judged: by its own documents and registry, on the facts that were found then.
 * Reads and writes nothing outside memory. @throws whatever a stage throws
 */
export function secondOpinion(event: Judged, other: ActivePolicy, options: SecondOptions): Opinion {
  const enriched = enrichedBy(other, event.enriched, options)
  if (enriched === undefined) return MALFORMED
  const data = dataFor(event, other)
  if (data === undefined) return { outcome: 'deny', reasons: [{ code: 'dlp_limit', rule: 'host.dlp' }] }
  return opinionOf(enriched, { data, ...stateFor(enriched, event), approval: event.found.approval }, other, options)
}

/**
 * The same for a call that the first policy's schema refused, so that nothing was found out about it. Everything unknown is taken at its
 * best: what would be denied even so is no new denial.
 * @returns undefined when the other policy's schema refuses it too
 */
export function onlyOpinion(event: Unfit, other: ActivePolicy, options: SecondOptions): Opinion | undefined {
  const enriched = enrichedBy(other, event, options)
  if (enriched === undefined) return undefined
  const data = factsOf({ findings: [], classes: [] })
  return opinionOf(enriched, { data, chain: EMPTY_CHAIN, budget: amplyFunded(enriched), approval: null }, other, options)
}

/** Arguments that do not fit the schema of the revision. */
export const MALFORMED: Opinion = { outcome: 'deny', reasons: [{ code: 'malformed_call', rule: 'schema' }] }
const EMPTY_CHAIN: FoundFacts['chain'] = { id: '', taints: [], calls: {} }
// What a kill switch stops is never judged, so there is none to look for.
const kills = { hit: () => undefined, revoked: () => false }

function opinionOf(enriched: EnrichedCall, found: FoundFacts, other: ActivePolicy, { place, nowMs }: SecondOptions): Opinion {
  const judgement = judge(enriched, found, other, place, nowMs)
  return { outcome: soften(judgement, enriched), reasons: judgement.reasons }
}

/** @returns undefined when the arguments do not fit this policy's schema */
function enrichedBy(other: ActivePolicy, { call, principal }: Pick<Unfit, 'call' | 'principal'>, { place, watch }: SecondOptions) {
  try {
    return enrich(call, principal, other, { kills, watch, place })
  } catch (error) {
    if (error instanceof AegisError && error.code === 'malformed_call') return undefined
    throw error
  }
}

/**
 * Chain and budget as they were found. Where the first policy had no reason to ask and the other has, nobody knows: then they are taken at
 * their best, because a document that gains a budget or a chain rule would otherwise seem to deny every call.
 */
function stateFor(enriched: EnrichedCall, { enriched: first, found }: Judged): Pick<FoundFacts, 'chain' | 'budget'> {
  const asksChain = ({ agent }: EnrichedCall) => (agent?.chain.length ?? 0) > 0
  const asksBudget = ({ agent }: EnrichedCall) => (agent?.budget ?? null) !== null
  return {
    chain: found.chain === null && asksChain(enriched) && !asksChain(first) ? EMPTY_CHAIN : found.chain,
    budget: found.budget === null && asksBudget(enriched) && !asksBudget(first) ? amplyFunded(enriched) : found.budget,
  }
}

function amplyFunded({ agent, registered, call }: EnrichedCall): FoundFacts['budget'] {
  const priced = agent === undefined || registered === undefined ? null : costOf(agent, registered.action.roles, call.arguments)
  return priced === null ? null : { remaining: Number.MAX_SAFE_INTEGER, cost: priced.cost }
}

/**
 * The data that the other policy's scanner finds, where the two differ. What a recognizer found is found once.
 * @returns undefined when looking would take more than one call is given
 */
function dataFor({ enriched, found, policy }: Judged, other: ActivePolicy): FoundFacts['data'] | undefined {
  if (policy.classesDigest === other.classesDigest) return found.data
  try {
    const { findings, classes } = other.scanner.scan(enriched.call.arguments)
    const declared = (name: string) => policy.declaredClasses.has(name) && other.declaredClasses.has(name) && !classes.includes(name)
    const recognized = found.data.findings.filter((finding) => declared(finding.class))
    const all = [...findings.map(({ path, class: name }) => ({ path, class: name })), ...recognized]
    return factsOf({ findings: all, classes: [...new Set(all.map((finding) => finding.class))].sort() })
  } catch (error) {
    if (error instanceof DlpLimitError) return undefined
    throw error
  }
}
