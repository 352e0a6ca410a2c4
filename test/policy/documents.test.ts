import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { bundleData, DocumentError, loadDocuments, revisionOf } from '../../runtime/policy/documents.ts'

let dir: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'aegis-documents-'))
  cpSync('demo', dir, { recursive: true })
})
afterEach(() => rmSync(dir, { recursive: true, force: true }))

const AGENT = 'agents/finance-agent.yaml'

function write(name: string, text: string): void {
  writeFileSync(join(dir, name), text)
}

/** Changes one spot of a demo document: what an author's slip looks like. */
function replace(name: string, from: string | RegExp, to: string): void {
  const text = readFileSync(join(dir, name), 'utf8')
  const changed = text.replace(from, to)
  expect(changed).not.toBe(text)
  write(name, changed)
}

/** The faults, each as one line with the folder cut off. */
function faults(): string[] {
  try {
    loadDocuments(dir)
    return []
  } catch (error) {
    if (!(error instanceof DocumentError)) throw error
    return error.message.split('\n').map((line) => line.replace(`${dir}/`, ''))
  }
}

describe('the demo documents', () => {
  test('load', () => {
    const { tenants, agents, tools } = loadDocuments(dir)
    expect(tenants.map(({ id }) => id)).toEqual(['acme-eu', 'clinic-eu', 'globex-us', 'initech-apac', 'umbrella'])
    expect(agents).toHaveLength(15)
    expect(Object.keys(tools)).toEqual(['stripe-payments', 'crm', 'ehr', 'email', 'web-fetch'])
  })

  test('a bundle holds the agents of its zone and of tenants without residency', () => {
    const documents = loadDocuments(dir)
    const agentsOf = (zone: string) => Object.keys(bundleData(documents, zone).aegis.agents).sort()
    expect(agentsOf('us')).toEqual(['demo-globex-agent', 'demo-umbrella-agent', 'ops-agent', 'research-agent'])
    expect(agentsOf('eu')).toContain('care-agent')
    expect(agentsOf('eu')).not.toContain('ops-agent')
  })

  test('the revision follows documents and module', () => {
    const one = loadDocuments(dir)
    const wasm = new Uint8Array([1])
    expect(revisionOf(wasm, loadDocuments(dir))).toBe(revisionOf(wasm, one))
    expect(revisionOf(new Uint8Array([2]), one)).not.toBe(revisionOf(wasm, one))
    replace(AGENT, '500000', '500001')
    expect(revisionOf(wasm, loadDocuments(dir))).not.toBe(revisionOf(wasm, one))
  })

  test('a group shares a document', () => {
    replace(AGENT, 'agent: finance-agent', 'agents: [finance-agent, finance-two]')
    expect(Object.keys(bundleData(loadDocuments(dir), 'eu').aegis.agents)).toEqual(expect.arrayContaining(['finance-agent', 'finance-two']))
  })

  test('classes may be declared', () => {
    replace(AGENT, 'card: deny', 'employee_number: deny')
    expect(faults().join()).toMatch(/there is no data class employee_number/)
    write('classes.yaml', 'employee_number: { description: numbers of the payroll }\n')
    expect(faults()).toEqual([])
  })
})

describe('refuses a broken agent document, and says where', () => {
  test.each<[string, string | RegExp, string, string]>([
    ['an unknown key', 'approvals:', 'aprovals:', `${AGENT}:16:1: aprovals: unknown key`],
    ['an unknown key below', 'above:', 'abov:', `${AGENT}:7:51: allowed_tools.stripe-payments.create_payment.max_amount.abov: unknown key`],
    ['a key twice', 'tenant: acme-eu', 'tenant: acme-eu\ntenant: clinic-eu', `${AGENT}:4:1: map keys must be unique`],
    [
      'a negative amount',
      'value: 500000',
      'value: -1',
      `${AGENT}:7:21: allowed_tools.stripe-payments.create_payment.max_amount.value: must not be negative`,
    ],
    ['an amount with a fraction', 'value: 500000', 'value: 1.5', 'must be a whole number of minor units'],
    ['an amount that is not exact', 'value: 500000', 'value: 9007199254740993', 'max_amount.value'],
    ['an endless amount', 'value: 500000', 'value: 1e400', 'max_amount.value'],
    ['an amount in words', 'value: 500000', 'value: "500000"', 'max_amount.value'],
    ['a currency in capitals', 'currency: eur', 'currency: EUR', 'must be a currency of three lower case letters'],
    ['a currency that the action does not take', 'currency: eur', 'currency: chf', 'the action takes eur, usd, gbp, sgd, not chf'],
    ['an unknown answer', 'above: approval_needed', 'above: ask', 'max_amount.above'],
    ['an unknown operator', 'prefix: supplier-', 'starts: supplier-', 'params.recipient.starts: unknown key'],
    ['a rule without operator', '{ prefix: supplier- }', '{}', 'needs at least one of equals'],
    ['an unknown argument', 'recipient: { prefix', 'payee: { prefix', 'the action has no argument /payee'],
    ['an argument that policy does not see', 'recipient: { prefix', 'memo: { prefix', 'list it in policy_reads'],
    ['an unknown tool', 'crm:', 'crn:', 'there is no crn.read_contact in tools.yaml'],
    ['a tool that every object has', 'crm:', 'constructor:', 'there is no constructor.read_contact in tools.yaml'],
    ['an unknown action', 'read_contact:', 'read_contacts:', 'there is no crm.read_contacts in tools.yaml'],
    ['an unknown tenant', 'tenant: acme-eu', 'tenant: acme', `${AGENT}:3:1: tenant: there is no tenant acme in tenants.yaml`],
    ['an unknown class', 'card: deny', 'creditcard: deny', 'there is no data class creditcard'],
    ['a method without sanitize', 'do: sanitize, ', '', 'is only for do: sanitize'],
    ['an unknown method', 'method: mask', 'method: hide', 'data.iban.method'],
    ['a bad duration', 'ttl: 15m', 'ttl: 15 minutes', 'must be a duration'],
    ['no agent', 'agent: finance-agent', '', 'needs either agent or agents'],
    ['both kinds of agent', 'agent: finance-agent', 'agent: finance-agent\nagents: [x]', 'needs either agent or agents'],
    ['an agent that has a document', 'agent: finance-agent', 'agent: rogue-agent', 'there is another document for agent rogue-agent'],
    ['an alias', 'agent: finance-agent', 'agent: &a finance-agent\nmode: *a', `${AGENT}:3:7: an alias`],
    ['a tag', 'tenant: acme-eu', 'tenant: !!js/function acme-eu', 'unresolved tag'],
    ['money without a limit', /max_amount:.*\n\s+/, '', 'moves money and has no max_amount'],
    ['two limits in one currency', /max_amount: (.*)/, 'max_amount: [$1, $1]', 'there is another limit in eur'],
    ['a budget in another currency', 'data:', 'budget: { period: day, amount: 1, currency: usd }\ndata:', 'the budget is in usd'],
    ['a host with a scheme', 'data:', 'egress: [{ host: "https://x.example" }]\ndata:', 'must be a host name'],
    ['a wildcard host', 'data:', 'egress: [{ host: "*.x.example" }]\ndata:', 'must be a host name'],
    ['a chain after nothing', 'data:', 'chain: [{ after: erh, deny: export }]\ndata:', 'erh is neither a tool nor a data class'],
    ['a chain that denies nothing', 'data:', 'chain: [{ after: ehr, deny: exports }]\ndata:', 'exports is neither export nor write'],
    ['a chain that counts nothing', 'data:', 'chain: [{ count: crm, from: 2, do: deny }]\ndata:', 'write tool.action'],
    ['a chain rule of no kind', 'data:', 'chain: [{ after: ehr, do: deny }]\ndata:', 'chain.0'],
    ['broken YAML', 'allowed_tools:', 'allowed_tools: [', AGENT],
  ])('%s', (_, from, to, line) => {
    replace(AGENT, from, to)
    expect(faults().join('\n').toLowerCase()).toContain(line.toLowerCase())
  })

  test('all faults at once', () => {
    replace(AGENT, 'value: 500000', 'value: -1')
    replace(AGENT, 'card: deny', 'card: maybe')
    replace('agents/ward-agent.yaml', 'tenant: clinic-eu', 'tenant: [clinic-eu]')
    expect(faults()).toHaveLength(3)
  })

  test('a policy that does not fit', () => {
    const rules = Array.from({ length: 40 }, (_, index) => `  - { after: ehr, deny: crm.read_contact } # ${index}`).join('\n')
    write('agents/ward-agent.yaml', `${readFileSync(join(dir, 'agents/ward-agent.yaml'), 'utf8')}${rules}\n`)
    expect(faults().join()).toMatch(/ward-agent.yaml:2:1: compiles to \d+ bytes, at most 1024/)
  })

  test('a folder without files', () => {
    rmSync(join(dir, 'tools.yaml'))
    expect(faults()).toEqual(['tools.yaml:1:1: there is no such file'])
  })
})

describe('refuses a broken registry', () => {
  test.each<[string, string | RegExp, string, string]>([
    ['an open object', 'additionalProperties: false', 'additionalProperties: true', 'is open; say additionalProperties: false'],
    ['an open object below', /(fields:\n\s+type: object\n)\s+additionalProperties: false\n/, '$1', 'fields: is open'],
    [
      'a keyword that could open it',
      'required: [amount,',
      'patternProperties: { ".*": {} }\n        required: [amount,',
      'this keyword is not supported',
    ],
    ['an expression', 'maxLength: 64 }', 'maxLength: 64, pattern: "(a+)+$" }', 'this keyword is not supported'],
    ['a requirement of nothing', 'required: [amount,', 'required: [amuont,', 'is no JSON Schema'],
    ['a limit in words', 'maxLength: 500 }', 'maxLength: many }', 'is no JSON Schema'],
    ['an argument without type', '{ type: string, maxLength: 500 }', '{ maxLength: 500 }', 'needs one type'],
    ['a role that points nowhere', 'amount: /amount,', 'amount: /total,', '/total is not in the schema'],
    ['reads that point nowhere', 'policy_reads: [/amount,', 'policy_reads: [/amount, /amuont,', '/amuont is not in the schema'],
    ['an amount that policy does not see', 'policy_reads: [/amount,', 'policy_reads: [', 'must list /amount'],
    ['an amount that may be negative', 'type: integer, minimum: 1', 'type: integer', 'must be of type integer with a minimum'],
    ['an amount with fractions', 'type: integer, minimum: 1', 'type: number, minimum: 1', 'must be of type integer with a minimum'],
    ['any currency', 'enum: [eur, usd, gbp, sgd]', 'maxLength: 3', 'with an enum of currencies'],
    ['an amount without currency', 'amount: /amount, currency: /currency,', 'amount: /amount,', 'amount and currency come together'],
    ['a recipient class that is none', 'classes: [email]', 'classes: [e-mail]', 'there is no data class e-mail'],
    ['an endpoint in the clear', 'https://email.', 'http://email.', 'must be an https URL'],
    ['an endpoint with credentials', 'https://email.', 'https://me:secret@email.', 'must be an https URL'],
    ['an endpoint nowhere', 'us-east-1: https://email', 'us-east: https://email', 'is not an AWS region name'],
    ['a tool that leads nowhere', 'roles: { url: /url }', '', 'leads nowhere'],
    ['a name with a dot', 'crm:', 'c.rm:', 'must be lower case letters'],
    ['a word of chain rules', 'crm:', 'export:', 'is a word of chain rules'],
    ['an unknown key', 'idempotent: true', 'idempotant: true', 'idempotant: unknown key'],
  ])('%s', (_, from, to, line) => {
    replace('tools.yaml', from, to)
    expect(faults().join('\n')).toContain(line)
  })
})

describe('refuses broken tenants', () => {
  test.each([
    ['an unknown binding', 'binding: region', 'binding: city', 'clinic-eu.binding'],
    ['an unknown key', 'binding: none', 'bindings: none', 'umbrella.bindings: unknown key'],
    ['a name twice', 'globex-us:', 'acme-eu:', 'map keys must be unique'],
    ['a name in capitals', 'globex-us:', 'Globex:', 'must be lower case'],
  ])('%s', (_, from, to, line) => {
    replace('tenants.yaml', from, to)
    expect(faults().join('\n').toLowerCase()).toContain(line.toLowerCase())
  })
})
