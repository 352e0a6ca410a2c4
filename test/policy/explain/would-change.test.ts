import type { JsonObject } from '../../../runtime/model/call.ts'
import { builtWasm } from '../../../runtime/policy/build.ts'
import { loadEvaluator, type PolicyEvaluator } from '../../../runtime/policy/evaluate.ts'
import { readCompiled } from '../../../runtime/policy/explain/compiled.ts'
import { sourceOf } from '../../../runtime/policy/explain/source.ts'
import { wouldChange } from '../../../runtime/policy/explain/would-change.ts'
import type { PolicyInput } from '../../../runtime/policy/policy-io.ts'
import { loadFixtures, policyInput } from '../../support/fixtures.ts'

let evaluator: PolicyEvaluator
beforeAll(async () => {
  evaluator = await loadEvaluator(builtWasm())
})

const TENANT = { id: 'acme-eu', zone: 'eu', home_region: 'eu-west-1', binding: 'zone', mode: 'enforce' } as const
const PAY = {
  amount: {
    at: ['amount'],
    currency_at: ['currency'],
    limits: { eur: { max: 500, above: 'approval_needed' }, usd: { max: 900, above: 'deny' } },
  },
  params: [
    { name: 'recipient', at: ['recipient'], op: 'prefix', value: 'supplier-' },
    { name: 'cost.center', at: ['cost', 'center'], op: 'one_of', value: ['a', 'b'] },
  ],
}

interface Case {
  policy?: JsonObject
  args?: JsonObject
  facts?: Partial<PolicyInput>
}

function inputOf({ policy = {}, args = {}, facts = {} }: Case = {}): PolicyInput {
  const compiled = { tenant: 'acme-eu', tools: { pay: { send: PAY } }, data: {}, ...policy }
  return {
    call: {
      tool: 'pay',
      action: 'send',
      arguments: { amount: 100, currency: 'eur', recipient: 'supplier-7', cost: { center: 'a' }, ...args },
      door: 'decision_api',
    },
    agent: { id: 'finance-agent', policyJson: JSON.stringify(compiled) },
    tenant: TENANT,
    tool: { name: 'pay', action: 'send', effect: 'write', zones: ['eu'], risk: 'high', drift: false },
    data: { classes: [], findings: [], findings_total: 0 },
    chain: null,
    budget: null,
    approval: null,
    region: 'eu-west-1',
    zone: 'eu',
    now: { epoch_ms: 0 },
    ...facts,
  }
}

const found = async (of: Case) => (await wouldChange(inputOf(of), evaluator)).map(({ what, outcome }) => `${what}: ${outcome}`)
const data = (...classes: string[]) => ({
  data: { classes, findings: classes.map((name) => ({ path: '/memo', class: name })), findings_total: classes.length },
})
const abroad = { tool: { name: 'pay', action: 'send', effect: 'write', zones: ['us'], risk: 'high', drift: false } } as const

test('an allowed payment: from which amount on it is not', async () => {
  expect(await found({})).toEqual(['amount over 500: approval_needed'])
})

test('an amount over the limit: the largest that passes, another currency, an approval', async () => {
  expect(await found({ args: { amount: 600 } })).toEqual([
    'amount at most 500: allow',
    'currency usd: allow',
    'an approval of max_amount (1 of the role approver): allow',
  ])
  expect(await found({ args: { amount: 1000, currency: 'usd' } })).toEqual(['amount at most 900: allow', 'currency eur: approval_needed'])
})

test('parameters, by the values that the document names', async () => {
  expect(await found({ args: { recipient: 'x' } })).toEqual(['recipient beginning with "supplier-": allow'])
  expect(await found({ args: { cost: { center: 'z' } } })).toEqual(['cost.center equal to "a": allow', 'cost.center equal to "b": allow'])
  expect(await found({ args: { cost: 7 } })).toEqual(['cost.center equal to "a": allow', 'cost.center equal to "b": allow'])
})

test('each data class, and a place to send it', async () => {
  expect(await found({ policy: { data: { card: { do: 'deny' } } }, facts: data('card', 'email') })).toEqual([
    'no card in the arguments: allow',
  ])
  const exported = { policy: { data: { health_record: { export: 'approval_needed' } } }, facts: { ...data('health_record'), ...abroad } }
  expect(await found(exported)).toEqual([
    'no health_record in the arguments: allow',
    'an endpoint of pay in zone eu: allow',
    'an approval of export.health_record (1 of the role dpo): allow',
  ])
})

test('the chain: one taint less, or a new one', async () => {
  const policy = { chain: [{ after: 'ehr', deny: 'write' }] }
  const chain = (...taints: string[]) => ({ chain: { id: 'c', taints, calls: {} } })
  expect(await found({ policy, facts: chain('ehr') })).toEqual(['a chain without ehr: allow'])
  expect(await found({ policy, facts: chain('ehr', 'crm') })).toEqual(['a chain without ehr: allow', 'a new chain: allow'])
  expect(await found({ policy })).toEqual(['a chain that is known, and clean: allow'])
  const counted = { chain: [{ count: 'pay.send', from: 2, do: 'deny' }] }
  expect(await found({ policy: counted, facts: { chain: { id: 'c', taints: [], calls: { 'pay.send': 5 } } } })).toEqual([
    'a new chain: allow',
  ])
})

test('the budget: how much there would have to be, or how much less to pay', async () => {
  const policy = { budget: { currency: 'eur' } }
  expect(await found({ policy, facts: { budget: { remaining: 40, cost: 100 } } })).toEqual([
    'amount at most 40: allow',
    'at least 100 left of the budget: allow',
  ])
  expect(await found({ policy })).toEqual(['at least 100 left of the budget: allow'])
  expect(await found({ policy: { budget: { unit: 'calls' } }, facts: { budget: { remaining: 0, cost: 1 } } })).toEqual([
    'at least 1 left of the budget: allow',
  ])
})

test('a drifted tool, and an action that is not allowed', async () => {
  const drifted = { tool: { name: 'pay', action: 'send', effect: 'write', zones: ['eu'], risk: 'high', drift: true } } as const
  expect(await found({ facts: drifted })).toEqual(['pay being as it was registered: allow'])
  expect(await found({ policy: { tools: {} } })).toEqual(['finance-agent being allowed pay.send: allow'])
})

describe('several faults at once', () => {
  test('are told together, and no more of them than it takes', async () => {
    const facts = data('card', 'email')
    expect(await found({ args: { recipient: 'x' }, policy: { data: { card: { do: 'deny' } } }, facts })).toEqual([
      'recipient beginning with "supplier-", and no card in the arguments: allow',
    ])
    expect(await found({ args: { recipient: 'x', amount: 2000, currency: 'usd' } })).toEqual([
      expect.stringMatching(
        /^recipient beginning with "supplier-", and (amount at most 900|an approval of max_amount|currency eur).*: allow$/,
      ),
    ])
  })

  test('nothing is said where nothing would help', async () => {
    expect(await found({ policy: { tenant: 'another' } })).toEqual([])
    expect(await wouldChange({ ...inputOf(), agent: { id: 'nobody', policyJson: null } }, evaluator)).toEqual([])
    expect(await found({ facts: { tool: null } })).toEqual([])
  })
})

test('whatever is said holds: for every fixture each single change of outcome is one', async () => {
  for (const { name, input } of loadFixtures()) {
    const wire = policyInput(input)
    let now: string
    try {
      now = evaluator.evaluate(wire).outcome
    } catch {
      continue
    }
    // Facts that no gateway gives are judged, and not explained.
    const changes = await wouldChange(wire, evaluator).catch(() => [])
    for (const { outcome } of changes) expect([name, outcome === now]).toEqual([name, false])
  }
})

test('the field of the document that said it', () => {
  const policy = readCompiled(
    JSON.stringify({
      tenant: 'acme-eu',
      tools: { pay: { send: { ...PAY, on_drift: 'approval_needed' } } },
      data: { national_id: { do: 'deny' }, iban: { do: 'sanitize' }, health_record: { export: 'approval_needed' } },
      chain: [
        { after: 'ehr', deny: 'export' },
        { count: 'pay.send', from: 20, do: 'deny' },
      ],
      budget: { currency: 'eur' },
    }),
  )
  const source = (rule: string) => sourceOf(rule, inputOf(), policy)
  expect(
    [
      'max_amount',
      'params.recipient',
      'on_drift',
      'data.national_id.de',
      'data.iban',
      'export.health_record',
      'export.email',
      'budget',
    ].map(source),
  ).toEqual([
    'allowed_tools.pay.send.max_amount: 500 eur, above: approval_needed; 900 usd, above: deny',
    'allowed_tools.pay.send.params.recipient: prefix "supplier-"',
    'allowed_tools.pay.send.on_drift: approval_needed',
    'data.national_id: deny',
    'data.iban: sanitize',
    'data.health_record.export: approval_needed',
    'data: no export for email, which denies it',
    "budget: a day's eur",
  ])
  expect(source('chain.after.ehr')).toBe('chain: after ehr, deny export')
  expect(source('chain.count.pay.send')).toBe('chain: count pay.send, from 20, do deny')
  expect(source('guard.egress')).toBeUndefined()
  expect(sourceOf('max_amount', inputOf(), undefined)).toBeUndefined()
})
