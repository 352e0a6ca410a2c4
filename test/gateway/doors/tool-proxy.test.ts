import { once } from 'node:events'
import { type AddressInfo, connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Span } from '@opentelemetry/api'
import fastify, { type FastifyInstance } from 'fastify'
import type { Arrival } from '../../../runtime/gateway/arrival.ts'
import { toolProxy } from '../../../runtime/gateway/doors/tool-proxy.ts'
import type { CredentialSource } from '../../../runtime/gateway/doors/upstream.ts'
import type { Decided, Enforcer } from '../../../runtime/gateway/enforcer.ts'
import { limitInFlight } from '../../../runtime/gateway/in-flight.ts'
import { destinationOf } from '../../../runtime/gateway/net/destination.ts'
import { NotConnectedError } from '../../../runtime/gateway/net/dialer.ts'
import { arePublic } from '../../../runtime/gateway/net/public-address.ts'
import type { JsonObject, ToolCall } from '../../../runtime/model/call.ts'
import { AegisError } from '../../../runtime/model/codes.ts'
import type { DialRequest, DialResponse } from '../../../runtime/model/ports.ts'
import type { Reason, Verdict } from '../../../runtime/model/verdict.ts'

const EGRESS = [
  { host: 'api.partner.example', zone: 'eu' },
  { host: 'data.public.example', zone: null },
  { host: 'rebinding.example', zone: null },
  { host: 'private.example', zone: null },
]

const ADDRESSES: Record<string, () => string[]> = {
  'private.example': () => ['10.0.0.5'],
  'mixed.example': () => ['44.128.1.20', '10.0.0.5'],
}

type Answering = (request: DialRequest) => Partial<DialResponse> | Promise<Partial<DialResponse>>

interface World {
  app: FastifyInstance
  dialled: DialRequest[]
  /** Calls as they were decided, with the decision's id. */
  decided: { id: string; call: ToolCall }[]
  /** What happened, in order: `recorded`, `forwarding`, `dial`, `settle executed`, `responded 200`. */
  events: string[]
  resolutions: string[]
}

const open: FastifyInstance[] = []
afterEach(() => Promise.all(open.splice(0).map((app) => app.close())))

interface Setting {
  answer?: Answering
  credentials?: CredentialSource
  maxUnsentBytes?: number
  /** Changes what the enforcer decided. */
  alter?: (decided: Decided, call: ToolCall) => Decided
}

/** The door before an enforcer that judges destinations as the real one does, and nothing else. */
async function world(setting: Setting = {}): Promise<World> {
  const { answer = () => ({}), credentials, maxUnsentBytes = 1_000_000, alter = (decided) => decided } = setting
  const events: string[] = []
  const decided: World['decided'] = []
  const dialled: DialRequest[] = []
  const resolutions: string[] = []
  const resolve = (host: string) => {
    resolutions.push(host)
    return ADDRESSES[host]?.() ?? ['44.128.1.20']
  }
  let arrivals = 0
  const policy = { tools: new Map([['web-fetch', { actions: new Map([['fetch', { roles: { url: '/url' } }]]) }]]) }
  const enforcer: Pick<Enforcer, 'arrive' | 'admit' | 'enter' | 'decide' | 'refuse'> = {
    arrive: (door) => ({ decisionId: `decision-${++arrivals}`, door, startedMs: 0, span: {} as Span }),
    admit: async (arrival) => {
      arrival.admitted = { policy, principal: { tenant: 'umbrella' } } as unknown as NonNullable<Arrival['admitted']>
    },
    enter: () => () => {},
    async decide(arrival, call) {
      if (arrival.admitted === undefined) throw new AegisError('invalid_token')
      decided.push({ id: arrival.decisionId, call })
      return alter(judged(arrival, call, resolve, events), call)
    },
    refuse: (_arrival, error) => (error instanceof AegisError ? error : new AegisError('internal_error', undefined, { cause: error })),
  }
  const app = fastify()
  limitInFlight(app, 1000)
  app.decorate('region', 'eu-west-1')
  app.decorate('mtlsHeader', undefined)
  app.decorateRequest('arrival')
  const dial = async (request: DialRequest) => {
    events.push('dial')
    dialled.push(request)
    return { status: 200, headers: {}, body: Buffer.from('{"ok":true}'), ...(await answer(request)) }
  }
  app.register(toolProxy(enforcer as Enforcer, { dial, close: async () => {} }, { ...(credentials && { credentials }), maxUnsentBytes }))
  open.push(app)
  return { app, dialled, decided, events, resolutions }
}

function judged({ decisionId }: Arrival, call: ToolCall, resolve: (host: string) => string[], events: string[]): Decided {
  const web = call.tool === 'web-fetch'
  const found = web ? destinationOf(String(call.arguments.url), EGRESS) : undefined
  const base = {
    decision_id: decisionId,
    mode: 'enforce' as const,
    policy_version: 'r1',
    region: 'eu-west-1',
    zone: 'eu',
    tenant_zone: 'eu',
    timing_us: {},
  }
  const deny = (code: Reason['code']): Verdict => ({
    ...base,
    decision: 'deny',
    enforced: 'deny',
    reasons: [{ code, message: '', rule: 'guard.egress' }],
  })
  const allow = (endpoint: string, host: string): Verdict => {
    const addresses = resolve(host)
    if (!arePublic(addresses)) return deny('egress_private_address')
    return { ...base, decision: 'allow', enforced: 'allow', reasons: [], route: { region: 'eu-west-1', endpoint, addresses } }
  }
  const verdict =
    found === undefined
      ? allow('https://crm.tools.example/v2/', 'crm.tools.example')
      : found.ok
        ? allow(found.destination.url.href, found.destination.host)
        : deny(found.code)
  return {
    verdict,
    arguments: call.arguments,
    urlAction: web,
    credentialRef: web ? null : 'crm',
    attestation: undefined,
    replay: undefined,
    redeemed: false,
    recorded: async () => void events.push('recorded'),
    forwarding: async () => void events.push('forwarding'),
    responded: async ({ status }) => void events.push(`responded ${status}`),
    settle: (outcome) => void events.push(`settle ${outcome}`),
  }
}

const post = (app: FastifyInstance, path: string, args: JsonObject, headers: Record<string, string> = {}) =>
  app.inject({
    method: 'POST',
    url: `/v1/tools/${path}`,
    headers: { 'content-type': 'application/json', authorization: 'Bearer agent-token', ...headers },
    payload: JSON.stringify(args),
  })
const update = ({ app }: World, args: JsonObject = { id: 'contact-1' }, headers = {}) => post(app, 'crm/update_contact', args, headers)
const fetchUrl = ({ app }: World, args: JsonObject, headers = {}) => post(app, 'web-fetch/fetch', args, headers)
const sentBody = ({ dialled: [request] }: World) => Buffer.from(request?.body ?? []).toString()

describe('a tool with endpoints', () => {
  test('gets its action below the endpoint, at the pinned addresses, after the record and the mark', async () => {
    const gateway = await world()
    const response = await update(gateway)
    expect([response.statusCode, response.json()]).toEqual([200, { ok: true }])
    expect(gateway.dialled).toMatchObject([{ method: 'POST', addresses: ['44.128.1.20'] }])
    expect(gateway.dialled[0]?.url.href).toBe('https://crm.tools.example/v2/update_contact')
    expect(gateway.events).toEqual(['recorded', 'forwarding', 'dial', 'settle executed', 'responded 200'])
  })

  test('gets nothing of the agent’s headers, and its own credentials', async () => {
    const gateway = await world({
      credentials: (ref) => ({ Authorization: `Bearer key-of-${ref}`, 'Content-Type': 'text/evil', 'X-Api-Version': '3' }),
    })
    const carried = { cookie: 'session=1', 'x-forwarded-for': '10.0.0.1', 'aegis-chain': 'chn.x', 'aegis-approval': 'token', dpop: 'proof' }
    await update(gateway, {}, { ...carried, 'aegis-idempotency-key': 'key-1' })
    expect(gateway.dialled[0]?.headers).toEqual({
      authorization: 'Bearer key-of-crm',
      'x-api-version': '3',
      'content-type': 'application/json',
      accept: 'application/json',
      'accept-encoding': 'identity',
      'aegis-decision-id': 'decision-1',
      'idempotency-key': 'key-1',
    })
  })

  test('gets the rewritten arguments, byte for byte, and nothing of the original', async () => {
    const clean = { id: 'contact-1', fields: { note: 'IBAN DE** **00' } }
    const gateway = await world({
      alter: (decided) => ({ ...decided, verdict: { ...decided.verdict, decision: 'sanitize', enforced: 'sanitize', arguments: clean } }),
    })
    const response = await update(gateway, { id: 'contact-1', fields: { note: 'IBAN DE89370400440532013000' } })
    expect(response.statusCode).toBe(200)
    expect(sentBody(gateway)).toBe(JSON.stringify(clean))
  })

  test('refuses to forward when what was rewritten is missing: never the original in its place', async () => {
    const gateway = await world({
      alter: (decided) => ({ ...decided, verdict: { ...decided.verdict, decision: 'sanitize', enforced: 'sanitize' } }),
    })
    const response = await update(gateway)
    expect([response.statusCode, response.json().error.code]).toEqual([500, 'internal_error'])
    expect(gateway.events).toEqual(['settle not_executed'])
  })

  test.each(['deny', 'approval_needed'] as const)('refuses to forward %s, even with a route in the verdict', async (enforced) => {
    const gateway = await world({ alter: (decided) => ({ ...decided, verdict: { ...decided.verdict, decision: enforced, enforced } }) })
    const response = await update(gateway)
    expect([response.statusCode, response.json().enforced, response.headers['aegis-decision']]).toEqual([403, enforced, enforced])
    expect(gateway.events).toEqual([])
  })

  test('refuses to forward without a route', async () => {
    const gateway = await world({
      alter: (decided) => {
        const { route: _route, ...verdict } = decided.verdict
        return { ...decided, verdict }
      },
    })
    expect((await update(gateway)).statusCode).toBe(403)
    expect(gateway.dialled).toEqual([])
  })

  test.each(['recorded', 'forwarding'] as const)('refuses to forward when %s fails, and gives back what was set aside', async (step) => {
    const gateway = await world({
      alter: (decided) => ({ ...decided, [step]: () => Promise.reject(new AegisError('audit_unavailable')) }),
    })
    const response = await update(gateway)
    expect([response.statusCode, response.json().error.code]).toEqual([503, 'audit_unavailable'])
    expect(gateway.dialled).toEqual([])
    expect(gateway.events).toContain('settle not_executed')
  })

  test('a keyed call that was answered before is answered the same, and not forwarded', async () => {
    const gateway = await world({
      alter: (decided) => ({ ...decided, replay: { status: 201, contentType: 'application/json', body: Buffer.from('{"payment":"p1"}') } }),
    })
    const response = await update(gateway, {}, { 'aegis-idempotency-key': 'key-1' })
    expect([response.statusCode, response.json(), response.headers['content-type']]).toEqual([201, { payment: 'p1' }, 'application/json'])
    expect(gateway.events).toEqual([])
  })

  test.each([
    [200, 'executed'],
    [204, 'executed'],
    [302, 'executed'],
    [400, 'not_executed'],
    [409, 'not_executed'],
    [500, 'unknown'],
    [503, 'unknown'],
  ])('an answer with status %i settles the call as %s, and is handed on', async (status, outcome) => {
    const gateway = await world({ answer: () => ({ status, headers: { location: 'https://evil.example/', 'set-cookie': 'a=1' } }) })
    const response = await update(gateway)
    expect(response.statusCode).toBe(status)
    expect(gateway.events).toContain(`settle ${outcome}`)
    for (const name of ['location', 'aegis-location', 'set-cookie']) expect(response.headers).not.toHaveProperty(name)
    expect(gateway.dialled).toHaveLength(1)
  })

  test.each<[string, Error, string]>([
    ['nothing left', new NotConnectedError('ECONNREFUSED 44.128.1.20'), 'not_executed'],
    ['the connection broke', new Error('ECONNRESET 44.128.1.20'), 'unknown'],
    ['time was up', new DOMException('44.128.1.20', 'TimeoutError'), 'unknown'],
  ])('when %s it is 502, which says nothing of why', async (_what, error, outcome) => {
    const gateway = await world({ answer: () => Promise.reject(error) })
    const response = await update(gateway)
    expect([response.statusCode, response.json().error.code]).toEqual([502, 'upstream_failed'])
    expect(response.body).not.toContain('44.128')
    expect(gateway.events.at(-1)).toBe(`settle ${outcome}`)
  })

  test.each<[string, Partial<DialResponse>]>([
    ['status 101', { status: 101 }],
    ['status 999', { status: 999 }],
    ['a content coding', { headers: { 'content-encoding': 'gzip' }, body: Buffer.from('bomb') }],
  ])('an answer with %s says nothing that can be handed on: 502, and the effect counts as done', async (_what, answer) => {
    const gateway = await world({ answer: () => answer })
    const response = await update(gateway)
    expect([response.statusCode, response.json().error.code]).toEqual([502, 'upstream_failed'])
    expect(gateway.events.at(-1)).toBe('settle unknown')
  })

  test('a type that is no header value does not spoil the answer', async () => {
    const gateway = await world({ answer: () => ({ headers: { 'content-type': 'text/\u2028plain' } }) })
    expect((await update(gateway)).statusCode).toBe(200)
  })
})

describe('an action whose destination is an argument', () => {
  test('sends the request that the arguments describe, and hands back status, type and body', async () => {
    const gateway = await world({ answer: () => ({ status: 201, headers: { 'content-type': 'text/html' }, body: Buffer.from('<p>') }) })
    const headers = { Accept: 'text/html', 'content-type': 'application/json' }
    const response = await fetchUrl(
      gateway,
      { url: 'https://API.partner.example./a?q=1#top', method: 'POST', headers, body: '{"a":1}' },
      { cookie: 'a=1', 'aegis-idempotency-key': 'key-1' },
    )
    expect([response.statusCode, response.body, response.headers['content-type']]).toEqual([201, '<p>', 'text/html'])
    const [sent] = gateway.dialled
    expect([sent?.method, sent?.url.href, sentBody(gateway)]).toEqual(['POST', 'https://api.partner.example/a?q=1', '{"a":1}'])
    expect(sent?.headers).toEqual({
      accept: 'text/html',
      'content-type': 'application/json',
      'accept-encoding': 'identity',
      'idempotency-key': 'key-1',
    })
  })

  test('is a GET by default, and carries no credentials even if the registry names some', async () => {
    const gateway = await world({
      credentials: () => ({ authorization: 'secret' }),
      alter: (decided) => ({ ...decided, credentialRef: 'web' }),
    })
    await fetchUrl(gateway, { url: 'https://api.partner.example/' })
    expect(gateway.dialled).toMatchObject([{ method: 'GET', headers: { 'accept-encoding': 'identity' } }])
    expect(Object.keys(gateway.dialled[0]?.headers ?? {})).toEqual(['accept-encoding'])
  })

  test.each<[string, JsonObject]>([
    ['a header that identifies', { headers: { authorization: 'Bearer x' } }],
    ['a cookie', { headers: { cookie: 'a=1' } }],
    ['a host', { headers: { Host: 'evil.example' } }],
    ['a header of ours', { headers: { 'aegis-decision-id': 'x' } }],
    ['a header that frames', { headers: { 'transfer-encoding': 'chunked' } }],
    ['a header twice', { headers: { accept: 'a', Accept: 'b' } }],
    ['a value that begins another header', { headers: { accept: 'a\r\nhost: evil.example' } }],
    ['headers that are a list', { headers: ['accept'] }],
    ['a method about the connection', { method: 'CONNECT' }],
    ['a method in small letters', { method: 'get' }],
    ['a body with GET', { body: 'x' }],
    ['a body that is no text', { method: 'POST', body: { a: 1 } }],
  ])('refuses %s, and gives back what was set aside', async (_what, more) => {
    const gateway = await world()
    const response = await fetchUrl(gateway, { url: 'https://api.partner.example/', ...more })
    expect([response.statusCode, response.json().error.code]).toEqual([400, 'malformed_call'])
    expect(gateway.events).toEqual(['settle not_executed'])
  })

  // Row 12 of the demo.
  test.each([
    ['http://169.254.169.254/latest/meta-data/', 'egress_private_address'],
    ['https://[::ffff:a9fe:a9fe]/', 'egress_private_address'],
    ['https://10.0.0.5/', 'egress_private_address'],
    ['https://private.example/', 'egress_private_address'],
    ['https://evil.example/', 'egress_not_allowed'],
    ['http://api.partner.example/', 'egress_not_allowed'],
    ['https://user@api.partner.example/', 'egress_not_allowed'],
  ])('refuses %s with %s, and opens no connection', async (url, code) => {
    const gateway = await world()
    const response = await fetchUrl(gateway, { url })
    expect([response.statusCode, response.json().reasons[0].code]).toEqual([403, code])
    expect(gateway.dialled).toEqual([])
  })

  test('the address that is dialled is the one that was checked, however the name answers next', async () => {
    const answers = [['44.128.1.20'], ['169.254.169.254']]
    ADDRESSES['rebinding.example'] = () => answers.shift() ?? ['169.254.169.254']
    const gateway = await world()
    expect((await fetchUrl(gateway, { url: 'https://rebinding.example/' })).statusCode).toBe(200)
    expect([gateway.resolutions, gateway.dialled[0]?.addresses]).toEqual([['rebinding.example'], ['44.128.1.20']])
    expect((await fetchUrl(gateway, { url: 'https://rebinding.example/' })).json().reasons[0].code).toBe('egress_private_address')
    expect(gateway.dialled).toHaveLength(1)
  })

  test('what rewriting left of the destination is dialled, and refused when it leads elsewhere', async () => {
    const rewritten =
      (url: string): Setting['alter'] =>
      (decided) => ({
        ...decided,
        verdict: { ...decided.verdict, decision: 'sanitize', enforced: 'sanitize', arguments: { url } },
      })
    const clean = await world({ alter: rewritten('https://api.partner.example/users/[email]') })
    await fetchUrl(clean, { url: 'https://api.partner.example/users/erika@example.org' })
    expect(clean.dialled.map(({ url }) => url.href)).toEqual(['https://api.partner.example/users/[email]'])
    const elsewhere = await world({ alter: rewritten('https://data.public.example/') })
    const response = await fetchUrl(elsewhere, { url: 'https://api.partner.example/' })
    expect([response.statusCode, response.json().error.code, elsewhere.dialled]).toEqual([500, 'internal_error', []])
  })
})

describe('a redirect', () => {
  const redirecting =
    (targets: Record<string, string>, status = 302): Answering =>
    ({ url }) => {
      const location = targets[url.href]
      return location === undefined ? { body: Buffer.from('arrived') } : { status, headers: { location }, body: new Uint8Array() }
    }
  const START = 'https://data.public.example/start'

  test.each([301, 302, 303, 307, 308])('with status %i is followed after a decision of its own', async (status) => {
    const gateway = await world({ answer: redirecting({ [START]: 'https://api.partner.example/next' }, status) })
    const response = await fetchUrl(gateway, { url: START, headers: { accept: 'text/plain' } }, { 'aegis-chain': 'chn.x' })
    expect([response.statusCode, response.body, response.headers['aegis-decision-id']]).toEqual([200, 'arrived', 'decision-2'])
    expect(gateway.decided.map(({ id, call }) => [id, call.arguments.url, call.chain])).toEqual([
      ['decision-1', START, 'chn.x'],
      ['decision-2', 'https://api.partner.example/next', 'chn.x'],
    ])
    expect(gateway.resolutions).toEqual(['data.public.example', 'api.partner.example'])
    expect(gateway.dialled.map(({ headers }) => headers.accept)).toEqual(['text/plain', 'text/plain'])
    expect(gateway.events.filter((event) => event !== 'forwarding')).toEqual([
      ...['recorded', 'dial', 'settle executed'],
      ...['recorded', 'dial', 'settle executed'],
      'responded 200',
    ])
  })

  test('is read against where it came from', async () => {
    const gateway = await world({ answer: redirecting({ [START]: '../other?x=1#y' }) })
    await fetchUrl(gateway, { url: START })
    expect(gateway.dialled.map(({ url }) => url.href)).toEqual([START, 'https://data.public.example/other?x=1'])
  })

  test.each([
    ['http://169.254.169.254/latest/meta-data/', 'egress_private_address'],
    ['//10.0.0.5/', 'egress_private_address'],
    ['https://0x7f.1/', 'egress_private_address'],
    ['https://private.example/', 'egress_private_address'],
    ['https://evil.example/', 'egress_not_allowed'],
    ['/\\evil.example/', 'egress_not_allowed'],
    ['http://api.partner.example/', 'egress_not_allowed'],
    ['file:///etc/passwd', 'egress_not_allowed'],
    ['https://a:b@api.partner.example/', 'egress_not_allowed'],
  ])('to %s ends the call with that hop’s refusal', async (location, code) => {
    const gateway = await world({ answer: redirecting({ [START]: location }) })
    const response = await fetchUrl(gateway, { url: START })
    expect([response.statusCode, response.json().decision_id, response.json().reasons[0].code]).toEqual([403, 'decision-2', code])
    expect(gateway.dialled).toHaveLength(1)
  })

  test('loop is bounded', async () => {
    const gateway = await world({ answer: redirecting({ [START]: START }) })
    const response = await fetchUrl(gateway, { url: START })
    expect([response.statusCode, response.json().error.code]).toEqual([502, 'upstream_failed'])
    expect([gateway.dialled.length, gateway.decided.length]).toEqual([4, 4])
  })

  test('of another method is handed back, under a name that no client follows', async () => {
    const gateway = await world({ answer: redirecting({ [START]: '/next' }, 307) })
    const response = await fetchUrl(gateway, { url: START, method: 'POST', body: 'x' })
    expect([response.statusCode, response.headers['aegis-location']]).toEqual([307, 'https://data.public.example/next'])
    expect(response.headers).not.toHaveProperty('location')
    expect(gateway.dialled).toHaveLength(1)
  })

  test.each([{ status: 304 }, { status: 302 }, { status: 302, headers: { location: 'http://[' } }])(
    '%j leads nowhere, and is handed back',
    async (answer) => {
      const gateway = await world({ answer: () => answer })
      expect((await fetchUrl(gateway, { url: START })).statusCode).toBe(answer.status)
      expect(gateway.dialled).toHaveLength(1)
    },
  )

  test('takes neither the key nor the approval of the first call along', async () => {
    const gateway = await world({ answer: redirecting({ [START]: 'https://api.partner.example/next' }) })
    await fetchUrl(gateway, { url: START }, { 'aegis-idempotency-key': 'key-1', 'aegis-approval': 'token' })
    expect(gateway.decided.map(({ call }) => [call.idempotencyKey, call.approval])).toEqual([
      ['key-1', 'token'],
      [undefined, undefined],
    ])
    expect(gateway.dialled.map(({ headers }) => headers['idempotency-key'])).toEqual(['key-1', undefined])
  })

  test('that is refused is what the same key is answered next', async () => {
    const gateway = await world({ answer: redirecting({ [START]: 'https://evil.example/' }) })
    await fetchUrl(gateway, { url: START }, { 'aegis-idempotency-key': 'key-1' })
    expect(gateway.events.at(-1)).toBe('responded 403')
  })

  test('brings back nothing that was rewritten before', async () => {
    const gateway = await world({
      answer: redirecting({ [START]: 'https://api.partner.example/next' }),
      alter: (decided, call) => ({
        ...decided,
        verdict: {
          ...decided.verdict,
          decision: 'sanitize',
          enforced: 'sanitize',
          arguments: { ...call.arguments, headers: { accept: '*' } },
        },
      }),
    })
    await fetchUrl(gateway, { url: START, headers: { accept: 'secret' } })
    expect(gateway.decided[1]?.call.arguments).toEqual({ url: 'https://api.partner.example/next', headers: { accept: '*' } })
  })

  test('all hops share one time limit', async () => {
    const gateway = await world({ answer: redirecting({ [START]: 'https://api.partner.example/next' }) })
    await fetchUrl(gateway, { url: START })
    const [first, second] = gateway.dialled.map(({ timeoutMs }) => timeoutMs)
    expect(second).toBeLessThan(first ?? 0)
  })
})

test('answers that their clients do not read take up no more than their room, and the room comes back', async () => {
  const MB = 1024 * 1024
  const gateway = await world({ answer: () => ({ body: Buffer.alloc(24 * MB) }), maxUnsentBytes: 50 * MB })
  await gateway.app.listen({ host: '127.0.0.1', port: 0 })
  const { port } = gateway.app.server.address() as AddressInfo
  const ask = async () => {
    const socket = connect(port, '127.0.0.1').on('error', () => {})
    socket.write('POST /v1/tools/crm/read HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}')
    const [head] = (await once(socket, 'data')) as [Buffer]
    socket.pause()
    return { socket, status: head.toString('latin1', 9, 12) }
  }
  const asked = [await ask(), await ask(), await ask()]
  expect(asked.map(({ status }) => status)).toEqual(['200', '200', '502'])
  for (const { socket } of asked) socket.destroy()
  await sleep(100)
  const again = await ask()
  expect(again.status).toBe('200')
  again.socket.destroy()
})
