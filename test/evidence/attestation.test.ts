import { sign } from 'node:crypto'
import fc from 'fast-check'
import {
  type ArrivedExport,
  type AttestationFault,
  type AttestationKeys,
  type ExpectedExport,
  type ExportPermission,
  signAttestation,
  verifyArrivingAttestation,
  verifyAttestation,
} from '../../runtime/evidence/attestation.ts'
import { preAuthenticationEncoding, readEnvelope, sealEnvelope } from '../../runtime/evidence/dsse.ts'
import type { Signer } from '../../runtime/model/ports.ts'
import { type TestKey, testKey } from '../support/tokens.ts'

const nowMs = Date.now()
const permission: ExportPermission = {
  approvalId: `apr.eu-west-1.${'x'.repeat(22)}`,
  digest: 'a'.repeat(64),
  tenant: 'clinic-eu',
  source: { zone: 'eu', region: 'eu-west-1' },
  destination: { zone: 'us', region: 'us-east-1' },
  dataClasses: ['email', 'health_record'],
  recordLimit: 3,
  legalBasis: 'GDPR Art. 49(1)(f)',
  policyVersion: 'rev-1',
  approvers: [{ sub: 'dora', roles: ['dpo'], atMs: nowMs }],
  notBeforeMs: nowMs,
  notAfterMs: nowMs + 300_000,
}
const expected: ExpectedExport = {
  approvalId: permission.approvalId,
  digest: permission.digest,
  tenant: 'clinic-eu',
  source: permission.source,
  destination: permission.destination,
  dataClasses: ['health_record'],
  records: 2,
  policyVersion: 'rev-1',
  nowMs,
}

let approval: TestKey
let dataProtection: TestKey
let keys: AttestationKeys
let signers: { approval: Signer; dataProtection: Signer }
let text: string

const signer = ({ privateKey, publicJwk }: TestKey): Signer => ({
  keyId: publicJwk.kid,
  sign: async (message) => sign('sha256', message, { key: privateKey, dsaEncoding: 'ieee-p1363' }),
})

beforeAll(async () => {
  approval = await testKey()
  dataProtection = await testKey()
  keys = { approval: approval.publicJwk, dataProtection: dataProtection.publicJwk }
  signers = { approval: signer(approval), dataProtection: signer(dataProtection) }
  text = await signAttestation(permission, signers)
})

test('an attestation with both signatures covers the export it was made for', () => {
  expect(verifyAttestation(text, keys, expected)).toEqual([])
  const statement = JSON.parse(Buffer.from(JSON.parse(text).payload, 'base64').toString())
  expect(statement).toMatchObject({
    _type: 'https://in-toto.io/Statement/v1',
    subject: [{ name: permission.approvalId, digest: { sha256: permission.digest } }],
    predicate: { tenant: 'clinic-eu', source_region: 'eu-west-1', destination_zone: 'us', record_limit: 3, policy_version: 'rev-1' },
  })
})

test("what is signed is DSSE's pre-authentication encoding", () => {
  // The example of protocol.md.
  const encoded = preAuthenticationEncoding('http://example.com/HelloWorld', Buffer.from('hello world'))
  expect(Buffer.from(encoded).toString()).toBe('DSSEv1 29 http://example.com/HelloWorld 11 hello world')
})

test.each<[AttestationFault, Partial<ExpectedExport>]>([
  ['wrong_approval', { approvalId: 'apr.eu-west-1.other' }],
  ['wrong_digest', { digest: 'b'.repeat(64) }],
  ['wrong_tenant', { tenant: 'acme-eu' }],
  ['wrong_source', { source: { zone: 'eu', region: 'eu-central-1' } }],
  ['wrong_source', { source: { zone: 'us', region: 'eu-west-1' } }],
  ['wrong_destination', { destination: { zone: 'us', region: 'us-west-2' } }],
  ['wrong_destination', { destination: { zone: null, region: 'us-east-1' } }],
  ['classes_not_covered', { dataClasses: ['health_record', 'iban'] }],
  ['records_over_limit', { records: 4 }],
  ['wrong_policy_version', { policyVersion: 'rev-2' }],
  ['not_yet_valid', { nowMs: nowMs - 60_000 }],
  ['expired', { nowMs: nowMs + 300_000 }],
])('refuses an export that is not the attested one: %s', (fault, change) => {
  expect(verifyAttestation(text, keys, { ...expected, ...change })).toEqual([fault])
})

test('refuses one signature, one key twice, and a stranger beside the two', async () => {
  const envelope = JSON.parse(text)
  const [first, second] = envelope.signatures
  const with_ = (signatures: unknown[]) => verifyAttestation(JSON.stringify({ ...envelope, signatures }), keys, expected)
  expect(with_([first])).toEqual(['data_protection_signature', 'unknown_signature'])
  expect(with_([second])).toEqual(['approval_signature', 'unknown_signature'])
  expect(with_([first, first])).toEqual(['approval_signature', 'data_protection_signature'])
  expect(with_([first, { ...first, keyid: second.keyid }])).toEqual(['data_protection_signature'])
  expect(
    with_([
      { ...first, keyid: second.keyid },
      { ...second, keyid: first.keyid },
    ]),
  ).toEqual(['approval_signature', 'data_protection_signature'])
  const stranger = JSON.parse(await sealEnvelope(envelope.payloadType, Buffer.from(envelope.payload, 'base64'), [signer(await testKey())]))
  expect(with_([first, second, ...stranger.signatures])).toEqual(['unknown_signature'])
  expect(with_([second, first])).toEqual([])
})

test('refuses one key that stands for both', async () => {
  const twice = await signAttestation(permission, { approval: signers.approval, dataProtection: signers.approval })
  const same = { approval: approval.publicJwk, dataProtection: approval.publicJwk }
  expect(verifyAttestation(twice, same, expected)).toContain('keys_not_distinct')
  const renamed = { ...approval.publicJwk, kid: 'another name' }
  expect(verifyAttestation(twice, { ...same, dataProtection: renamed }, expected)).toContain('keys_not_distinct')
})

test('refuses an attestation that no data protection officer stands behind', async () => {
  const without = await signAttestation({ ...permission, approvers: [{ sub: 'alice', roles: ['approver'], atMs: nowMs }] }, signers)
  expect(verifyAttestation(without, keys, expected)).toEqual(['no_data_protection_officer'])
})

test('refuses another payload type, another predicate, and fields that nobody knows', async () => {
  const payload = Buffer.from(JSON.parse(text).payload, 'base64')
  const both = [signers.approval, signers.dataProtection]
  expect(verifyAttestation(await sealEnvelope('application/json', payload, both), keys, expected)).toEqual(['wrong_type'])
  const statement = JSON.parse(payload.toString())
  for (const changed of [
    { ...statement, predicateType: 'https://aegis.example/attestations/other/v1' },
    { ...statement, extra: 1 },
    { ...statement, predicate: { ...statement.predicate, extra: 1 } },
    { ...statement, subject: [...statement.subject, ...statement.subject] },
  ]) {
    const sealed = await sealEnvelope('application/vnd.in-toto+json', Buffer.from(JSON.stringify(changed)), both)
    expect(verifyAttestation(sealed, keys, expected)).toEqual(['malformed'])
  }
  const doubled = payload.toString().replace('"record_limit":3', '"record_limit":3,"record_limit":9')
  expect(verifyAttestation(await sealEnvelope('application/vnd.in-toto+json', Buffer.from(doubled), both), keys, expected)).toEqual([
    'malformed',
  ])
})

test('refuses every attestation in which one thing was changed after signing', () => {
  const envelope = JSON.parse(text)
  const statement = JSON.parse(Buffer.from(envelope.payload, 'base64').toString())
  const paths = leaves(statement)
  fc.assert(
    fc.property(fc.constantFrom(...paths), fc.oneof(fc.string(), fc.integer(), fc.constant(null)), (path, value) => {
      const changed = structuredClone(statement)
      fc.pre(put(changed, path, value))
      const payload = Buffer.from(JSON.stringify(changed)).toString('base64')
      expect(verifyAttestation(JSON.stringify({ ...envelope, payload }), keys, expected)).not.toEqual([])
    }),
  )
})

test('refuses every envelope in which one character was changed', () => {
  fc.assert(
    fc.property(fc.nat(text.length - 1), fc.integer({ min: 32, max: 126 }), (at, code) => {
      fc.pre(text.charCodeAt(at) !== code)
      const changed = text.slice(0, at) + String.fromCharCode(code) + text.slice(at + 1)
      expect(verifyAttestation(changed, keys, expected)).not.toEqual([])
    }),
    { numRuns: 400 },
  )
})

test.each(['', 'null', '[]', '{}', '{"payloadType":"a","payload":"!","signatures":[]}', 'x'.repeat(100_000)])(
  'refuses %#: no envelope',
  (garbage) => {
    expect(readEnvelope(garbage)).toBeUndefined()
    expect(verifyAttestation(garbage, keys, expected)).toEqual(['malformed'])
  },
)

describe('on arrival', () => {
  const arriving: ArrivedExport = { destination: { zone: 'us', region: 'us-east-1' }, dataClasses: ['health_record'], records: 2, nowMs }
  test('the keys of the region that it names prove it', () => {
    const published = new Map([['eu-west-1', { ...keys, zone: 'eu' }]])
    expect(verifyArrivingAttestation(text, published, arriving)).toEqual([])
  })

  test.each<[AttestationFault, Partial<ArrivedExport>]>([
    ['wrong_destination', { destination: { zone: 'us', region: 'us-west-2' } }],
    ['wrong_destination', { destination: { zone: 'apac', region: 'us-east-1' } }],
    ['wrong_source', { destination: { zone: 'eu', region: 'us-east-1' } }],
    ['classes_not_covered', { dataClasses: ['health_record', 'iban'] }],
    ['records_over_limit', { records: 4 }],
    ['not_yet_valid', { nowMs: nowMs - 60_000 }],
    ['expired', { nowMs: nowMs + 300_000 }],
  ])('refuses what is not the attested export: %s', (fault, change) => {
    const published = new Map([['eu-west-1', { ...keys, zone: 'eu' }]])
    expect(verifyArrivingAttestation(text, published, { ...arriving, ...change })).toEqual([fault])
  })

  test("refuses a region that is not published, another region's keys, and another zone", async () => {
    const others = { approval: (await testKey()).publicJwk, dataProtection: (await testKey()).publicJwk, zone: 'eu' }
    expect(verifyArrivingAttestation(text, new Map([['us-east-1', { ...keys, zone: 'us' }]]), arriving)).toEqual(['wrong_source'])
    expect(verifyArrivingAttestation(text, new Map([['eu-west-1', others]]), arriving)).toContain('approval_signature')
    expect(verifyArrivingAttestation(text, new Map([['eu-west-1', { ...keys, zone: 'us' }]]), arriving)).toEqual(['wrong_source'])
    expect(verifyArrivingAttestation('{}', new Map(), arriving)).toEqual(['malformed'])
  })
})

function leaves(value: unknown, path: string[] = []): string[][] {
  if (typeof value !== 'object' || value === null) return [path]
  return Object.entries(value).flatMap(([key, inner]) => leaves(inner, [...path, key]))
}

/** @returns false when nothing would change */
function put(target: Record<string, unknown>, [key = '', ...rest]: string[], value: unknown): boolean {
  if (rest.length > 0) return put(target[key] as Record<string, unknown>, rest, value)
  if (target[key] === value) return false
  target[key] = value
  return true
}
