import type { JsonObject, JsonValue } from '../../../runtime/model/call.ts'
import { builtWasm } from '../../../runtime/policy/build.ts'
import type { ActiveAgent, Tool } from '../../../runtime/policy/bundle-data.ts'
import { loadEvaluator, type PolicyEvaluator } from '../../../runtime/policy/evaluate.ts'
import { candidateOf } from '../../../runtime/policy/replay/candidate.ts'
import type { Asked, RecordedDecision, RecordedInput } from '../../../runtime/policy/replay/recorded.ts'
import { rejudge } from '../../../runtime/policy/replay/rejudge.ts'
import { baseInput, loadFixtures } from '../../support/fixtures.ts'

let evaluator: PolicyEvaluator
beforeAll(async () => {
  evaluator = await loadEvaluator(builtWasm())
})

const zones = { eu: ['eu-west-1'], us: ['us-east-1'] }
const base = baseInput() as { agent: { id: string; policy: JsonObject } } & JsonObject
const { id: AGENT } = base.agent

function agentOf(policy: JsonObject, more: Partial<ActiveAgent> = {}): ActiveAgent {
  const { tenant } = policy
  return {
    id: AGENT,
    tenant: String(tenant),
    mode: 'enforce',
    policyJson: JSON.stringify(policy),
    egress: [],
    rates: new Map(),
    budget: null,
    chain: [],
    ...more,
  }
}

interface ToolChange {
  reads?: string[]
  regions?: string[]
  effect?: 'read' | 'write'
  roles?: object
  pinned?: boolean
}

function toolOf({
  reads = ['/amount', '/currency', '/recipient'],
  regions = ['eu-west-1'],
  effect = 'write',
  roles = {},
  pinned = true,
}: ToolChange = {}): Tool {
  const { tool, action } = base.call as { tool: string; action: string }
  const definition = pinned ? { path: '/tool.json', sha256: 'a'.repeat(64) } : undefined
  const one = { effect, risk: 'high' as const, idempotent: true, schema: {}, roles, policyReads: reads }
  return {
    name: tool,
    endpoints: new Map(regions.map((region) => [region, 'https://x.example'])),
    credentialRef: null,
    definition,
    actions: new Map([[action, one]]),
  } as Tool
}

function candidateWith(
  change: { policy?: JsonObject; agent?: Partial<ActiveAgent>; tool?: ToolChange | null; wasm?: Pick<PolicyEvaluator, 'evaluate'> } = {},
) {
  const agent = agentOf(change.policy ?? base.agent.policy, change.agent)
  const tool = change.tool === null ? [] : [toolOf(change.tool)]
  return candidateOf({
    agents: new Map([[AGENT, agent]]),
    tools: new Map(tool.map((one) => [one.name, one])),
    zones,
    evaluator: change.wasm ?? evaluator,
  })
}

function recordedWith(
  change: {
    input?: Partial<RecordedInput>
    basis?: Partial<Asked['basis']>
    asked?: Partial<Asked>
    more?: Partial<RecordedDecision>
  } = {},
) {
  const { agent, ...facts } = structuredClone(base)
  const policy: Asked = {
    outcome: 'allow',
    reasons: [],
    input: { ...facts, agent: { id: agent.id }, ...change.input } as unknown as RecordedInput,
    basis: { reads: ['/amount', '/currency', '/recipient'], budget_unit: null, chain_rules: false, ...change.basis },
    ...change.asked,
  }
  return { decision_id: 'd', tenant: 't', mode: 'enforce', ...change.more, policy } as RecordedDecision & { policy: Asked }
}

function changed(
  policy: JsonObject,
  edit: (policy: Record<string, JsonValue> & { tools: Record<string, Record<string, JsonObject>> }) => void,
): JsonObject {
  const copy = structuredClone(policy)
  edit(copy as never)
  return copy
}

test('by what decided it the same is said, for every fixture of the policy', () => {
  let compared = 0
  for (const fixture of loadFixtures()) {
    const { agent, ...facts } = structuredClone(fixture.input) as { agent?: { id?: unknown; policy?: JsonObject } } & JsonObject
    if (typeof agent?.id !== 'string' || agent.policy === undefined || agent.policy === null || facts.call === undefined) continue
    const { call, tenant, tool, data } = facts as unknown as {
      call: JsonObject
      tenant: JsonObject
      tool: JsonObject | null
      data: JsonObject
    }
    // Facts that a gateway cannot have recorded.
    if ([call, call?.arguments, tenant, data].some((fact) => typeof fact !== 'object' || fact === null)) continue
    if (agent.policy.tenant !== tenant.id || tool?.name !== call.tool || tool?.action !== call.action) continue
    const recorded = recordedWith({ input: { ...facts, agent: { id: agent.id } } as never, basis: { reads: [''], chain_rules: true } })
    const own = candidateOf({
      agents: new Map([[agent.id, agentOf(agent.policy)]]),
      tools: new Map(),
      zones,
      evaluator,
    })
    // The facts of the tool as they were: what is under test is everything else.
    const facade = {
      facts: tool as never,
      driftedFacts: tool as never,
      policyReads: Object.keys(call.arguments as JsonObject).map((key) => `/${key}`),
      roles: {},
    }
    const candidate = { ...own, actions: new Map([[String(call.tool), new Map([[String(call.action), facade]])]]) }
    recorded.policy.basis.reads = facade.policyReads
    const said = rejudge(recorded, candidate)
    expect([fixture.name, said?.to]).toEqual([fixture.name, fixture.outcome])
    expect(said?.reasons.map(({ code, rule }) => `${code} ${rule}`)).toEqual(fixture.reasons)
    compared++
  }
  expect(compared).toBeGreaterThan(60)
})

test('effect, zones and drift are those of the candidate', () => {
  expect(rejudge(recordedWith(), candidateWith())).toMatchObject({ from: 'allow', to: 'allow' })
  expect(rejudge(recordedWith(), candidateWith({ tool: null }))).toMatchObject({
    to: 'deny',
    reasons: expect.arrayContaining([{ code: 'unregistered_tool', rule: 'registry' }]),
    registered: true,
  })
  expect(rejudge(recordedWith(), candidateWith({ tool: { regions: [] } }))).toMatchObject({ reasons: [{ code: 'no_endpoint' }] })
  const drifted = recordedWith({ input: { tool: { ...(base.tool as object), drift: true } as never } })
  expect(rejudge(drifted, candidateWith())).toMatchObject({ to: 'deny', reasons: [{ code: 'tool_drift' }] })
  expect(rejudge(drifted, candidateWith({ tool: { pinned: false } }))).toMatchObject({ to: 'allow' })
})

test('an agent that the candidate gives to another tenant is unknown', () => {
  const other = changed(base.agent.policy, (policy) => {
    policy.tenant = 'another'
  })
  expect(rejudge(recordedWith(), candidateWith({ policy: other }))).toMatchObject({
    to: 'deny',
    reasons: [{ code: 'unknown_agent', rule: 'agent' }],
  })
})

test('a candidate that throws denies, as a gateway would', () => {
  const throwing = {
    evaluate: () => {
      throw new Error('no')
    },
  }
  expect(rejudge(recordedWith(), candidateWith({ wasm: throwing }))).toMatchObject({
    from: 'allow',
    to: 'deny',
    reasons: [{ code: 'policy_error', rule: 'host.policy' }],
  })
})

test('more arguments than policy may read are a deny', () => {
  const long = recordedWith({ input: { call: { ...(base.call as object), arguments: { amount: 'x'.repeat(2000) } } as never } })
  expect(rejudge(long, candidateWith())).toMatchObject({ to: 'deny', reasons: [{ code: 'policy_input_too_large' }] })
})

describe('cannot be answered', () => {
  const unanswerable = (recorded: Parameters<typeof rejudge>[0], candidate: Parameters<typeof rejudge>[1]) =>
    expect(rejudge(recorded, candidate)).toBeUndefined()

  test('an argument that was not recorded; one below a recorded one was', () => {
    unanswerable(recordedWith(), candidateWith({ tool: { reads: ['/amount', '/memo'] } }))
    unanswerable(recordedWith({ basis: { reads: null } }), candidateWith())
    unanswerable(recordedWith({ basis: { reads: ['/amount/value'] } }), candidateWith({ tool: { reads: ['/amount'] } }))
    unanswerable(recordedWith({ basis: { reads: ['/amount'] } }), candidateWith({ tool: { reads: ['/amounts'] } }))
    expect(rejudge(recordedWith(), candidateWith({ tool: { reads: ['/recipient/id', '/amount', '/currency'] } }))).toBeDefined()
  })

  test('a chain that nobody read', () => {
    const chain = [{ after: 'ehr', deny: 'export' }]
    unanswerable(recordedWith(), candidateWith({ agent: { chain } }))
    expect(rejudge(recordedWith({ basis: { chain_rules: true } }), candidateWith({ agent: { chain } }))).toBeDefined()
  })

  test('a budget that nobody kept, or that was kept in another unit', () => {
    const budget = (unit: string) => ({ agent: { budget: { period: 'day' as const, amount: 10, unit } } })
    const paying = { roles: { amount: '/amount', currency: '/currency' } }
    unanswerable(recordedWith(), candidateWith(budget('calls')))
    unanswerable(recordedWith(), candidateWith({ ...budget('eur'), tool: paying }))
    unanswerable(recordedWith({ basis: { budget_unit: 'usd' } }), candidateWith({ ...budget('eur'), tool: paying }))
    expect(rejudge(recordedWith({ basis: { budget_unit: 'eur' } }), candidateWith({ ...budget('eur'), tool: paying }))).toBeDefined()
    // What moves no money is nothing to a budget in money.
    expect(rejudge(recordedWith(), candidateWith(budget('eur')))).toBeDefined()
  })

  test('a destination in the arguments whose zone the candidate no longer lists', () => {
    const toZone = (zone: string) => recordedWith({ input: { tool: { ...(base.tool as object), zones: [zone] } as never } })
    const url = { roles: { url: '/url' } }
    unanswerable(toZone('us'), candidateWith({ tool: url }))
    unanswerable(recordedWith({ input: { tool: null } }), candidateWith({ tool: url }))
    expect(rejudge(toZone('us'), candidateWith({ tool: url, agent: { egress: [{ host: 'a.example', zone: 'us' }] } }))).toBeDefined()
    expect(rejudge(toZone('outside'), candidateWith({ tool: url }))).toBeDefined()
  })
})

describe('between shadow and enforcing', () => {
  const over = { outcome: 'approval_needed' as const, reasons: [{ code: 'amount_over_limit', rule: 'max_amount' }] }
  const large = {
    call: { ...(base.call as object), arguments: { ...(base.call as { arguments: object }).arguments, amount: 600_000 } } as never,
  }

  test('what passed in shadow is compared as having passed', () => {
    const recorded = recordedWith({ input: large, asked: over, more: { mode: 'shadow' } })
    expect(rejudge(recorded, candidateWith())).toMatchObject({ from: 'allow', to: 'approval_needed' })
    expect(rejudge(recorded, candidateWith({ agent: { mode: 'shadow' } }))).toMatchObject({
      from: 'approval_needed',
      to: 'approval_needed',
    })
  })

  test('what would pass in shadow passes, unless it is nothing that a document says', () => {
    const recorded = recordedWith({ input: large, asked: over })
    expect(rejudge(recorded, candidateWith({ agent: { mode: 'shadow' } }))).toMatchObject({ from: 'approval_needed', to: 'allow' })
    expect(rejudge(recorded, candidateWith({ agent: { mode: 'shadow' }, tool: null }))).toMatchObject({ to: 'deny' })
  })
})
