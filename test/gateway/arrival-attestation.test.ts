import { KMSClient } from '@aws-sdk/client-kms'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { type ExportPermission, signAttestation } from '../../runtime/evidence/attestation.ts'
import { attestationHeader, envelopeIn } from '../../runtime/gateway/attestation-header.ts'
import { kmsPublicJwk } from '../../runtime/identity/kms-signer.ts'
import type { Attester } from '../../runtime/policy/directory.ts'
import { publicJwk } from '../../runtime/policy/trust.ts'
import {
  activePolicy,
  agentToken,
  operatorToken,
  type TestGateway,
  type TestTrust,
  testGateway,
  testSigner,
  testTrust,
} from '../support/gateway.ts'
import { type TestKey, testKey } from '../support/tokens.ts'

// An export by one gateway whose tool is another gateway, in another zone: each checks the permission by itself.

let trust: TestTrust
let eu: TestGateway
let us: TestGateway
/** A second region of eu, whose keys the test has. */
let approval: TestKey
let dataProtection: TestKey
let attester: Attester

beforeAll(async () => {
  trust = await testTrust()
  eu = await testGateway({ trust, region: 'eu-west-1', zone: 'eu' })
  us = await testGateway({ trust, region: 'us-east-1', zone: 'us' })
  approval = await testKey()
  dataProtection = await testKey()
  attester = {
    region: 'eu-central-1',
    zone: 'eu',
    approval: publicJwk.parse(approval.publicJwk),
    data_protection: publicJwk.parse(dataProtection.publicJwk),
  }
  us.active = await activePolicy(trust, 'us', [await attesterOf(eu), attester])
}, 30_000)
afterAll(() => Promise.all([eu?.close(), us?.close()]))

/** What the publisher reads of a region. */
async function attesterOf({ stores }: TestGateway): Promise<Attester> {
  const kms = new KMSClient({ region: 'eu-west-1', endpoint: stores.url, credentials: { accessKeyId: 'test', secretAccessKey: 'test' } })
  const key = async (alias: string) => publicJwk.parse(await kmsPublicJwk(kms, alias))
  const keys = { approval: await key('alias/approval'), data_protection: await key('alias/data-protection') }
  kms.destroy()
  return { region: 'eu-west-1', zone: 'eu', ...keys }
}

const RECORD = 'patient MRN 00123456, diagnosis E11.9'
const email = (body: string) => ({ to: 'ana@customer.example', subject: 'hello', body })

async function send(gateway: TestGateway, token: string, args: object, headers: Record<string, string> = {}) {
  const response = await gateway.app.inject({
    method: 'POST',
    url: '/v1/tools/email/send',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}`, ...headers },
    payload: JSON.stringify(args),
  })
  return { status: response.statusCode, body: response.json() }
}

const CARE = () => agentToken(trust, 'care-agent', 'clinic-eu')
const OPS = () => agentToken(trust, 'ops-agent', 'globex-us')

/** An export that was approved, as eu forwards it. */
async function exported() {
  const token = await CARE()
  const { id } = (await send(eu, token, email(RECORD))).body.approval
  const dpo = await operatorToken(trust, { sub: 'dpo@clinic-eu', tenants: ['clinic-eu'], roles: ['dpo'] })
  await eu.operator.inject({
    method: 'POST',
    url: `/v1/approvals/${id}/approve`,
    headers: { authorization: `Bearer ${dpo}`, 'content-type': 'application/json' },
    payload: JSON.stringify({ legal_basis: 'GDPR Art. 49(1)(a)', record_limit: 1 }),
  })
  const collected = await eu.app.inject({
    method: 'POST',
    url: `/v1/approvals/${id}/token`,
    headers: { authorization: `Bearer ${token}` },
  })
  const sent = await send(eu, token, email(RECORD), { 'aegis-approval': collected.json().token })
  expect(sent.status).toBe(200)
  const left = eu.dialled.at(-1)
  return { header: left?.headers['aegis-attestation'] ?? '', args: JSON.parse(Buffer.from(left?.body ?? []).toString()) }
}

/** What another region of eu says of an export of two records to us-east-1. */
async function attested(change: Partial<ExportPermission> = {}, by = { approval, dataProtection }): Promise<string> {
  const nowMs = Date.now()
  const permission: ExportPermission = {
    approvalId: `apr.eu-central-1.${'x'.repeat(22)}`,
    digest: 'a'.repeat(64),
    tenant: 'clinic-eu',
    source: { zone: 'eu', region: 'eu-central-1' },
    destination: { zone: 'us', region: 'us-east-1' },
    dataClasses: ['health_record', 'icd_code', 'medical_record_number'],
    recordLimit: 2,
    legalBasis: 'consent',
    policyVersion: 'rev-1',
    approvers: [{ sub: 'dora', roles: ['dpo'], atMs: nowMs }],
    notBeforeMs: nowMs,
    notAfterMs: nowMs + 300_000,
    ...change,
  }
  const signers = { approval: testSigner(by.approval), dataProtection: testSigner(by.dataProtection) }
  return attestationHeader(await signAttestation(permission, signers)) ?? ''
}

async function arrive(header: string, args: object = email(RECORD)) {
  const before = us.dialled.length
  const { status, body } = await send(us, await OPS(), args, { 'aegis-attestation': header })
  const reason = body.reasons?.[0]
  return { status, code: reason?.code, rule: reason?.rule, message: reason?.message, forwarded: us.dialled.length - before }
}

const REFUSED = { status: 403, code: 'attestation_invalid', rule: 'guard.arrival', forwarded: 0 }

describe('an approved export between two gateways', () => {
  test('carries its attestation, which the far side accepts', async () => {
    const { header, args } = await exported()
    expect(JSON.parse(envelopeIn(header) ?? '')).toHaveProperty('signatures')
    expect(await arrive(header, args)).toMatchObject({ status: 200, forwarded: 1 })
    // It was for us: what us sends on within its zone needs none.
    expect(us.dialled.at(-1)?.headers).not.toHaveProperty('aegis-attestation')
  })

  test('is refused with one byte changed, with more data, and where its keys are not published', async () => {
    const { header, args } = await exported()
    const text = envelopeIn(header) ?? ''
    const at = text.indexOf('"sig":"') + 20
    const changed = text.slice(0, at) + (text[at] === 'A' ? 'B' : 'A') + text.slice(at + 1)
    expect(await arrive(attestationHeader(changed) ?? '', args)).toMatchObject(REFUSED)
    expect(await arrive(header, email(`${RECORD}, MRN 00123457`))).toMatchObject({
      ...REFUSED,
      message: expect.stringContaining('records_over_limit'),
    })
    const known = us.active
    us.active = await activePolicy(trust, 'us', [attester])
    expect(await arrive(header, args)).toMatchObject({ ...REFUSED, message: expect.stringContaining('wrong_source') })
    us.active = await activePolicy(trust, 'us')
    expect(await arrive(header, args)).toMatchObject(REFUSED)
    us.active = known
    expect((await us.records()).some(({ custom }) => JSON.stringify(custom).includes('guard.arrival'))).toBe(true)
  })
})

describe('on arrival', () => {
  test('what is attested is accepted, and so is data that nobody has to attest', async () => {
    expect(await arrive(await attested())).toMatchObject({ status: 200, forwarded: 1 })
    expect(await arrive(await attested(), email('all is well'))).toMatchObject({ status: 200 })
  })

  test.each<[string, Partial<ExportPermission>]>([
    ['wrong_destination', { destination: { zone: 'us', region: 'us-west-2' } }],
    ['wrong_destination', { destination: { zone: 'apac', region: 'us-east-1' } }],
    ['wrong_destination', { destination: { zone: null, region: null } }],
    ['expired', { notAfterMs: Date.now() - 1000 }],
    ['not_yet_valid', { notBeforeMs: Date.now() + 120_000 }],
    ['classes_not_covered', { dataClasses: ['icd_code'] }],
    ['wrong_source', { source: { zone: 'us', region: 'eu-central-1' } }],
    ['wrong_source', { source: { zone: 'eu', region: 'ap-southeast-1' } }],
    ['approval_signature', { source: { zone: 'eu', region: 'eu-west-1' } }],
    ['no_data_protection_officer', { approvers: [{ sub: 'ana', roles: ['approver'], atMs: Date.now() }] }],
  ])('is refused (%#): %s', async (fault, change) => {
    expect(await arrive(await attested(change))).toMatchObject({ ...REFUSED, message: expect.stringContaining(fault) })
  })

  test('more records than attested, another class, and one signature for both are refused', async () => {
    expect(await arrive(await attested(), email('MRN 00123456, MRN 00123457, MRN 00123458'))).toMatchObject(REFUSED)
    expect(await arrive(await attested(), email('pay DE89 3704 0044 0532 0130 00'))).toMatchObject(REFUSED)
    expect(await arrive(await attested({}, { approval, dataProtection: approval }))).toMatchObject(REFUSED)
  })

  test('what cannot be read is refused, and a second header is malformed', async () => {
    const header = await attested()
    for (const garbage of ['', 'e30', `${header}=`, `${header} `.repeat(2), 'a'.repeat(9000)]) {
      expect(await arrive(garbage)).toMatchObject(REFUSED)
    }
    const response = await us.app.inject({
      method: 'POST',
      url: '/v1/tools/email/send',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${await OPS()}`, 'aegis-attestation': [header, header] },
      payload: JSON.stringify(email(RECORD)),
    })
    expect([response.statusCode, response.json().error?.code]).toEqual([400, 'malformed_call'])
  })

  test('the decision API reads the header too, and no such field', async () => {
    const call = { tool: 'email', action: 'send', arguments: email(RECORD) }
    const decide = async (header: string, payload: object = call) => {
      const headers = { 'content-type': 'application/json', authorization: `Bearer ${await OPS()}`, 'aegis-attestation': header }
      return us.app.inject({ method: 'POST', url: '/v1/decisions', headers, payload: JSON.stringify(payload) })
    }
    expect((await decide(await attested())).json()).toMatchObject({ enforced: 'allow' })
    expect((await decide(await attested({ dataClasses: ['iban'] }))).json()).toMatchObject({ decision: 'deny', enforced: 'deny' })
    expect((await decide(await attested(), { ...call, attestation: 'x' })).statusCode).toBe(400)
  })
})

test('a call that needed no attestation carries none, whatever its agent says', async () => {
  const header = await attested()
  const sent = await send(us, await OPS(), email('all is well'), { 'aegis-attestation': header })
  expect(sent.status).toBe(200)
  expect(us.dialled.at(-1)?.headers).not.toHaveProperty('aegis-attestation')
})

test('an attestation too large for a header is no header', () => {
  expect(attestationHeader('x'.repeat(6 * 1024))).toHaveLength(8 * 1024)
  expect(attestationHeader('x'.repeat(6 * 1024 + 1))).toBeUndefined()
})
