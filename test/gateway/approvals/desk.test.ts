import { approvalDesk, OverrideRefused } from '../../../runtime/gateway/approvals/desk.ts'
import { type OverrideClaims, signOverrideToken } from '../../../runtime/identity/override-token.ts'
import { testKey } from '../../support/tokens.ts'
import {
  type ApprovalWorld,
  approvalWorld,
  codeOf,
  DIGEST,
  ELSEWHERE,
  exportRequest,
  keySigner,
  NO_WORDS,
  person,
  principal,
  REGION,
  regionUrl,
  request,
  TERMS,
  testSigner,
} from './world.ts'

let world: ApprovalWorld
beforeEach(async () => {
  world = await approvalWorld()
})
afterEach(() => world.close())

/** Asked, approved and collected. */
async function approved(asked = request) {
  const { id } = await world.desk.ask(asked)
  await world.review.approve(person('alice', ['approver', 'dpo']), id, asked.exported === null ? NO_WORDS : TERMS)
  return { id, ...(await world.agents.collect(id, principal)) }
}

test('a call is paused, approved by a person, and its token is consumed once', async () => {
  const pending = await world.desk.ask(request)
  expect(pending).toMatchObject({ status: 'pending', url: `https://eu-west-1.aegis.example/v1/approvals/${pending.id}` })
  expect(pending.id).toMatch(/^apr\.eu-west-1\.[\w-]{22}$/)
  expect(await codeOf(world.agents.collect(pending.id, principal))).toBe('in_progress')
  expect((await world.review.approve(person('alice'), pending.id, NO_WORDS)).status).toBe('approved')
  const { token } = await world.agents.collect(pending.id, principal)
  const override = await world.desk.verify(token)
  expect(override).toMatchObject({ id: pending.id, agent: 'finance-agent', rules: ['max_amount'], roles: ['approver'], approvers: 1 })
  expect(await world.desk.consume(override, DIGEST)).toBe('consumed')
  expect((await world.agents.status(pending.id, principal)).status).toBe('consumed')
  expect(world.kinds()).toEqual(['approval.approved', 'approval.token_issued'])
})

test('the same call finds what it waits for, and people are told once', async () => {
  const first = await world.desk.ask(request)
  expect(await world.desk.ask(request)).toEqual(first)
  expect(world.notices).toHaveLength(1)
  expect(JSON.stringify(world.notices)).not.toContain('600000')
  await world.review.approve(person('alice'), first.id, NO_WORDS)
  expect((await world.desk.ask(request)).id).toBe(first.id)
  expect(world.notices).toHaveLength(1)
})

test.each([
  ['another agent', { agent: 'treasury-agent' }],
  ['another call', { digest: 'c'.repeat(64) }],
  ['another policy', { policyVersion: 'rev-2' }],
  ['another rule', { rules: ['max_amount', 'second'] }],
  ['another role', { roles: ['approver', 'dpo'] }],
  ['more people', { minApprovers: 2 }],
])('%s is asked for anew', async (_name, change) => {
  const { id } = await world.desk.ask(request)
  expect((await world.desk.ask({ ...request, ...change })).id).not.toBe(id)
})

test('what was rejected, expired or used is asked for anew', async () => {
  const rejected = await world.desk.ask(request)
  await world.review.reject(person('alice'), rejected.id, 'no')
  const second = await world.desk.ask(request)
  expect(second.id).not.toBe(rejected.id)
  world.pass(901_000)
  const third = await world.desk.ask(request)
  expect(third.id).not.toBe(second.id)
  await world.review.approve(person('alice'), third.id, NO_WORDS)
  const { token } = await world.agents.collect(third.id, principal)
  await world.desk.consume(await world.desk.verify(token), DIGEST)
  expect((await world.desk.ask(request)).id).not.toBe(third.id)
})

test('many gateways that pause one call at once agree on one approval', async () => {
  const asked = await Promise.all(Array.from({ length: 12 }, () => world.desk.ask(request)))
  expect(new Set(asked.map(({ id }) => id)).size).toBe(1)
  expect(world.notices).toHaveLength(1)
  const { approvals } = await world.review.list(person('alice'), 'pending')
  expect(approvals).toHaveLength(1)
})

test('refuses every redemption but one of many at once', async () => {
  const { token } = await approved()
  const override = await world.desk.verify(token)
  const outcomes = await Promise.all(Array.from({ length: 25 }, () => world.desk.consume(override, DIGEST)))
  expect(outcomes.filter((outcome) => outcome === 'consumed')).toHaveLength(1)
  expect(outcomes.filter((outcome) => outcome === 'refused')).toHaveLength(24)
})

test('refuses a replayed token, and a second fresh one of the same approval', async () => {
  const { id, token } = await approved()
  const fresh = await world.agents.collect(id, principal)
  expect(await world.desk.consume(await world.desk.verify(fresh.token), DIGEST)).toBe('consumed')
  expect(await world.desk.consume(await world.desk.verify(token), DIGEST)).toBe('refused')
  expect(await world.desk.consume(await world.desk.verify(fresh.token), DIGEST)).toBe('refused')
  expect(await codeOf(world.agents.collect(id, principal))).toBe('already_decided')
})

test('refuses a redemption for another digest, agent or tenant than was approved', async () => {
  const { token } = await approved()
  const override = await world.desk.verify(token)
  const other = 'c'.repeat(64)
  expect(await world.desk.consume(override, other)).toBe('refused')
  expect(await world.desk.consume({ ...override, digest: other }, other)).toBe('refused')
  expect(await world.desk.consume({ ...override, agent: 'treasury-agent' }, DIGEST)).toBe('refused')
  expect(await world.desk.consume({ ...override, tenant: 'clinic-eu' }, DIGEST)).toBe('refused')
  expect(await world.desk.consume(override, DIGEST)).toBe('consumed')
})

test('refuses an expired token, before and at the table', async () => {
  const { token } = await approved()
  const override = await world.desk.verify(token)
  world.pass(301_000)
  await expect(world.desk.verify(token)).rejects.toThrow(OverrideRefused)
  expect(await world.desk.consume(override, DIGEST)).toBe('refused')
})

test('refuses a token of an approval whose own time is over', async () => {
  const { id, token, expiresAtMs } = await approved({ ...request, ttlS: 60 })
  expect(expiresAtMs).toBeLessThanOrEqual(world.clock.now() + 60_000)
  const override = await world.desk.verify(token)
  world.pass(61_000)
  expect(await world.desk.consume({ ...override, expiresAtMs: override.expiresAtMs + 600_000 }, DIGEST)).toBe('refused')
  expect(await codeOf(world.agents.collect(id, principal))).toBe('already_decided')
  expect(world.kinds()).toContain('approval.expired')
})

test('refuses a token of another region with where it is held, even one that is forged', async () => {
  const claims: OverrideClaims = {
    id: `apr.${ELSEWHERE}.${'x'.repeat(22)}`,
    tenant: 'acme-eu',
    agent: 'finance-agent',
    digest: DIGEST,
    policyVersion: 'rev-1',
    region: ELSEWHERE,
    rules: [],
    roles: ['approver'],
    approvers: [{ sub: 'alice', atMs: Date.now() }],
    attestationDigest: null,
    notBeforeMs: Date.now(),
    expiresAtMs: Date.now() + 60_000,
  }
  const foreign = await signOverrideToken(claims, testSigner(await testKey()), regionUrl(ELSEWHERE) ?? '')
  await expect(world.desk.verify(foreign)).rejects.toMatchObject({ code: 'held_elsewhere', region: ELSEWHERE, url: regionUrl(ELSEWHERE) })
  // A region that nobody knows is no place to send anyone to.
  const nowhere = await signOverrideToken({ ...claims, region: 'evil-west-1' }, testSigner(await testKey()), 'https://evil.example')
  await expect(world.desk.verify(nowhere)).rejects.toThrow(OverrideRefused)
  // Signed with this region's key, about another region's approval.
  const mixed = { ...claims, region: REGION }
  const ours = await signOverrideToken(mixed, testSigner(world.approvalKey), regionUrl(REGION) ?? '')
  await expect(world.desk.verify(ours)).rejects.toThrow(OverrideRefused)
})

test('refuses what no region signed', async () => {
  for (const token of ['', 'a.b.c', 'x'.repeat(10_000), '..', 'e30.e30.'])
    await expect(world.desk.verify(token)).rejects.toThrow(OverrideRefused)
})

test('an export comes back with the attestation that its token names, and no other', async () => {
  const { id, token } = await approved(exportRequest)
  const override = await world.desk.verify(token)
  expect(override.attestation).toContain('application/vnd.in-toto+json')
  expect(override.roles).toEqual(['dpo'])
  expect(world.officers).toEqual(['alice'])
  const swapped = { ...world.approvals, get: async (tenant: string, of: string) => altered(await world.approvals.get(tenant, of)) }
  const desk = approvalDesk({
    region: REGION,
    regionUrl,
    approvals: swapped,
    key: async () => keySigner(world.approvalKey),
    notify: () => {},
    clock: world.clock,
  })
  await expect(desk.verify(token)).rejects.toThrow(OverrideRefused)
  expect((await world.agents.status(id, principal)).status).toBe('approved')
})

const altered = <T extends { attestation: string | null } | undefined>(found: T): T =>
  found === undefined ? found : { ...found, attestation: `${found.attestation} ` }

test('refuses to ask or to judge while the table is away, and does not know whether it consumed', async () => {
  const { token } = await approved()
  const override = await world.desk.verify(token)
  await world.tables.close()
  expect(await codeOf(world.desk.ask({ ...request, digest: 'd'.repeat(64) }))).toBe('state_unavailable')
  expect(await codeOf(world.agents.status(override.id, principal))).toBe('state_unavailable')
  expect(await world.desk.consume(override, DIGEST)).toBe('unknown')
  world = await approvalWorld()
})
