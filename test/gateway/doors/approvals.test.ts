import fastify, { type FastifyInstance } from 'fastify'
import { approvalsDoor } from '../../../runtime/gateway/doors/approvals.ts'
import { AegisError } from '../../../runtime/model/codes.ts'
import { type ApprovalWorld, approvalWorld, ELSEWHERE, NO_WORDS, person, principal, REGION, request } from '../approvals/world.ts'

let world: ApprovalWorld
let app: FastifyInstance
let id: string
const agents: Record<string, typeof principal> = {
  own: principal,
  other: { ...principal, agentId: 'treasury-agent' },
  foreign: { ...principal, tenant: 'clinic-eu' },
}

beforeEach(async () => {
  world = await approvalWorld()
  id = (await world.desk.ask(request)).id
  app = fastify()
  app.register(
    approvalsDoor({
      region: REGION,
      approvals: world.agents,
      events: { write: (event) => world.log.write(event) },
      admit: async ({ headers }) => {
        const found = agents[headers.authorization ?? '']
        if (found === undefined) throw new AegisError('invalid_token')
        return found
      },
    }),
  )
})
afterEach(async () => {
  await app.close()
  await world.close()
})

const get = (agent: string, url = `/v1/approvals/${id}`) => app.inject({ method: 'GET', url, headers: { authorization: agent } })
const collect = (agent: string, of = id, payload?: string) =>
  app.inject({
    method: 'POST',
    url: `/v1/approvals/${of}/token`,
    headers: { authorization: agent, ...(payload !== undefined && { 'content-type': 'application/json' }) },
    ...(payload !== undefined && { payload }),
  })
const code = ({ statusCode, json }: { statusCode: number; json(): { error?: { code: string } } }) =>
  `${statusCode} ${json().error?.code ?? ''}`.trim()

test('an agent sees its approval, and collects its token when it is approved', async () => {
  expect((await get('own')).json()).toMatchObject({ id, status: 'pending', region: REGION })
  expect(code(await collect('own'))).toBe('409 in_progress')
  await world.review.approve(person('alice'), id, NO_WORDS)
  expect((await get('own')).json()).toMatchObject({ status: 'approved' })
  const collected = await collect('own', id, '{}')
  expect(collected.statusCode).toBe(200)
  expect(collected.headers['cache-control']).toBe('no-store')
  const { token, expires_at } = collected.json()
  expect((await world.desk.verify(token)).expiresAtMs).toBe(Date.parse(expires_at))
  expect((await collect('own')).statusCode).toBe(200)
})

test('an answer says nothing of the call', async () => {
  expect(Object.keys((await get('own')).json()).sort()).toEqual(['expires_at', 'id', 'region', 'status'])
})

test('refuses and records another agent and another tenant as if there was nothing', async () => {
  await world.review.approve(person('alice'), id, NO_WORDS)
  world.events.length = 0
  for (const agent of ['other', 'foreign']) {
    expect(code(await get(agent))).toBe('404 not_found')
    expect(code(await collect(agent))).toBe('404 not_found')
  }
  expect(world.events).toHaveLength(4)
  expect(world.events[0]).toMatchObject({ kind: 'approval.refused', actor: 'treasury-agent', approvalId: id, facts: { code: 'not_found' } })
})

test('refuses and records what lives in another region, with where', async () => {
  const response = await collect('own', `apr.${ELSEWHERE}.${'x'.repeat(22)}`)
  expect(code(response)).toBe('409 held_elsewhere')
  expect(response.json().error).toMatchObject({ region: ELSEWHERE, url: 'https://eu-central-1.aegis.example' })
  expect(world.kinds()).toEqual(['approval.refused'])
})

test.each(['rejected', 'expired'])('refuses and records a token for what is %s', async (how) => {
  if (how === 'rejected') await world.review.reject(person('alice'), id, null)
  else world.pass(900_001)
  expect((await get('own')).json().status).toBe(how)
  expect(code(await collect('own'))).toBe('409 already_decided')
  expect(world.kinds().at(-1)).toBe('approval.refused')
})

test('refuses strangers, bodies, other queries and what is no id', async () => {
  expect(code(await get('nobody'))).toBe('401 invalid_token')
  expect(code(await collect('nobody'))).toBe('401 invalid_token')
  expect(code(await collect('own', id, '{"a":1}'))).toBe('400 malformed_call')
  for (const query of ['wait=31', 'wait=-1', 'wait=1.5', 'wait=', 'wait=1&wait=2', 'status=pending'])
    expect(code(await get('own', `/v1/approvals/${id}?${query}`))).toBe('400 malformed_call')
  for (const wrong of ['x', 'apr.eu-west-1.x', '%00']) expect(code(await get('own', `/v1/approvals/${wrong}`))).toBe('404 not_found')
  expect(world.kinds()).toEqual([])
})

test('refuses to decide anything by looking', async () => {
  for (const method of ['GET', 'HEAD'] as const) {
    const response = await app.inject({ method, url: `/v1/approvals/${id}/token`, headers: { authorization: 'own' } })
    expect(response.statusCode).toBe(404)
  }
  expect((await get('own')).json().status).toBe('pending')
})

test('a wait ends with the decision', async () => {
  const waiting = get('own', `/v1/approvals/${id}?wait=20`)
  await new Promise((resolve) => setTimeout(resolve, 50))
  await world.review.approve(person('alice'), id, NO_WORDS)
  expect((await waiting).json().status).toBe('approved')
})

test('a wait ends when the gateway does', async () => {
  const waiting = get('own', `/v1/approvals/${id}?wait=30`)
  await new Promise((resolve) => setTimeout(resolve, 50))
  await app.close()
  expect((await waiting).json().status).toBe('pending')
})
