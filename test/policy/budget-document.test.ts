import { describe, expect, test } from '@jest/globals'
import { agentDocument, budgetOf } from '../../runtime/policy/agent-document.ts'
import { checkAgent } from '../../runtime/policy/check-agent.ts'
import { compileAgent } from '../../runtime/policy/compile.ts'
import { checkTools, compileTools, toolsDocument } from '../../runtime/policy/registry.ts'

const completion = {
  effect: 'read',
  schema: {
    type: 'object',
    additionalProperties: false,
    required: ['max_tokens'],
    properties: { max_tokens: { type: 'integer', minimum: 1 }, prompt: { type: 'string' } },
  },
  roles: { tokens: '/max_tokens' },
  policy_reads: ['/max_tokens'],
}
const tools = (action: object = {}) =>
  toolsDocument.parse({ llm: { endpoints: { 'eu-west-1': 'https://llm.example' }, actions: { complete: { ...completion, ...action } } } })
const document = (budget: object) => agentDocument.parse({ agent: 'a', tenant: 't', allowed_tools: { llm: { complete: {} } }, budget })

function toolFaults(action: object): string[] {
  const found: string[] = []
  checkTools(tools(action), new Set(), (path, message) => found.push(`${path.join('.')}: ${message}`))
  return found
}

test.each([
  [{ period: 'day', amount: 5, currency: 'eur' }, { period: 'day', amount: 5, unit: 'eur' }, { currency: 'eur' }],
  [{ period: 'day', calls: 5 }, { period: 'day', amount: 5, unit: 'calls' }, { unit: 'calls' }],
  [{ period: 'day', tokens: 5 }, { period: 'day', amount: 5, unit: 'tokens' }, { unit: 'tokens' }],
])('compiles the budget %j', (written, budget, policy) => {
  expect(budgetOf(document(written))).toEqual(budget)
  const compiled = compileAgent(document(written), compileTools(tools()))
  expect(compiled.budget).toEqual(budget)
  expect(compiled.policy.budget).toEqual(policy)
})

test.each([
  { period: 'day' },
  { period: 'week', calls: 5 },
  { period: 'day', calls: -1 },
  { period: 'day', calls: 1.5 },
  { period: 'day', tokens: '5' },
  { period: 'day', calls: 5, tokens: 5 },
  { period: 'day', amount: 5 },
  { period: 'day', amount: 5, currency: 'calls' },
])('refuses the budget %j', (budget) => {
  expect(() => document(budget)).toThrow()
})

describe('the role tokens', () => {
  test('names a required whole number that policy sees', () => {
    expect(toolFaults({})).toEqual([])
  })

  const schema = (change: object) => ({ schema: { ...completion.schema, ...change } })
  test.each([
    ['an argument that may be left out', schema({ required: [] }), 'must be a required argument'],
    ['a text', schema({ properties: { max_tokens: { type: 'string' } } }), 'must be of type integer'],
    ['a number that may be negative', schema({ properties: { max_tokens: { type: 'integer' } } }), 'must be of type integer'],
    ['what policy does not see', { policy_reads: [] }, 'must list /max_tokens'],
    ['nothing', { roles: { tokens: '/tokens' } }, 'is not in the schema'],
  ])('refuses %s', (_, action, fault) => {
    expect(toolFaults(action).join('\n')).toContain(fault)
  })

  test('refuses a budget in tokens that nothing would count', () => {
    const faults: string[] = []
    const registry = compileTools(tools({ roles: {} }))
    const surroundings = { tenants: new Set(['t']), tenantsIn: 'tenants.yaml', registry, classes: new Set<string>() }
    checkAgent(document({ period: 'day', tokens: 5 }), surroundings, (path, message) => faults.push(`${path.join('.')}: ${message}`))
    expect(faults).toEqual(['budget.tokens: no action of the agent has the role tokens in tools.yaml, so nothing would be counted'])
  })
})
