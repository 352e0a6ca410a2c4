import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { type AgentDocument, agentDocument } from '../../../runtime/policy/agent-document.ts'
import type { BundledTool } from '../../../runtime/policy/bundle-data.ts'
import { SAME_MEANING } from '../../../runtime/policy/diff/change.ts'
import { describeChanges, describeModuleChanges } from '../../../runtime/policy/diff/changes.ts'
import { money } from '../../../runtime/policy/diff/money.ts'
import { type Documents, documentsFrom } from '../../../runtime/policy/documents.ts'
import { demoContext, demoSources, edited } from '../../support/sources.ts'

const demo = documentsFrom(demoSources, demoContext)
type Compared = Pick<Documents, 'agents' | 'tools' | 'classes'>

const base = {
  agent: 'a',
  tenant: 't',
  allowed_tools: { pay: { send: { max_amount: { value: 500000, currency: 'eur', above: 'approval_needed' } } }, crm: { read: {} } },
}
const lines = (before: object, after: object): string[] => {
  const of = (document: object): Compared => ({ agents: [agentDocument.parse(document)], tools: {}, classes: {} })
  return describeChanges(of(before), of(after)).map(({ kind, text }) => `${kind}: ${text}`)
}
const pay = (rule: object) => ({ ...base, allowed_tools: { ...base.allowed_tools, pay: { send: rule } } })
const eur = (value: number, above = 'deny') => ({ value, currency: 'eur', above })

test('the limit of the demo, in money', () => {
  const after = documentsFrom(edited(demoSources, 'documents/agents/finance-agent.yaml', '500000', '800000'), demoContext)
  expect(describeChanges(demo, after)).toEqual([
    {
      subject: 'agent finance-agent',
      kind: 'widened',
      text: 'finance-agent may now pay up to 8000.00 EUR with stripe-payments.create_payment before a person must agree, was 5000.00 EUR',
    },
  ])
})

test.each([
  [800000, 'eur', '8000.00 EUR'],
  [5, 'eur', '0.05 EUR'],
  [0, 'usd', '0.00 USD'],
  [500, 'jpy', '500 JPY'],
  [1234567, 'kwd', '1234.567 KWD'],
  [9007199254740991, 'eur', '90071992547409.91 EUR'],
])('%d minor units of %s are %s', (value, currency, text) => {
  expect(money(value, currency)).toBe(text)
})

describe('an agent, in the words of a reviewer', () => {
  test.each<[string, object, string[]]>([
    [
      'a lower limit',
      pay({ max_amount: eur(1, 'approval_needed') }),
      ['narrowed: a may now pay up to 0.01 EUR with pay.send before a person must agree, was 5000.00 EUR'],
    ],
    [
      'no approval any more',
      pay({ max_amount: eur(500000) }),
      ['narrowed: a: a payment of more than 5000.00 EUR with pay.send is now denied, a person could agree to it before'],
    ],
    [
      'another currency',
      pay({ max_amount: [{ value: 100, currency: 'jpy', above: 'deny' }] }),
      ['narrowed: a may no longer pay in EUR with pay.send', 'widened: a may now pay up to 100 JPY with pay.send; more is denied'],
    ],
    [
      'a parameter',
      pay({ ...base.allowed_tools.pay.send, params: { to: { prefix: 'supplier-' } } }),
      ['narrowed: /to of pay.send now must begin with "supplier-", did not have to'],
    ],
    [
      'a rate',
      pay({ ...base.allowed_tools.pay.send, rate: { calls: 30, per: 'minute' } }),
      ['narrowed: a may now make 30 calls a minute of pay.send, was not limited'],
    ],
    [
      'drift',
      pay({ ...base.allowed_tools.pay.send, on_drift: 'allow' }),
      ['widened: a: when its tool is no longer the registered one, pay.send is now allowed, was denied'],
    ],
    ['a tool less', { ...base, allowed_tools: { crm: { read: {} } } }, ['narrowed: a may no longer use pay.send']],
    [
      'a tool more',
      {
        ...base,
        allowed_tools: {
          ...base.allowed_tools,
          mail: { send: { params: { to: { suffix: '.example' } }, rate: { calls: 1, per: 'hour' } } },
        },
      },
      ['widened: a may now use mail.send: /to must end with ".example"; 1 calls a hour'],
    ],
    [
      'a data class',
      { ...base, data: { iban: { do: 'sanitize', method: 'mask' } } },
      ['narrowed: a: iban in a call is now masked, was allowed'],
    ],
    [
      'an export',
      { ...base, data: { health_record: { export: 'approval_needed' } } },
      ['widened: a: health_record may now leave the zone when a data protection officer agrees, never did'],
    ],
    ['a host', { ...base, egress: [{ host: 'x.example', zone: 'eu' }] }, ['widened: a may now reach x.example, in zone eu']],
    [
      'more approvers',
      { ...base, approvals: { min_approvers: 2 } },
      ['narrowed: a: 2 people must now agree to what needs approval, was 1'],
    ],
    ['a longer wait', { ...base, approvals: { ttl: '1h' } }, ['changed: a: what needs approval now waits 1h for an answer, was 15m']],
    [
      'chain rules',
      {
        ...base,
        chain: [
          { after: 'ehr', deny: 'export' },
          { count: 'crm.read', from: 3, do: 'approval_needed' },
        ],
      },
      [
        'narrowed: a: after ehr, what leaves the zone is now denied',
        'narrowed: a: crm.read now needs a person to agree from call 3 of a chain on',
      ],
    ],
    [
      'a budget',
      { ...base, budget: { period: 'day', amount: 100000, currency: 'eur' } },
      ['narrowed: a: may now spend 1000.00 EUR a day, had no budget'],
    ],
    ['shadow mode', { ...base, mode: 'shadow' }, ['widened: a: now in shadow mode, so what only the document refuses is let through']],
    ['another tenant', { ...base, tenant: 'u' }, ['changed: a: calls are now for tenant u, were for t']],
    ['a zone', { ...base, zone: 'eu' }, ['changed: a: the document now says zone eu, said nothing']],
    ['another spelling', { ...base, data: { card: 'allow' } }, [`changed: a: the rule for card ${SAME_MEANING}`]],
  ])('%s', (_, after, text) => {
    expect(lines(base, after)).toEqual(text)
  })

  test('and the way back is said the other way round', () => {
    const [there] = lines(base, { ...base, data: { card: 'deny' } })
    const [back] = lines({ ...base, data: { card: 'deny' } }, base)
    expect([there, back]).toEqual([
      'narrowed: a: card in a call is now denied, was allowed',
      'widened: a: card in a call is now allowed, was denied',
    ])
  })

  test('a class is compared with what its family said before', () => {
    const family = { ...base, data: { national_id: 'deny' } }
    const exception = { ...base, data: { national_id: 'deny', 'national_id.de': 'allow' } }
    expect(lines(family, exception)).toEqual(['widened: a: national_id.de in a call is now allowed, was denied'])
  })

  test('new and gone', () => {
    const none = { agents: [], tools: {}, classes: {} }
    const one = { agents: [agentDocument.parse(base)], tools: {}, classes: {} }
    expect(describeChanges(none, one).map(({ text }) => text)).toEqual([
      'a: new, for tenant t',
      'a may now use pay.send: up to 5000.00 EUR, a person must agree to more',
      'a may now use crm.read',
    ])
    expect(describeChanges(one, none)).toEqual([
      { subject: 'agent a', kind: 'removed', text: 'a: no document any more, so every call is denied' },
    ])
  })

  test('agents of one document are spoken of together, and apart when they part', () => {
    const group = { ...base, agent: undefined, agents: ['a', 'b'] }
    const of = (...documents: object[]): Compared => ({ agents: documents.map((one) => agentDocument.parse(one)), tools: {}, classes: {} })
    const shadow = describeChanges(of(group), of({ ...group, mode: 'shadow' }))
    expect(shadow.map(({ subject }) => subject)).toEqual(['agents a, b'])
    const parted = describeChanges(of(group), of(base, { ...base, agent: 'b', mode: 'shadow' }))
    expect(parted.map(({ subject, kind }) => `${subject} ${kind}`)).toEqual(['agent a changed', 'agent b widened', 'agent b changed'])
  })
})

test('tools, their arguments and data classes', () => {
  const tools = structuredClone(demo.tools) as Record<string, BundledTool>
  const action = tools['stripe-payments']?.actions.create_payment
  Object.assign(action?.schema.properties as object, { memo: { type: 'string', maxLength: 900 }, note: { type: 'string' } })
  Object.assign(action ?? {}, { idempotent: false, policy_reads: ['/amount', '/currency', '/recipient', '/memo'] })
  Object.assign(tools.email ?? {}, { endpoints: { 'us-east-1': 'https://mail.example' }, credential_ref: null })
  delete tools.crm
  const classes = { ...demo.classes, member_number: { pattern: 'M' }, ticket: { pattern: 'T-\\d' } }
  expect(describeChanges(demo, { agents: demo.agents, tools, classes }).map(({ kind, text }) => `${kind}: ${text}`)).toEqual([
    'changed: stripe-payments.create_payment no longer acts once on one idempotency key',
    'widened: /memo of stripe-payments.create_payment: maxLength is now 900, was 500',
    'widened: stripe-payments.create_payment now takes /note: {"type":"string"}',
    'changed: policy now sees /memo of stripe-payments.create_payment',
    'removed: crm is no longer registered, so every call of it is denied',
    'changed: email is now at https://mail.example in us-east-1, was https://email.us-east-1.tools.aegis.example',
    'changed: email is now called with the credentials null, was "email"',
    expect.stringMatching(/^changed: member_number is now found by "M", was /),
    'changed: member_number is now found beside any words, had to stand beside one of member, insurance, insured and Versicherung',
    'added: ticket is a new data class, found by "T-\\\\d"',
  ])
})

test('modules are named', () => {
  const after = edited(demoSources, 'modules/gateway/amount.rego', 'package', '# x\npackage')
  expect(describeModuleChanges(demoSources, after)).toEqual([
    { subject: 'module gateway/amount.rego', kind: 'changed', text: 'gateway/amount.rego changed, by which every call is judged' },
  ])
  expect(describeModuleChanges(demoSources, demoSources)).toEqual([])
})

describe('for any two sets of documents', () => {
  const word = fc.constantFrom('pay', 'crm', 'mail', 'web')
  const currency = fc.constantFrom('eur', 'usd', 'jpy')
  const whole = fc.nat(5)
  const limit = fc.record({ value: whole, currency, above: fc.constantFrom('deny', 'approval_needed') })
  const scalar = fc.oneof(word, whole, fc.boolean())
  const constraint = fc
    .record(
      { equals: scalar, one_of: fc.uniqueArray(scalar, { minLength: 1, maxLength: 3 }), prefix: word, suffix: word, at_most: whole },
      { requiredKeys: [] },
    )
    .filter((rule) => Object.keys(rule).length > 0)
  const rule = fc.record(
    {
      max_amount: fc.uniqueArray(limit, { minLength: 1, maxLength: 2, selector: (one) => one.currency }),
      params: fc.dictionary(word, constraint, { maxKeys: 2 }),
      rate: fc.record({ calls: fc.integer({ min: 1, max: 4 }), per: fc.constantFrom('second', 'minute', 'hour') }),
      on_drift: fc.constantFrom('deny', 'allow', 'approval_needed'),
    },
    { requiredKeys: [] },
  )
  const act = fc.constantFrom('pay.send', 'crm.read')
  const data = fc.oneof(
    fc.constantFrom('allow', 'sanitize', 'deny'),
    fc.record({
      do: fc.constant('sanitize'),
      method: fc.constantFrom('redact', 'mask', 'pseudonymize'),
      export: fc.constantFrom('deny', 'allow'),
    }),
    fc.record({ do: fc.constantFrom('allow', 'deny'), export: fc.constantFrom('deny', 'approval_needed', 'allow') }),
  )
  const document = fc.record(
    {
      agent: fc.constantFrom('a', 'b', 'c'),
      tenant: fc.constantFrom('t', 'u'),
      zone: fc.constantFrom('eu', 'us'),
      mode: fc.constantFrom('enforce', 'shadow'),
      allowed_tools: fc.dictionary(word, fc.dictionary(word, rule, { maxKeys: 2 }), { maxKeys: 2 }),
      data: fc.dictionary(fc.constantFrom('card', 'national_id', 'national_id.de'), data),
      egress: fc.uniqueArray(
        fc.record({ host: fc.constantFrom('x.example', 'y.example'), zone: fc.constantFrom('eu', 'us') }, { requiredKeys: ['host'] }),
        { selector: ({ host }) => host },
      ),
      approvals: fc.record({ min_approvers: fc.integer({ min: 1, max: 3 }), ttl: fc.constantFrom('15m', '900s', '2h') }),
      chain: fc.array(
        fc.oneof(
          fc.record({ after: word, deny: word }),
          fc.record({ count: act, from: fc.integer({ min: 1, max: 3 }), do: fc.constantFrom('deny', 'approval_needed') }),
        ),
        { maxLength: 2 },
      ),
      budget: fc.oneof(
        fc.record({ period: fc.constant('day'), amount: whole, currency }),
        fc.record({ period: fc.constant('day'), calls: whole }),
      ),
    },
    { requiredKeys: ['agent', 'tenant', 'allowed_tools'] },
  )
  const documents = fc
    .uniqueArray(document, { maxLength: 3, selector: ({ agent }) => agent })
    .map((written) => written.map((one) => agentDocument.parse(one)))
  const sorted = (agents: readonly AgentDocument[]) => agents.toSorted((a, b) => (String(a.agent) < String(b.agent) ? -1 : 1))

  test('nothing is said exactly when they are equal', () => {
    fc.assert(
      fc.property(documents, documents, fc.boolean(), (before, other, same) => {
        const after = same ? structuredClone(before).reverse() : other
        const said = describeChanges({ agents: before, tools: {}, classes: {} }, { agents: after, tools: {}, classes: {} })
        expect(said.length === 0).toBe(JSON.stringify(canonical(sorted(before))) === JSON.stringify(canonical(sorted(after))))
      }),
      { numRuns: 500 },
    )
  })

  test('one difference is said of the agent that it is in, and of no other', () => {
    fc.assert(
      fc.property(documents, document, (before, changed) => {
        const after = before.map((one) => (one.agent === changed.agent ? agentDocument.parse(changed) : one))
        const said = describeChanges({ agents: before, tools: {}, classes: {} }, { agents: after, tools: {}, classes: {} })
        for (const { subject, text } of said) expect([subject, text.length > 10]).toEqual([`agent ${changed.agent}`, true])
      }),
    )
  })

  // Anything in the registry may be put in the place of anything of its type.
  test('a change of any one value of the registry is said of its tool', () => {
    const places = [...leaves(demo.tools)]
    expect(places.length).toBeGreaterThan(100)
    for (const path of places) {
      const tools = structuredClone(demo.tools)
      const parent = path.slice(0, -1).reduce((value, step) => (value as Record<string, unknown>)[step], tools as unknown) as Record<
        string,
        unknown
      >
      const last = path.at(-1) ?? ''
      parent[last] = other(parent[last])
      const said = describeChanges(demo, { ...demo, tools })
      expect([path.join('.'), said.length > 0, said.every(({ subject }) => subject === `tool ${path[0]}`)]).toEqual([
        path.join('.'),
        true,
        true,
      ])
      expect(said.filter(({ text }) => text.includes(SAME_MEANING))).toEqual([])
    }
  })

  test('a change of any one value of an agent is said of it, in words for what it means', () => {
    for (const [index, { agent }] of demo.agents.entries()) {
      for (const path of leaves(demo.agents[index])) {
        if (path[0] === 'agent' || path[0] === 'tenant') continue
        const agents = structuredClone(demo.agents) as AgentDocument[]
        const parent = path
          .slice(0, -1)
          .reduce((value, step) => (value as Record<string, unknown>)[step], agents[index] as unknown) as Record<string, unknown>
        const last = path.at(-1) ?? ''
        parent[last] = valid(last, parent[last])
        const said = describeChanges(demo, { ...demo, agents })
        expect([path.join('.'), said.map(({ subject }) => subject)[0]]).toEqual([path.join('.'), `agent ${agent}`])
        expect(said.filter(({ text }) => text.includes(SAME_MEANING))).toEqual([])
      }
    }
  })
})

/** Keys in one order, without those that say nothing. */
function canonical(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(canonical)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, inner]) => inner !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, inner]) => [key, canonical(inner)]),
  )
}

function* leaves(value: unknown, path: string[] = []): Generator<string[]> {
  if (typeof value !== 'object' || value === null) {
    yield path
    return
  }
  for (const [key, inner] of Object.entries(value)) if (inner !== undefined) yield* leaves(inner, [...path, key])
}

function other(value: unknown): unknown {
  if (typeof value === 'number') return value + 1
  if (typeof value === 'boolean') return !value
  return `${value}x`
}

/** Another value that a document may have in that place. */
function valid(key: string, value: unknown): unknown {
  const words: Record<string, unknown> = {
    above: 'deny',
    on_drift: 'allow',
    mode: value === 'shadow' ? 'enforce' : 'shadow',
    ttl: '3h',
    currency: 'chf',
  }
  if (key === 'do') return value === 'deny' ? 'allow' : 'deny'
  if (key === 'export') return value === 'deny' ? 'allow' : 'deny'
  if (key === 'method') return value === 'mask' ? 'redact' : 'mask'
  if (key === 'per') return 'hour'
  if (value === 'deny') return 'allow'
  return words[key] === undefined || words[key] === value ? (key === 'above' ? 'approval_needed' : other(value)) : words[key]
}
