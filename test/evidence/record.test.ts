import { createHash } from 'node:crypto'
import canonicalize from 'canonicalize'
import { type RecordFacts, recordFrame, recordLine } from '../../runtime/evidence/record.ts'

const frame = recordFrame({ log: 'eu-west-1-1', region: 'eu-west-1', zone: 'eu', version: '0.1.0' })
const facts: RecordFacts = {
  decisionId: 'd-1',
  timestampMs: 1_700_000_000_000,
  principal: {
    agentId: 'finance-agent',
    tenant: 'acme-eu',
    zone: 'eu',
    binding: 'zone',
    tokenId: 'j-1',
    issuerRegion: 'eu-west-1',
    keyId: 'k-1',
    expiresAt: 0,
  },
  door: 'decision_api',
  tool: 'stripe-payments',
  action: 'create_payment',
  decision: 'deny',
  enforced: 'deny',
  mode: 'enforce',
  reasons: [{ code: 'tool_not_allowed', message: 'the agent may not "use" this é \u2028', rule: 'tools' }],
  policyVersion: 'r1',
  tenantZone: 'eu',
  dataClasses: [],
  approvalId: null,
  chain: null,
  routeRegion: null,
  durationNs: 412_345,
  policyNs: 85_000,
  unrecorded: 0,
}

const withoutLeaf = (line: string) => {
  const record = JSON.parse(line)
  delete record.custom.leaf
  return record
}

test('the leaf is the RFC 9162 hash of the canonical record without it', () => {
  const { line, leaf } = recordLine(frame, 7, facts)
  const canonical = canonicalize(withoutLeaf(line)) as string
  expect(leaf).toBe(createHash('sha256').update('\0').update(canonical).digest('hex'))
  expect(JSON.parse(line).custom).toMatchObject({ leaf, log: 'eu-west-1-1', seq: 7, agent_id: 'finance-agent', tenant_zone: 'eu' })
})

test('the line itself is in canonical form, whatever the facts hold', () => {
  for (const variant of [
    facts,
    { ...facts, principal: undefined, tool: null, action: null, error: 'invalid_token' as const, decision: 'error' as const },
  ]) {
    const { line } = recordLine(frame, 0, variant)
    expect(line).toBe(canonicalize(JSON.parse(line)))
    expect(line).not.toContain('\n')
  }
})

test('one changed fact changes the leaf', () => {
  const { leaf } = recordLine(frame, 7, facts)
  expect(recordLine(frame, 8, facts).leaf).not.toBe(leaf)
  expect(recordLine(frame, 7, { ...facts, enforced: 'allow' }).leaf).not.toBe(leaf)
})

test('a record has the fields of an OPA decision log event', () => {
  expect(JSON.parse(recordLine(frame, 0, facts).line)).toMatchObject({
    decision_id: 'd-1',
    labels: { id: 'eu-west-1-1', region: 'eu-west-1', version: '0.1.0' },
    bundles: { aegis: { revision: 'r1' } },
    path: 'aegis/gateway/decision',
    result: { decision: 'deny', enforced: 'deny' },
    timestamp: '2023-11-14T22:13:20.000Z',
    metrics: { timer_rego_query_eval_ns: 85_000, timer_server_handler_ns: 412_345 },
  })
})
