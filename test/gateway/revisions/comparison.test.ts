import { jest } from '@jest/globals'
import type { ActivePolicy } from '../../../runtime/gateway/active-policy.ts'
import type { LiveCandidate } from '../../../runtime/gateway/revisions/candidate.ts'
import { type ComparisonOptions, revisionComparison } from '../../../runtime/gateway/revisions/comparison.ts'
import { enrich } from '../../../runtime/gateway/stages/enrich.ts'
import { type FoundFacts, judge } from '../../../runtime/gateway/stages/judge.ts'
import type { JsonObject, Principal, ToolCall } from '../../../runtime/model/call.ts'
import type { Documents } from '../../../runtime/policy/documents.ts'
import { activePolicy, documents, type TestTrust, testTrust } from '../../support/gateway.ts'
import { limited, withAgent } from './documents.ts'

let trust: TestTrust
let inForce: ActivePolicy
beforeAll(async () => {
  trust = await testTrust()
  inForce = await activePolicy(trust, 'eu')
})
const policyOf = (changed: Documents) => activePolicy(trust, 'eu', [], { documents: changed })

const place = { region: 'eu-west-1', zone: 'eu' }
const none = { kills: { hit: () => undefined, revoked: () => false }, watch: { drifted: () => false }, place }
const clock = { now: () => Date.now(), monotonic: () => performance.now() }
const nothing: FoundFacts = { data: { classes: [], findings: [], findings_total: 0 }, chain: null, budget: null, approval: null }

function principalOf(agentId: string, tenant = 'acme-eu'): Principal {
  return { agentId, tenant, zone: 'eu', binding: 'zone', tokenId: 't', issuerRegion: 'eu-west-1', keyId: 'k', expiresAt: 0 }
}
const callOf = (tool: string, action: string, args: JsonObject): ToolCall => ({
  door: 'decision_api',
  tool,
  action,
  arguments: args,
  bytes: 1,
})
const payment = (amount: number) =>
  callOf('stripe-payments', 'create_payment', { amount, currency: 'eur', recipient: 'supplier-7', memo: 'invoice' })

/** A comparison of the demo's documents in force with those of a candidate, and calls judged by either. */
function comparing(candidatePolicy: ActivePolicy, options: Partial<ComparisonOptions> & Partial<LiveCandidate> = {}) {
  const state = {
    live: { rollout: 'r-1', sharePercent: 0, compare: true, policy: candidatePolicy, ...options } as LiveCandidate | undefined,
    current: inForce as ActivePolicy | undefined,
  }
  const comparison = revisionComparison({
    place,
    watch: none.watch,
    clock,
    current: () => state.current,
    candidate: () => state.live,
    ...options,
  })
  let calls = 0
  const judged = (call: ToolCall, { agent = 'finance-agent', by = inForce, found = nothing, tenant = 'acme-eu' } = {}) => {
    const enriched = enrich(call, principalOf(agent, tenant), by, none)
    const event = { enriched, found, judgement: judge(enriched, found, by, place, 0), policy: by, decisionId: `d-${calls++}` }
    comparison.judged(event)
    return event
  }
  const result = async () => {
    await comparison.idle()
    return comparison.shown('r-1')
  }
  return { comparison, judged, result, state }
}

describe('counts', () => {
  test('calls that a stricter candidate would deny, by rule, tool and tenant, with decision ids', async () => {
    const { judged, result } = comparing(await policyOf(limited(1000)))
    judged(payment(900))
    judged(payment(2000))
    judged(payment(3000))
    judged(callOf('crm', 'read_contact', { id: 'c-1' }))
    const shown = await result()
    expect(shown).toMatchObject({ compared: 4, skipped: 0, new_denies: 2, new_approvals: 0, loosened: 0, faults: 0 })
    expect(shown?.tools).toEqual({ 'stripe-payments.create_payment': 2 })
    expect(shown?.tenants).toEqual({ 'acme-eu': 2 })
    expect(Object.entries(shown?.rules ?? {})).toEqual([[expect.stringMatching(/^amount_over_limit /), 2]])
    expect(shown?.decision_ids).toEqual(['d-1', 'd-2'])
  })

  test('calls that would need an approval', async () => {
    const { judged, result } = comparing(await policyOf(limited(1000, 'approval_needed')))
    judged(payment(2000))
    expect(await result()).toMatchObject({ new_denies: 0, new_approvals: 1, loosened: 0, decision_ids: ['d-0'] })
  })

  test('calls that would pass with less', async () => {
    const { judged, result } = comparing(await policyOf(limited(900_000)))
    judged(payment(600_000))
    judged(payment(950_000))
    expect(await result()).toMatchObject({ compared: 2, new_denies: 1, loosened: 1 })
  })

  test('in the same direction where the candidate decided', async () => {
    const candidate = await policyOf(limited(1000))
    const { judged, result } = comparing(candidate, { sharePercent: 50 })
    judged(payment(2000), { by: candidate })
    judged(payment(900), { by: candidate })
    expect(await result()).toMatchObject({ compared: 2, new_denies: 1, loosened: 0, decision_ids: ['d-0'] })
  })

  test('nothing new where both deny', async () => {
    const { judged, result } = comparing(await policyOf(limited(1000)))
    judged(callOf('ehr', 'read_record', { patient: 'p-1' }))
    expect(await result()).toMatchObject({ compared: 1, new_denies: 0, new_approvals: 0, loosened: 0, rules: {}, decision_ids: [] })
  })

  test('an agent that would leave shadow mode, though policy says the same of its call', async () => {
    const enforced = await policyOf(withAgent('trial-agent', (document) => ({ ...document, mode: 'enforce' })))
    const { judged, result } = comparing(enforced)
    judged(payment(600_000), { agent: 'trial-agent' })
    expect(await result()).toMatchObject({ new_approvals: 1, rules: { 'amount_over_limit max_amount': expect.anything() } })
  })

  test('an agent that no document would name any more', async () => {
    const without = { ...documents, agents: documents.agents.filter(({ agent }) => agent !== 'finance-agent') }
    const { judged, result } = comparing(await policyOf(without))
    judged(payment(900))
    expect((await result())?.rules).toEqual({ 'unknown_agent agent': 1 })
  })

  test('at most 50 names and 20 ids, and all in the sums', async () => {
    const { differencesOf } = await import('../../../runtime/gateway/revisions/differences.ts')
    const differences = differencesOf('abc')
    const opinion = (outcome: 'allow' | 'deny', rule: string) => ({ outcome, reasons: [{ code: 'tool_not_allowed' as const, rule }] })
    for (let i = 0; i < 60; i++) {
      const names = { decisionId: `d-${i}`, tool: `tool-${i}`, action: 'act', tenant: `tenant-${i}` }
      differences.add({ ...names, inForce: { outcome: 'allow', reasons: [] }, candidate: opinion('deny', `rule-${i}`) })
    }
    const { new_denies, rules, tools, tenants, decision_ids } = differences.shown()
    expect(new_denies).toBe(60)
    expect([rules, tools, tenants].map((names) => Object.keys(names).length)).toEqual([50, 50, 50])
    expect(decision_ids).toHaveLength(20)
  })
})

describe('where the schemas differ', () => {
  /** The demo's registry with an argument more that payments must have. */
  const demanding = () => {
    const tools = structuredClone(documents.tools) as Documents['tools']
    const schema = tools['stripe-payments']?.actions.create_payment?.schema as { required?: string[]; properties?: Record<string, object> }
    schema.properties = { ...schema.properties, cost_centre: { type: 'string' } }
    schema.required = [...(schema.required ?? []), 'cost_centre']
    return policyOf({ ...documents, tools })
  }

  test('arguments that do not fit the candidate are a new deny', async () => {
    const { judged, result } = comparing(await demanding())
    judged(payment(900))
    expect(await result()).toMatchObject({ new_denies: 1, rules: { 'malformed_call schema': 1 } })
  })

  test('so are those that the candidate itself has refused, unless the revision in force would never let them pass', async () => {
    const candidate = await demanding()
    const { comparison, result } = comparing(candidate)
    const unfit = (agentId: string, call: ToolCall, decisionId: string) =>
      comparison.unfit?.({ call, principal: principalOf(agentId), policy: candidate, decisionId })
    unfit('finance-agent', payment(900), 'd-fits-the-other')
    unfit('ghost-agent', payment(900), 'd-nobody')
    unfit('finance-agent', callOf('stripe-payments', 'create_payment', { amount: 'a lot' }), 'd-fits-neither')
    expect(await result()).toMatchObject({ compared: 2, new_denies: 1, decision_ids: ['d-fits-the-other'] })
  })

  test('what only the revision in force refuses is loosened', async () => {
    const candidate = await demanding()
    const { comparison, result } = comparing(candidate)
    const call = payment(900)
    const principal = principalOf('finance-agent')
    call.arguments.cost_centre = 'cc-1'
    comparison.unfit?.({ call, principal, policy: inForce, decisionId: 'd-1' })
    expect(await result()).toMatchObject({ compared: 1, new_denies: 0, loosened: 1 })
  })
})

describe('facts that nobody had asked for are not held against the candidate', () => {
  const burdened = (calls: number) =>
    withAgent('finance-agent', (document) => ({
      ...document,
      budget: { period: 'day', calls },
      chain: [{ after: 'ehr', deny: 'stripe-payments' }],
    }))

  test('a new budget, and a new chain rule', async () => {
    const { judged, result } = comparing(await policyOf(burdened(10)))
    judged(payment(900))
    expect(await result()).toMatchObject({ compared: 1, new_denies: 0, rules: {} })
  })

  test('but those that were found hold for both', async () => {
    const { judged, result } = comparing(await policyOf(burdened(10)))
    judged(payment(900), { found: { ...nothing, budget: { remaining: 0, cost: 1 }, chain: { id: 'c', taints: ['ehr'], calls: {} } } })
    expect(Object.keys((await result())?.rules ?? {}).sort()).toEqual(['budget_exhausted budget', 'chain_tainted chain.after.ehr'])
  })

  test('a class of data that only the candidate knows is looked for', async () => {
    const badge = { ...documents, classes: { ...documents.classes, badge_number: { pattern: 'BADGE-[0-9]{6}' } } }
    const denying = {
      ...badge,
      agents: withAgent('finance-agent', (document) => ({ ...document, data: { ...document.data, badge_number: 'deny' as const } })).agents,
    }
    const { judged, result } = comparing(await policyOf(denying))
    judged(callOf('stripe-payments', 'create_payment', { amount: 900, currency: 'eur', recipient: 'supplier-7', memo: 'BADGE-123456' }))
    judged(payment(900))
    expect(await result()).toMatchObject({ compared: 2, new_denies: 1 })
    expect(Object.keys((await result())?.rules ?? {})).toEqual([expect.stringMatching(/^data_class_denied /)])
  })
})

describe('affects nothing', () => {
  test('looks only after the turn in which the call was judged', async () => {
    const candidate = await policyOf(limited(1000))
    const evaluate = jest.fn(candidate.evaluator.evaluate)
    const { judged, result } = comparing({ ...candidate, evaluator: { ...candidate.evaluator, evaluate } })
    judged(payment(2000))
    await Promise.resolve()
    expect(evaluate).not.toHaveBeenCalled()
    await result()
    expect(evaluate).toHaveBeenCalledTimes(1)
  })

  test('a candidate whose module throws is counted as faulty, and a bug beside it too', async () => {
    const candidate = await policyOf(limited(1000))
    const evaluate = () => {
      throw new Error('trapped')
    }
    const { judged, result, state } = comparing({ ...candidate, evaluator: { ...candidate.evaluator, evaluate } })
    judged(payment(900))
    expect(await result()).toMatchObject({ compared: 1, faults: 1, new_denies: 1, rules: { 'policy_error host.policy': 1 } })
    state.live = { rollout: 'r-1', sharePercent: 0, compare: true, policy: { ...candidate, agents: undefined } as unknown as ActivePolicy }
    judged(payment(900))
    expect(await result()).toMatchObject({ compared: 1, faults: 2 })
  })

  test('what does not fit into its queue is skipped, and a turn is left after its time', async () => {
    const { judged, result } = comparing(await policyOf(limited(1000)), { waitingMax: 10, turnMs: 0 })
    for (let i = 0; i < 25; i++) judged(payment(2000))
    let turns = 0
    const counting = setInterval(() => turns++, 0)
    expect(await result()).toMatchObject({ compared: 10, skipped: 15, new_denies: 10 })
    clearInterval(counting)
    // Nothing is held once it was looked at: the next ones fit again.
    judged(payment(2000))
    expect(await result()).toMatchObject({ compared: 11, skipped: 15 })
  })

  test('a candidate that does not say so, or is gone, is not compared', async () => {
    const { judged, result, state, comparison } = comparing(await policyOf(limited(1000)), { compare: false })
    judged(payment(2000))
    expect(await result()).toBeNull()
    const live = state.live as LiveCandidate
    state.live = { ...live, compare: true }
    judged(payment(2000))
    state.live = undefined
    expect(await result()).toBeNull()
    judged(payment(2000))
    expect(await result()).toBeNull()
    expect(comparison.shown(undefined)).toBeNull()
  })

  test('a call that came before the last swap is compared with nothing', async () => {
    const before = await policyOf(limited(7000))
    const { judged, result } = comparing(await policyOf(limited(1000)))
    judged(payment(2000), { by: before })
    expect(await result()).toBeNull()
  })

  test('another rollout begins at nothing', async () => {
    const { judged, result, state, comparison } = comparing(await policyOf(limited(1000)))
    judged(payment(2000))
    expect(await result()).toMatchObject({ compared: 1 })
    state.live = { ...(state.live as LiveCandidate), rollout: 'r-2' }
    judged(payment(900))
    expect(await result()).toBeNull()
    expect(comparison.shown('r-2')).toMatchObject({ compared: 1, new_denies: 0 })
  })
})
