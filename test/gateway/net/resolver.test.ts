import { createSocket, type Socket } from 'node:dgram'
import packet from 'dns-packet'
import { dnsResolver } from '../../../runtime/gateway/net/resolver.ts'

let socket: Socket
let asked: string[]
let answer: (name: string, type: string) => packet.StringAnswer[] | 'NXDOMAIN' | 'silence'
let now = 0
const clock = { now: () => now, monotonic: () => now }

beforeEach(async () => {
  asked = []
  socket = createSocket('udp4')
  socket.on('message', (message, { port, address }) => {
    const query = packet.decode(message)
    const { name = '', type = 'A' } = query.questions?.[0] ?? {}
    asked.push(`${type} ${name}`)
    const found = answer(name, type)
    if (found === 'silence') return
    const flags = packet.AUTHORITATIVE_ANSWER | (found === 'NXDOMAIN' ? 3 : 0)
    socket.send(
      packet.encode({
        type: 'response',
        id: query.id ?? 0,
        flags,
        questions: query.questions ?? [],
        answers: found === 'NXDOMAIN' ? [] : found,
      }),
      port,
      address,
    )
  })
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve))
})
afterEach(() => new Promise<void>((resolve) => socket.close(() => resolve())))

const resolver = () => dnsResolver({ servers: [`127.0.0.1:${socket.address().port}`], clock, timeoutMs: 100 })
const a = (name: string, data: string, ttl = 60): packet.StringAnswer => ({ type: 'A', name, ttl, data })

test('gives every address of both families', async () => {
  answer = (name, type) =>
    type === 'A' ? [a(name, '44.128.1.20'), a(name, '44.128.1.21')] : [{ type: 'AAAA', name, ttl: 60, data: '2001:4860:4860::8888' }]
  expect(await resolver().resolve('tool.example')).toEqual(['44.128.1.20', '44.128.1.21', '2001:4860:4860::8888'])
})

test('keeps an answer for its TTL and no longer', async () => {
  answer = (name, type) => (type === 'A' ? [a(name, '44.128.1.20', 3)] : [])
  const dns = resolver()
  await dns.resolve('tool.example')
  now += 2900
  await dns.resolve('tool.example')
  expect(asked.filter((question) => question.startsWith('A '))).toHaveLength(1)
  now += 200
  answer = (name, type) => (type === 'A' ? [a(name, '44.128.1.99', 3)] : [])
  expect(await dns.resolve('tool.example')).toEqual(['44.128.1.99'])
})

test('never keeps an answer with TTL 0: a rebinding name is looked at anew for each call', async () => {
  let last = 0
  answer = (name, type) => (type === 'A' ? [a(name, `44.128.1.${++last}`, 0)] : [])
  const dns = resolver()
  expect(await dns.resolve('rebind.example')).not.toEqual(await dns.resolve('rebind.example'))
})

test('a name that is another one has the addresses of that one, wherever they lead', async () => {
  answer = (name, type) =>
    type === 'A' ? [{ type: 'CNAME', name, ttl: 60, data: 'db.internal.example' }, a('db.internal.example', '10.20.30.40')] : []
  expect(await resolver().resolve('inside.example')).toEqual(['10.20.30.40'])
})

test('refuses half an answer: an address that did not come cannot be checked', async () => {
  answer = (name, type) => (type === 'A' ? [a(name, '44.128.1.20')] : 'silence')
  await expect(resolver().resolve('tool.example')).rejects.toThrow()
})

test('asks once however many calls wait', async () => {
  answer = (name, type) => (type === 'A' ? [a(name, '44.128.1.20')] : [])
  const dns = resolver()
  await Promise.all(Array.from({ length: 20 }, () => dns.resolve('tool.example')))
  expect(asked.filter((question) => question.startsWith('A '))).toHaveLength(1)
})

test('a name that does not exist has no address', async () => {
  answer = () => 'NXDOMAIN'
  expect(await resolver().resolve('nobody.example')).toEqual([])
})

test('refuses to guess when no server answers', async () => {
  answer = () => 'silence'
  await expect(resolver().resolve('tool.example')).rejects.toThrow()
})
