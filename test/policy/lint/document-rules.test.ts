import { describe, expect, test } from '@jest/globals'
import { readDocumentFiles, textsFrom } from '../../../runtime/policy/document-files.ts'
import { checkedDocuments } from '../../../runtime/policy/documents.ts'
import { DOCUMENT_RULES } from '../../../runtime/policy/lint/document-rules.ts'
import { lintDocuments } from '../../../runtime/policy/lint/lint-documents.ts'
import type { DeployedHosts } from '../../../runtime/policy/lint/rule.ts'
import type { Sources } from '../../../runtime/policy/sources.ts'
import { describeFault } from '../../../runtime/policy/yaml-file.ts'
import { demoContext, demoSources, edited } from '../../support/sources.ts'

/** Faults of one agent's document beside the tools of the demo, and of the demo's own. */
function lint(sources: Sources, deployedHosts?: DeployedHosts): string[] {
  const files = readDocumentFiles(textsFrom(sources))
  const documents = checkedDocuments(files, demoContext)
  return lintDocuments(files, documents, { zones: demoContext.zones, deployedHosts }).map(describeFault)
}

const AGENT = 'documents/agents/new-agent.yaml'
const pay = 'stripe-payments: { create_payment: { max_amount: { value: 5, currency: eur } } }'
const payWith = (rule: string) => `stripe-payments: { create_payment: { max_amount: { value: 5, currency: eur }, ${rule} } }`
const document = (tools: string, more = '', tenant = 'acme-eu') =>
  `agent: new-agent\ntenant: ${tenant}\nallowed_tools: { ${tools} }\n${more}\n`

// Without the demo's agents: what is asked of one document needs no others.
const bare = new Map([...demoSources].filter(([path]) => !path.startsWith('documents/agents/')))
const agent = (text: string): Sources => new Map(bare).set(AGENT, text)
const tools = (from: string | RegExp, to: string): Sources => edited(bare, 'documents/tools.yaml', from, to)

const read = 'crm: { read_contact: {} }'
const unbound = (more: string, allowed = read) => agent(document(allowed, more, 'umbrella'))
const eu = (more: string, allowed = read) => agent(document(allowed, more))

/** For each rule: what it refuses and in which words, and what comes close and passes. */
const CASES: Record<string, { refused: [Sources, string, DeployedHosts?][]; passed: Sources[] }> = {
  'budget-unspent': {
    refused: [
      [eu('budget: { period: day, amount: 5, currency: eur }'), '4:35: budget.currency: no action that the agent may use moves eur'],
      [eu('budget: { period: day, calls: 5 }', ''), '4:1: budget: the agent may use no action'],
    ],
    passed: [eu('budget: { period: day, amount: 5, currency: eur }', pay), eu('budget: { period: day, calls: 5 }')],
  },
  'chain-allowed': {
    refused: [
      [eu('chain: [{ count: ehr.read_record, from: 2, do: deny }]'), '4:11: chain.0.count: the agent may not use ehr.read_record'],
      [eu('chain: [{ after: ehr, deny: email }]'), '4:23: chain.0.deny: the agent may not use email'],
      [eu('chain: [{ after: ehr, deny: crm.update_contact }]'), 'the agent may not use crm.update_contact'],
      [eu('chain: [{ after: ehr, deny: write }]'), 'the agent may use no action that writes'],
      [unbound('chain: [{ after: crm, deny: export }]'), 'tenant umbrella is bound to no zone, so nothing is an export'],
    ],
    passed: [
      // Another agent of the chain may have read the record.
      eu('chain: [{ after: ehr, deny: crm.read_contact }]'),
      eu('chain: [{ after: ehr, deny: crm }, { count: crm.read_contact, from: 2, do: deny }]'),
      eu('chain: [{ after: ehr, deny: write }]', pay),
      // A careful word about a tool that may move tomorrow.
      eu('chain: [{ after: ehr, deny: export }]'),
    ],
  },
  'chain-covered': {
    refused: [
      [eu('chain: [{ after: ehr, deny: crm }, { after: ehr, deny: crm }]'), 'chain.1: rule 1 of the chain already refuses'],
      [eu('chain: [{ after: ehr, deny: crm.read_contact }, { after: ehr, deny: crm }]'), 'chain.0: rule 2 of the chain'],
      [eu('chain: [{ after: national_id.de, deny: crm }, { after: national_id, deny: crm }]'), 'chain.0: rule 2'],
      [
        eu('chain: [{ count: crm.read_contact, from: 3, do: deny }, { count: crm.read_contact, from: 5, do: approval_needed }]'),
        'chain.1: rule 1',
      ],
      [eu('chain: [{ count: crm.read_contact, from: 1, do: deny }]'), 'denies crm.read_contact from its first call on'],
    ],
    passed: [
      eu('chain: [{ count: crm.read_contact, from: 3, do: approval_needed }, { count: crm.read_contact, from: 5, do: deny }]'),
      eu('chain: [{ count: crm.read_contact, from: 1, do: approval_needed }, { after: iban, deny: crm }, { after: card, deny: crm }]'),
    ],
  },
  'class-like-family': {
    refused: [
      [eu('data: { national_id: deny, national_id.de: deny }'), '4:28: data.national_id.de: says what national_id says'],
      [eu('data: { tax_id: sanitize, tax_id.fr: { do: sanitize, method: redact } }'), 'data.tax_id.fr: says what tax_id says'],
    ],
    passed: [eu('data: { national_id: deny, national_id.de: allow }'), eu('data: { national_id.de: deny, tax_id.fr: deny }')],
  },
  'currency-enum': {
    refused: [[tools('[eur, usd, gbp, sgd]', '[eur, usd, gbp, sgd, CHF]'), 'the argument takes "CHF", which no limit can name']],
    passed: [tools('[eur, usd, gbp, sgd]', '[eur, usd, gbp, sgd, chf]')],
  },
  'drift-unpinned': {
    refused: [[eu('', payWith('on_drift: approval_needed')), 'stripe-payments pins no definition, so it never drifts']],
    passed: [eu('', payWith('on_drift: deny')), eu('', 'crm: { read_contact: { on_drift: allow } }')],
  },
  'egress-hosts': {
    refused: [
      [
        eu('egress: [{ host: a.example, zone: ue }]', 'web-fetch: { fetch: {} }'),
        'egress.0.zone: there is no zone ue, there are eu, us, apac',
      ],
      [
        eu('egress: [{ host: a.example }, { host: a.example, zone: eu }]', 'web-fetch: { fetch: {} }'),
        'egress.1.host: a.example is entry 1',
      ],
    ],
    passed: [eu('egress: [{ host: a.example, zone: us }, { host: b.example }]', 'web-fetch: { fetch: {} }')],
  },
  'egress-tool': {
    refused: [
      [eu('egress: [{ host: a.example }]'), '4:1: egress: no action that the agent may use takes a URL'],
      [eu('', 'web-fetch: { fetch: {} }'), '3:31: allowed_tools.web-fetch.fetch: goes where its argument says'],
    ],
    passed: [eu('egress: [{ host: a.example }]', 'web-fetch: { fetch: {} }')],
  },
  'empty-tool': {
    refused: [
      [eu('', 'crm: {}'), '3:18: allowed_tools.crm: names no action, so it allows nothing; name some of read_contact, update_contact'],
    ],
    passed: [eu('')],
  },
  'export-never': {
    refused: [
      [unbound('data: { email: { export: allow } }'), 'data.email.export: tenant umbrella is bound to no zone'],
      [eu('data: { ip_address: { export: approval_needed } }'), 'an IP address may leave the zone anyway'],
      [eu('data: { iban: { do: sanitize, method: mask, export: allow } }'), 'mask leaves nothing of it'],
      [eu('data: { card: { do: deny, export: approval_needed } }'), 'do: deny refuses the call wherever it goes'],
    ],
    passed: [
      eu(
        'data: { iban: { do: sanitize, method: pseudonymize, export: allow }, email: { export: allow }, card: { do: deny, export: deny } }',
      ),
      // In shadow mode the deny is let through and the export is not.
      eu('mode: shadow\ndata: { card: { do: deny, export: approval_needed } }'),
    ],
  },
  'limit-currency': {
    refused: [
      [
        agent(
          document(
            'stripe-payments: { create_payment: { max_amount: [{ value: 5, currency: eur }, { value: 5, currency: usd }], params: { amount: { at_most: 9 } } } }',
          ),
        ),
        'params.amount.at_most: is a limit without a currency, and the action may be called in eur, usd',
      ],
    ],
    // Asks above 5 and refuses above 9, all in eur.
    passed: [eu('', payWith('params: { amount: { at_most: 9 } }'))],
  },
  'params-contradict': {
    refused: [
      [
        eu('', payWith('params: { recipient: { equals: a, one_of: [b, c] } }')),
        'params.recipient.equals: "a" does not satisfy one_of ["b","c"]',
      ],
      [eu('', payWith('params: { recipient: { equals: a, prefix: b } }')), '"a" does not satisfy prefix "b": no value passes'],
      [
        eu('', payWith('params: { recipient: { one_of: [ba, ca], prefix: b } }')),
        'one_of.1: "ca" does not satisfy prefix "b", so it never passes',
      ],
      [eu('', payWith('params: { amount: { equals: 9, at_most: 5 } }')), '9 does not satisfy at_most 5'],
      [eu('', payWith('params: { recipient: { prefix: a, at_most: 5 } }')), 'recipient.at_most: asks for a number'],
    ],
    passed: [
      eu('', payWith('params: { recipient: { one_of: [ba, bb], prefix: b } }')),
      eu('', payWith('params: { recipient: { prefix: abc, suffix: bcd }, amount: { equals: 5, at_most: 5 } }')),
    ],
  },
  'params-schema': {
    refused: [
      [eu('', payWith('params: { currency: { equals: chf } }')), 'params.currency.equals: "chf" does not fit the schema'],
      [eu('', payWith('params: { currency: { one_of: [eur, chf] } }')), 'one_of.1: "chf" does not fit'],
      [eu('', payWith('params: { currency: { prefix: ch } }')), 'fits none of eur, usd, gbp, sgd'],
      [eu('', payWith('params: { amount: { prefix: a } }')), 'is for texts, and the argument is of type integer'],
      [eu('', payWith('params: { recipient: { at_most: 5 } }')), 'is for numbers, and the argument is of type string'],
      [eu('', payWith('params: { amount: { at_most: 0 } }')), "0 is below the argument's minimum of 1"],
      [eu('', payWith(`params: { recipient: { suffix: ${'x'.repeat(65)} } }`)), "is longer than the argument's maxLength of 64"],
    ],
    passed: [
      eu(
        '',
        payWith('params: { currency: { one_of: [eur, usd], prefix: e, suffix: r }, amount: { at_most: 1 } }').replace('eur, usd', 'eur'),
      ),
    ],
  },
  'plain-values': {
    refused: [
      [tools('maxLength: 500 }', 'maxLength: 500, enum: ["\\ud800"] }'), 'memo.enum.0: has half of a surrogate pair'],
      [
        tools('amount: { type: integer, minimum: 1,', 'amount: { type: integer, minimum: 0.5,'),
        'amount.minimum: 0.5 is not a whole number',
      ],
      [eu('', payWith('params: { recipient: { equals: "\\udc00" } }')), 'recipient.equals: has half of a surrogate pair'],
    ],
    passed: [tools('maxLength: 500 }', 'maxLength: 500, enum: ["\\ud83d\\ude00"] }')],
  },
  'tenant-zone': {
    refused: [
      [eu('zone: us'), '4:1: zone: says us, and tenant acme-eu is in zone eu'],
      [unbound('zone: eu'), 'says eu, and tenant umbrella is bound to no zone'],
    ],
    passed: [eu('zone: eu'), unbound('')],
  },
  'host-not-deployed': {
    refused: [[demoSources, 'the allowlist that is deployed in us-east-1 lacks', [{ region: 'us-east-1', stack: 'network', hosts: [] }]]],
    passed: [demoSources],
  },
}

test('the demo has nothing that the lint refuses', () => {
  expect(lint(demoSources)).toEqual([])
})

test('every rule has a case that it refuses and one that it lets pass', () => {
  expect(Object.keys(CASES).sort()).toEqual(DOCUMENT_RULES.map(({ id }) => id).sort())
})

describe.each(Object.entries(CASES))('%s', (id, { refused, passed }) => {
  test.each(refused.map(([sources, words, hosts]) => [words, sources, hosts] as const))('refuses: %s', (words, sources, hosts) => {
    const faults = lint(sources, hosts).filter((fault) => fault.endsWith(`[${id}]`))
    expect(faults.join('\n')).toContain(words)
  })

  test('lets pass what comes close', () => {
    for (const sources of passed) expect(lint(sources).filter((fault) => fault.endsWith(`[${id}]`))).toEqual([])
  })
})

describe('host-not-deployed compares with what is deployed', () => {
  const hosts = (prefix: string) => ['payments', 'crm', 'ehr'].map((tool) => `${tool}.${prefix}.tools.aegis.example`)
  const mail = 'email.us-east-1.tools.aegis.example'
  const web = ['api.partner.example', 'data.public.example']
  const deployed = (region: string, ...more: string[]) => ({ region, stack: `aegis-${region}-network`, hosts: [...hosts(region), ...more] })
  const all = [deployed('eu-west-1', mail, ...web), deployed('us-east-1', mail, '*.partner.example', 'data.public.example')]

  test('passes when every host is there, by name or below a wildcard', () => {
    expect(lint(demoSources, all)).toEqual([])
  })

  test('refuses the mail tool for a region from which it would be called across the border, and names the stack', () => {
    expect(lint(demoSources, [deployed('eu-west-1', ...web)])).toEqual([
      expect.stringMatching(
        /tools.yaml:\d+:\d+: email.endpoints.us-east-1: the allowlist that is deployed in eu-west-1 lacks email\.us-east-1\.\S+; deploy stack aegis-eu-west-1-network/,
      ),
    ])
  })

  test('refuses a host of egress, in the document that lists it', () => {
    expect(lint(demoSources, [deployed('eu-west-1', mail, 'partner.example', 'data.public.example')])).toEqual([
      expect.stringMatching(
        /research-agent.yaml:\d+:\d+: egress.0.host: the allowlist that is deployed in eu-west-1 lacks api.partner.example/,
      ),
    ])
  })

  test('asks nothing of a region whose agents may not use the tool', () => {
    const us = {
      ...deployed('us-east-1', mail, ...web),
      hosts: [...hosts('us-east-1').filter((host) => !host.startsWith('ehr')), mail, ...web],
    }
    expect(lint(demoSources, [us])).toEqual([])
  })
})
