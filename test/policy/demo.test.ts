import { beforeAll, describe, expect, test } from '@jest/globals'
import type { JsonObject } from '../../runtime/model/call.ts'
import { selectArguments } from '../../runtime/policy/arguments.ts'
import { builtWasm } from '../../runtime/policy/build.ts'
import { readBundleData, toolZones } from '../../runtime/policy/bundle-data.ts'
import { bundleData, loadDocuments } from '../../runtime/policy/documents.ts'
import { loadEvaluator, type PolicyEvaluator } from '../../runtime/policy/evaluate.ts'
import type { PolicyInput } from '../../runtime/policy/policy-io.ts'
import { said } from '../support/fixtures.ts'

// The rows of the demo table that are policy's to answer, with the facts that the host will supply.

const zones = { eu: ['eu-west-1', 'eu-central-1'], us: ['us-east-1'], apac: ['ap-southeast-1'] }
const documents = loadDocuments('demo')
const zoneOfRegion = new Map(Object.entries(zones).flatMap(([zone, regions]) => regions.map((region) => [region, zone] as const)))

let evaluator: PolicyEvaluator
beforeAll(async () => {
  evaluator = await loadEvaluator(builtWasm())
})

interface Row {
  agent: string
  call: string
  args?: JsonObject
  region?: string
  facts?: Partial<PolicyInput>
}

function decide({ agent: id, call, args = {}, region = 'eu-west-1', facts = {} }: Row) {
  const zone = zoneOfRegion.get(region) ?? ''
  const { agents, tools } = readBundleData(bundleData(documents, zone))
  const [name = '', action = ''] = call.split('.')
  const agent = agents.get(id)
  const tool = tools.get(name)
  const entry = tool?.actions.get(action)
  const tenant = documents.tenants.find((found) => found.id === agent?.tenant)
  if (tool === undefined || entry === undefined || tenant === undefined) throw new Error(`${id} ${call} is not in the demo`)
  return evaluator.evaluate({
    call: { tool: name, action, arguments: selectArguments(args, entry.policyReads), door: 'decision_api' },
    agent: { id, policyJson: agent?.policyJson ?? null },
    tenant: { id: tenant.id, zone: tenant.zone, home_region: tenant.homeRegion, binding: tenant.binding, mode: tenant.mode },
    tool: { name, action, effect: entry.effect, zones: toolZones(tool, zones), risk: entry.risk, drift: false },
    data: { classes: [], findings: [], findings_total: 0 },
    chain: { id: 'c', taints: [], calls: {} },
    budget: null,
    approval: null,
    region,
    zone,
    now: { epoch_ms: 1_795_000_000_000 },
    ...facts,
  })
}

const payment = { amount: 420000, currency: 'eur', recipient: 'supplier-7', memo: 'invoice 114' }
const pay = 'stripe-payments.create_payment'
const mail = { to: 'jo@example.com', subject: 'hello', body: 'text' }
const holding = (...found: [string, string][]): Partial<PolicyInput> => ({
  data: {
    classes: found.map(([name]) => name),
    findings: found.map(([name, path]) => ({ class: name, path })),
    findings_total: found.length,
  },
})
const to: [string, string] = ['email', '/to']

describe('the demo table', () => {
  test.each<[string, Row, string, string[]]>([
    ['1 in eu-west-1', { agent: 'finance-agent', call: pay, args: payment }, 'allow', []],
    ['1 in eu-central-1', { agent: 'finance-agent', call: pay, args: payment, region: 'eu-central-1' }, 'allow', []],
    ['2', { agent: 'finance-agent', call: pay, args: { ...payment, amount: 600000 } }, 'approval_needed', ['amount_over_limit max_amount']],
    ['4', { agent: 'finance-agent', call: 'ehr.read_record', args: { patient: 'p1' } }, 'deny', ['tool_not_allowed allowed_tools']],
    [
      '5',
      { agent: 'support-agent', call: 'email.send', args: mail, facts: holding(to, ['iban', '/body']) },
      'sanitize',
      ['data_class_sanitized data.iban'],
    ],
    [
      '6',
      { agent: 'support-agent', call: 'email.send', args: mail, facts: holding(to, ['card', '/body']) },
      'deny',
      ['data_class_denied data.card', 'residency_export export.card'],
    ],
    ['9', { agent: 'trial-agent', call: pay, args: { ...payment, amount: 600000 } }, 'approval_needed', ['amount_over_limit max_amount']],
    [
      '10',
      { agent: 'care-agent', call: 'email.send', args: mail, facts: holding(to, ['health_record', '/body']) },
      'approval_needed',
      ['residency_export export.health_record'],
    ],
    [
      '10 approved',
      {
        agent: 'care-agent',
        call: 'email.send',
        args: mail,
        facts: {
          ...holding(to, ['health_record', '/body']),
          approval: { id: 'a', rules: ['export.health_record'], roles: ['dpo'], approvers: 1 },
        },
      },
      'allow',
      [],
    ],
    ['11', { agent: 'support-agent', call: 'crm.read_contact', args: { id: 'c1' } }, 'allow', []],
    [
      '13 while it lasts',
      { agent: 'treasury-agent', call: pay, args: payment, facts: { budget: { remaining: 420000, cost: 420000 } } },
      'allow',
      [],
    ],
    [
      '13 then',
      { agent: 'treasury-agent', call: pay, args: payment, facts: { budget: { remaining: 1000, cost: 420000 } } },
      'deny',
      ['budget_exhausted budget'],
    ],
    ['13 unless nobody counts', { agent: 'treasury-agent', call: pay, args: payment }, 'deny', ['budget_unverified budget']],
    ['14 before the kill', { agent: 'rogue-agent', call: pay, args: payment }, 'allow', []],
    ['15', { agent: 'ops-agent', call: pay, args: { ...payment, currency: 'usd' }, region: 'us-east-1' }, 'allow', []],
    ['15 in eur', { agent: 'ops-agent', call: pay, args: payment, region: 'us-east-1' }, 'allow', []],
    [
      '16',
      { agent: 'trial-agent', call: 'email.send', args: mail, facts: holding(to, ['health_record', '/body']) },
      'approval_needed',
      ['residency_export export.health_record'],
    ],
    ['17', { agent: 'ward-agent', call: 'ehr.read_record', args: { patient: 'p1' } }, 'allow', []],
    [
      '18 after reading',
      { agent: 'ward-agent', call: 'email.send', args: mail, facts: { ...holding(to), chain: { id: 'c', taints: ['ehr'], calls: {} } } },
      'deny',
      ['chain_tainted chain.after.ehr'],
    ],
    ['18 before', { agent: 'ward-agent', call: 'email.send', args: mail, facts: holding(to) }, 'allow', []],
    ['20 in eu', { agent: 'research-agent', call: 'crm.read_contact', args: { id: 'c1' } }, 'allow', []],
    ['20 in us', { agent: 'research-agent', call: 'crm.read_contact', args: { id: 'c1' }, region: 'us-east-1' }, 'allow', []],
    ['20 in apac', { agent: 'research-agent', call: 'crm.read_contact', args: { id: 'c1' }, region: 'ap-southeast-1' }, 'allow', []],
  ])('row %s', (_, row, outcome, reasons) => {
    const output = decide(row)
    expect({ outcome: output.outcome, reasons: said(output) }).toEqual({ outcome, reasons })
  })

  test('row 11 stays in the eu, row 10 does not', () => {
    expect(decide({ agent: 'support-agent', call: 'crm.read_contact' }).obligations).toMatchObject({ route_zone: 'eu', export: false })
    expect(decide({ agent: 'care-agent', call: 'email.send', args: mail }).obligations).toMatchObject({ route_zone: 'us', export: true })
  })
})

test('every agent but treasury and ward reads contacts', () => {
  const without = documents.agents.filter(({ allowed_tools }) => allowed_tools.crm?.read_contact === undefined)
  expect(without.map(({ agent }) => agent)).toEqual(['treasury-agent', 'ward-agent'])
})

test('every tenant has background traffic of its own', () => {
  const tenants = documents.agents.filter(({ agent }) => agent?.startsWith('demo-')).map(({ tenant }) => tenant)
  expect(new Set(tenants)).toEqual(new Set(documents.tenants.map(({ id }) => id)))
})
