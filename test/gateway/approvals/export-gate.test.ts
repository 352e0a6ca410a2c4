import { exportGate } from '../../../runtime/gateway/approvals/export-gate.ts'
import { type ApprovalWorld, approvalWorld, exportRequest, person, REGION, TERMS } from './world.ts'

let world: ApprovalWorld
beforeEach(async () => {
  world = await approvalWorld()
})
afterEach(() => world.close())

const gateOf = (region = REGION) =>
  exportGate({
    place: { region, zone: 'eu' },
    approvalKey: async () => world.approvalKey.publicJwk,
    dataProtectionKey: async () => world.dataProtection.publicJwk,
    clock: world.clock,
  })

async function attested() {
  const { id } = await world.desk.ask(exportRequest)
  const { attestation } = await world.review.approve(person('dora', ['dpo']), id, TERMS)
  const leaving = {
    approvalId: id,
    tenant: 'acme-eu',
    digest: exportRequest.digest,
    classes: ['health_record'],
    records: 2,
    destination: { zone: 'us', region: 'us-east-1' },
    policyVersion: 'rev-1',
  }
  return { attestation: attestation ?? '', leaving }
}

test('an attested export may leave, until the attestation ends', async () => {
  const { attestation, leaving } = await attested()
  expect(await gateOf().covers(attestation, leaving)).toBe(true)
  world.pass(900_001)
  expect(await gateOf().covers(attestation, leaving)).toBe(false)
})

test('refuses every other export, another region, and what is no attestation', async () => {
  const { attestation, leaving } = await attested()
  for (const change of [
    { approvalId: 'apr.eu-west-1.other' },
    { tenant: 'clinic-eu' },
    { digest: 'c'.repeat(64) },
    { classes: ['health_record', 'iban'] },
    { records: 6 },
    { destination: { zone: 'us', region: 'us-west-2' } },
    { destination: { zone: null, region: 'us-east-1' } },
    { policyVersion: 'rev-2' },
  ])
    expect(await gateOf().covers(attestation, { ...leaving, ...change })).toBe(false)
  expect(await gateOf('eu-central-1').covers(attestation, leaving)).toBe(false)
  expect(await gateOf().covers('{}', leaving)).toBe(false)
})

test('refuses to say yes while a key does not answer', async () => {
  const { attestation, leaving } = await attested()
  const gate = exportGate({
    place: { region: REGION, zone: 'eu' },
    approvalKey: async () => world.approvalKey.publicJwk,
    dataProtectionKey: () => Promise.reject(new Error('away')),
    clock: world.clock,
  })
  await expect(gate.covers(attestation, leaving)).rejects.toThrow()
})
