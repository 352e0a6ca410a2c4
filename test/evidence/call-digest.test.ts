import fc from 'fast-check'
import { callDigest, type DigestedCall } from '../../runtime/evidence/call-digest.ts'
import type { JsonObject } from '../../runtime/model/call.ts'

const call: DigestedCall = {
  tenant: 'acme-eu',
  agent: 'finance-agent',
  tool: 'stripe-payments',
  action: 'create_payment',
  schemaDigest: 's'.repeat(64),
  arguments: { amount: 600000, currency: 'eur', nested: { list: [1, 'two', null, true] } },
  destination: { zone: 'eu', region: 'eu-west-1', endpoint: 'https://payments.example/' },
  chain: 'chn.eu-west-1.a.b',
}

test('is the SHA-256 of the canonical form, whatever the order of keys', () => {
  // sha256 of the RFC 8785 text, made by another implementation (Python's json with sorted keys and hashlib).
  expect(callDigest(call)).toBe('8bec7c27f8841ddd29f96b575648806aee2e7ed50552a67c12076a97ecde67eb')
  const turned = { ...call, arguments: { nested: { list: [1, 'two', null, true] }, currency: 'eur', amount: 600000 } }
  expect(callDigest(turned)).toBe(callDigest(call))
})

test.each<[string, Partial<DigestedCall>]>([
  ['tenant', { tenant: 'clinic-eu' }],
  ['agent', { agent: 'treasury-agent' }],
  ['tool', { tool: 'crm' }],
  ['action', { action: 'refund' }],
  ['definition of the action', { schemaDigest: 't'.repeat(64) }],
  ['amount', { arguments: { ...call.arguments, amount: 600001 } }],
  ['type of an argument', { arguments: { ...call.arguments, amount: '600000' } }],
  ['deep value', { arguments: { ...call.arguments, nested: { list: [1, 'two', null, false] } } }],
  ['additional argument', { arguments: { ...call.arguments, memo: '' } }],
  ['missing argument', { arguments: { amount: 600000 } }],
  ['zone of the destination', { destination: { ...call.destination, zone: 'us' } }],
  ['zone that is none', { destination: { ...call.destination, zone: null } }],
  ['region of the destination', { destination: { ...call.destination, region: 'eu-central-1' } }],
  ['endpoint', { destination: { ...call.destination, endpoint: 'https://payments.example/x' } }],
  ['chain', { chain: 'chn.eu-west-1.a.c' }],
])('another %s is another call', (_name, change) => {
  expect(callDigest({ ...call, ...change })).not.toBe(callDigest(call))
})

test('two sets of arguments have one digest only when they are the same JSON', () => {
  const json = fc.dictionary(fc.string(), fc.jsonValue())
  fc.assert(
    fc.property(json, json, (a, b) => {
      const one = JSON.parse(JSON.stringify(a)) as JsonObject
      const other = JSON.parse(JSON.stringify(b)) as JsonObject
      const same = callDigest({ ...call, arguments: one }) === callDigest({ ...call, arguments: other })
      expect(same).toBe(JSON.stringify(sorted(one)) === JSON.stringify(sorted(other)))
    }),
  )
})

test('refuses a string that is not well-formed Unicode', () => {
  expect(() => callDigest({ ...call, arguments: { memo: '\ud800' } })).toThrow()
})

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  // A list of pairs, because an object would put keys that look like indexes first.
  return Object.entries(value)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, inner]) => [key, sorted(inner)])
}
