import { once } from 'node:events'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { DialRequest } from '../../runtime/model/ports.ts'
import { agentToken, operatorToken, type TestGateway, type TestTrust, testGateway, testTrust } from '../support/gateway.ts'

// What only a real socket can do to a gateway.

const MAX_IN_FLIGHT = 5
let trust: TestTrust
let gateway: TestGateway
let port: number
let authorization: string

beforeAll(async () => {
  trust = await testTrust()
  authorization = `Authorization: Bearer ${await agentToken(trust, 'support-agent', 'acme-eu')}\r\n`
})
beforeEach(async () => {
  // Tools never answer a call; who watches their definitions is told at once, or closing would wait for it.
  const dial = ({ url }: DialRequest) =>
    url.pathname.startsWith('/.well-known/') ? Promise.reject(new Error('away')) : new Promise<never>(() => {})
  const never = { dial, close: async () => {} }
  gateway = await testGateway({ trust, region: 'eu-west-1', zone: 'eu', maxInFlight: MAX_IN_FLIGHT, dialer: never })
  await gateway.app.listen({ host: '127.0.0.1', port: 0 })
  port = (gateway.app.server.address() as AddressInfo).port
})
afterEach(async () => {
  gateway.app.server.closeAllConnections()
  await gateway.close()
})

const BODY = '{"tool":"crm","action":"read_contact","arguments":{"id":"c-1"}}'
const head = (path: string, length: number, more = '') =>
  `POST ${path} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: ${length}\r\n${more}\r\n`

const DECISION = '776e9f93-4a44-8a50-a4cd-dcc73af98826'

async function opened(): Promise<Socket> {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => {})
  await once(socket, 'connect')
  return socket
}

async function answerTo(text: string): Promise<string> {
  const socket = await opened()
  socket.write(text)
  const [answer] = (await once(socket, 'data')) as [Buffer]
  socket.destroy()
  return answer.toString()
}

const decide = () => answerTo(head('/v1/decisions', BODY.length, authorization) + BODY)

describe('a client that hangs up gives its place back', () => {
  test.each<[string, () => string]>([
    ['in the middle of its body', () => `${head('/v1/decisions', 1000, authorization)}{"tool"`],
    ['while its tool is called', () => `${head('/v1/tools/crm/read_contact', 12, authorization)}{"id":"c-1"}`],
    ['with calls queued behind one another', () => head('/v1/tools/crm/read_contact', 12, authorization).concat('{"id":"c-1"}').repeat(4)],
    ['before anyone knows who it is', () => head('/v1/decisions', 0).repeat(40)],
  ])('%s', async (_name, text) => {
    for (let i = 0; i < 3 * MAX_IN_FLIGHT; i++) {
      const socket = await opened()
      socket.write(text())
      await sleep(5)
      socket.resetAndDestroy()
      await sleep(5)
    }
    await sleep(50)
    expect(await decide()).toContain('"decision":"allow"')
  })
})

describe('who is slow leaves places to the others', () => {
  const held: Socket[] = []
  afterEach(() => {
    for (const socket of held.splice(0)) socket.resetAndDestroy()
  })
  const hold = async (text: string) => {
    for (let i = 0; i < 3 * MAX_IN_FLIGHT; i++) {
      const socket = await opened()
      socket.write(text)
      held.push(socket)
    }
    await sleep(50)
  }
  const others = async () => {
    const token = await agentToken(trust, 'care-agent', 'clinic-eu')
    return answerTo(head('/v1/decisions', BODY.length, `Authorization: Bearer ${token}\r\n`) + BODY)
  }

  test.each<[string, () => string]>([
    ['with the bodies of its calls', () => `${head('/v1/decisions', 1000, authorization)}{"tool"`],
    ['because its tools are', () => `${head('/v1/tools/crm/read_contact', 12, authorization)}{"id":"c-1"}`],
    ['with an outcome', () => `${head(`/v1/decisions/${DECISION}/outcome`, 1000, authorization)}{"status"`],
  ])('a tenant, %s', async (_name, text) => {
    await hold(text())
    expect(await others()).toContain('"decision":"allow"')
    expect(await decide()).toContain('"code":"overloaded"')
  })

  test.each<[string, () => string]>([
    [
      'asking for a token',
      () => `${head('/oauth/token', 1000).replace('application/json', 'application/x-www-form-urlencoded')}grant_type`,
    ],
    ['with an outcome', () => `${head(`/v1/decisions/${DECISION}/outcome`, 1000)}{"status"`],
  ])('a stranger, %s', async (_name, text) => {
    await hold(text())
    expect(await decide()).toContain('"decision":"allow"')
  })
})

describe('a call whose body comes late is refused', () => {
  // One whose tools and OpenID provider answer.
  beforeEach(async () => {
    gateway.app.server.closeAllConnections()
    await gateway.close()
    gateway = await testGateway({ trust, region: 'eu-west-1', zone: 'eu' })
    await gateway.app.listen({ host: '127.0.0.1', port: 0 })
    port = (gateway.app.server.address() as AddressInfo).port
  })
  const READ = '{"patient":"patient-3"}'
  const half = async (token: string) => {
    const socket = await opened()
    socket.write(head('/v1/tools/ehr/read_record', READ.length, `Authorization: Bearer ${token}\r\n`))
    await sleep(50)
    return async () => {
      socket.write(READ)
      const [answer] = (await once(socket, 'data')) as [Buffer]
      socket.destroy()
      return answer.toString()
    }
  }
  const order = async (role: string, url: string, payload: object) => {
    const token = await operatorToken(trust, { sub: 'olga', tenants: ['*'], roles: [role] })
    const { statusCode } = await gateway.operator.inject({ method: 'POST', url, headers: { authorization: `Bearer ${token}` }, payload })
    expect(statusCode).toBe(201)
  }

  test('once its tenant has been released to another region', async () => {
    const finish = await half(await agentToken(trust, 'care-agent', 'clinic-eu'))
    await order('failover', '/v1/promotions', { tenant: 'clinic-eu', region: 'eu-central-1' })
    expect(await finish()).toContain('"code":"home_region_unavailable"')
  }, 20_000)

  test('once its token is revoked', async () => {
    const finish = await half(await agentToken(trust, 'care-agent', 'clinic-eu', 'eu-west-1', { jti: 'stolen' }))
    await order('killer', '/v1/kills', { scope: { type: 'token', id: 'stolen' }, reason: 'stolen' })
    expect(await finish()).toContain('"code":"invalid_token"')
  })
})

test('no body is invited before its sender is known', async () => {
  const stranger = await answerTo(head('/v1/decisions', BODY.length, 'Expect: 100-continue\r\n'))
  expect(stranger).toMatch(/^HTTP\/1\.1 401 /)
  expect(stranger).toMatch(/connection: close/i)
  const known = await answerTo(head('/v1/decisions', BODY.length, `${authorization}Expect: 100-continue\r\n`))
  expect(known).toMatch(/^HTTP\/1\.1 100 Continue/)
})

test('a path that cannot be decoded is malformed, and is not repeated', async () => {
  const answer = await answerTo(`${head('/v1/tools/crm/%zz', 2, authorization)}{}`)
  expect(answer).toMatch(/^HTTP\/1\.1 400 /)
  expect(answer).toContain('malformed_call')
  expect(answer).not.toContain('%zz')
})

test.each([
  ['two lengths', head('/v1/decisions', 2, 'Content-Length: 3\r\n'), 400, 'malformed_call'],
  ['a length and chunks', head('/v1/decisions', 2, 'Transfer-Encoding: chunked\r\n'), 400, 'malformed_call'],
  ['headers without end', head('/v1/decisions', 2, `X: ${'y'.repeat(20_000)}\r\n`), 413, 'call_too_large'],
])('what is no request is refused like every other call: %s', async (_name, text, status, code) => {
  const answer = await answerTo(text)
  expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `))
  expect(JSON.parse(answer.split('\r\n\r\n')[1] ?? '').error).toMatchObject({ code, region: 'eu-west-1' })
})
