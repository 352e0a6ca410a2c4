import { verifyAttestation } from '../../../runtime/evidence/attestation.ts'
import {
  type ApprovalWorld,
  approvalWorld,
  codeOf,
  ELSEWHERE,
  exportRequest,
  NO_WORDS,
  person,
  principal,
  REGION,
  request,
  TERMS,
} from './world.ts'

let world: ApprovalWorld
beforeEach(async () => {
  world = await approvalWorld()
})
afterEach(() => world.close())

const ask = async (change: Partial<typeof request> = {}) => (await world.desk.ask({ ...request, ...change })).id
const approve = (id: string, operator = person('alice'), said = NO_WORDS) => codeOf(world.review.approve(operator, id, said))
const statusOf = async (id: string) => (await world.review.find(person('viewer', ['viewer']), id)).status

test.each(['finance-agent', 'Finance-Agent', ' finance-agent ', 'ﬁnance-agent'])('refuses self-approval, also as %j', async (sub) => {
  const id = await ask()
  expect(await approve(id, person(sub))).toBe('subject_mismatch')
  expect(await statusOf(id)).toBe('pending')
})

test("refuses self-approval by the agent whose token asked in another's name", async () => {
  const id = await ask({ requester: { ...principal, agentId: 'broker-agent' } })
  expect(await approve(id, person('broker-agent'))).toBe('subject_mismatch')
})

test("refuses another tenant's approver as if there was nothing", async () => {
  const id = await ask()
  expect(await approve(id, person('carol', ['approver', 'dpo'], ['clinic-eu']))).toBe('not_found')
  expect(await approve(id, person('carol', ['approver'], []))).toBe('not_found')
  expect((await world.review.list(person('carol', ['approver'], ['clinic-eu']), 'pending')).approvals).toEqual([])
  expect(await approve(id, person('root', ['approver'], ['*']))).toBe('accepted')
})

test('refuses an approval of another region with where it is held, and of no region at all', async () => {
  const held = { code: 'held_elsewhere', region: ELSEWHERE, url: 'https://eu-central-1.aegis.example' }
  await expect(world.review.approve(person('alice'), `apr.${ELSEWHERE}.${'x'.repeat(22)}`, NO_WORDS)).rejects.toMatchObject(held)
  await expect(world.agents.collect(`apr.${ELSEWHERE}.${'x'.repeat(22)}`, principal)).rejects.toMatchObject(held)
  for (const id of [`apr.xx-west-9.${'x'.repeat(22)}`, `apr.${REGION}.short`, 'apr', '', `apr.${REGION}.${'x'.repeat(22)}`])
    expect(await approve(id)).toBe('not_found')
})

test.each([
  ['viewer', ['viewer']],
  ['dpo alone where an approver was asked for', ['dpo']],
  ['killer and author', ['killer', 'author']],
] as const)('refuses the wrong role: %s', async (_name, roles) => {
  const id = await ask()
  expect(await approve(id, person('alice', roles))).toBe('subject_mismatch')
  expect(await codeOf(world.review.reject(person('alice', roles), id, null))).toBe('subject_mismatch')
  expect(await statusOf(id)).toBe('pending')
})

test('four eyes are two people: refuses the same one twice', async () => {
  const id = await ask({ minApprovers: 2 })
  expect((await world.review.approve(person('alice'), id, NO_WORDS)).status).toBe('pending')
  expect(await approve(id)).toBe('already_decided')
  expect(await statusOf(id)).toBe('pending')
  expect(await codeOf(world.agents.collect(id, principal))).toBe('in_progress')
  expect((await world.review.approve(person('bob'), id, NO_WORDS)).status).toBe('approved')
  expect(world.kinds()).toEqual(['approval.agreed', 'approval.approved'])
})

test('refuses to count one person more than once, however many requests race', async () => {
  const id = await ask({ minApprovers: 2 })
  await Promise.all(Array.from({ length: 6 }, () => approve(id)))
  const found = await world.review.find(person('alice'), id)
  expect(found).toMatchObject({ status: 'pending', approvers: [{ sub: 'alice' }] })
})

test('two people who approve at once both count', async () => {
  const id = await ask({ minApprovers: 2 })
  expect(await Promise.all([approve(id, person('alice')), approve(id, person('bob'))])).toEqual(['accepted', 'accepted'])
  expect(await statusOf(id)).toBe('approved')
})

test('every role that a rule asked for has to stand behind it', async () => {
  const id = await ask({ roles: ['approver', 'dpo'], minApprovers: 1 })
  expect((await world.review.approve(person('alice'), id, NO_WORDS)).status).toBe('pending')
  expect((await world.review.approve(person('bob'), id, NO_WORDS)).status).toBe('pending')
  expect((await world.review.approve(person('dora', ['dpo']), id, NO_WORDS)).status).toBe('approved')
  const both = await ask({ roles: ['approver', 'dpo'], digest: 'e'.repeat(64) })
  expect((await world.review.approve(person('dora', ['dpo', 'approver']), both, NO_WORDS)).status).toBe('approved')
})

test('refuses everything after a rejection', async () => {
  const id = await ask()
  expect((await world.review.reject(person('bob'), id, 'no such supplier')).status).toBe('rejected')
  expect(await approve(id)).toBe('already_decided')
  expect(await codeOf(world.review.reject(person('alice'), id, null))).toBe('already_decided')
  expect(await codeOf(world.agents.collect(id, principal))).toBe('already_decided')
  expect(await statusOf(id)).toBe('rejected')
})

test('expiry is a rejection: refused, shown and recorded once', async () => {
  const id = await ask()
  world.pass(900_001)
  expect(await approve(id)).toBe('already_decided')
  expect((await world.agents.status(id, principal)).status).toBe('expired')
  expect(await codeOf(world.agents.collect(id, principal))).toBe('already_decided')
  expect((await world.review.list(person('alice'), 'expired')).approvals).toHaveLength(1)
  expect((await world.review.list(person('alice'), 'pending')).approvals).toEqual([])
  expect(world.kinds().filter((kind) => kind === 'approval.expired')).toHaveLength(1)
})

test('refuses another agent, also of the same tenant, as if there was nothing', async () => {
  const id = await ask()
  await world.review.approve(person('alice'), id, NO_WORDS)
  for (const other of [
    { ...principal, agentId: 'treasury-agent' },
    { ...principal, tenant: 'clinic-eu' },
  ]) {
    expect(await codeOf(world.agents.status(id, other))).toBe('not_found')
    expect(await codeOf(world.agents.collect(id, other))).toBe('not_found')
  }
})

test('an approval without a record does not happen', async () => {
  const id = await ask()
  world.log.write = async () => {
    throw Object.assign(new Error('full'), { code: 'audit_unavailable' })
  }
  expect(await approve(id)).toBe('audit_unavailable')
  expect((await world.approvals.get('acme-eu', id))?.status).toBe('pending')
})

describe('exports', () => {
  const askExport = (change = {}) => ask({ ...exportRequest, ...change })
  const officer = person('dora', ['dpo'])

  test('refuses without a data protection officer', async () => {
    const id = await askExport()
    expect(await approve(id)).toBe('subject_mismatch')
    expect(await approve(await askExport({ roles: ['approver'], digest: 'f'.repeat(64) }))).toBe('accepted')
    expect(world.officers).toEqual([])
    const { approvals } = await world.review.list(person('alice'), 'pending')
    expect(approvals).toHaveLength(2)
  })

  test.each([
    ['no terms', NO_WORDS],
    ['a limit below the records of the call', { reason: null, terms: { legalBasis: 'x', recordLimit: 1 } }],
  ])('refuses an officer with %s', async (_name, said) => {
    expect(await approve(await askExport(), officer, said)).toBe('malformed_call')
  })

  test('refuses terms from anyone but an officer, and where nothing is exported', async () => {
    const id = await askExport({ roles: ['approver', 'dpo'] })
    expect(await approve(id, person('alice'), TERMS)).toBe('malformed_call')
    expect(await approve(await ask({ roles: ['dpo'] }), officer, TERMS)).toBe('malformed_call')
  })

  test('the attestation that is made covers the export, and names the people', async () => {
    const id = await askExport({ roles: ['approver', 'dpo'] })
    await world.review.approve(officer, id, TERMS)
    expect(world.officers).toEqual([])
    const { attestation } = await world.review.approve(person('alice'), id, NO_WORDS)
    expect(world.officers).toEqual(['dora'])
    const keys = { approval: world.approvalKey.publicJwk, dataProtection: world.dataProtection.publicJwk }
    const expected = {
      approvalId: id,
      digest: exportRequest.digest,
      tenant: 'acme-eu',
      source: { zone: 'eu', region: REGION },
      destination: { zone: 'us', region: 'us-east-1' },
      dataClasses: ['health_record'],
      records: 2,
      policyVersion: 'rev-1',
      nowMs: world.clock.now(),
    }
    expect(verifyAttestation(attestation ?? '', keys, expected)).toEqual([])
    expect(verifyAttestation(attestation ?? '', keys, { ...expected, records: 6 })).toEqual(['records_over_limit'])
  })

  test('refuses to approve an export that cannot be attested', async () => {
    const id = await askExport()
    world.dataProtection.privateKey = undefined as never
    expect(await approve(id, officer, TERMS)).toBe('state_unavailable')
    expect(await statusOf(id)).toBe('pending')
  })
})

test('a waiting agent hears when people have decided', async () => {
  const id = await ask()
  const waiting = world.agents.status(id, principal, { ms: 20_000, signal: new AbortController().signal })
  await world.review.approve(person('alice'), id, NO_WORDS)
  expect((await waiting).status).toBe('approved')
})

test('a wait ends when its agent hangs up', async () => {
  const id = await ask()
  const hangUp = new AbortController()
  const waiting = world.agents.status(id, principal, { ms: 20_000, signal: hangUp.signal })
  hangUp.abort()
  expect((await waiting).status).toBe('pending')
})
