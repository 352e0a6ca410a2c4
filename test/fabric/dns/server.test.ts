import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import dnsPacket, { type DecodedPacket, type OptAnswer, type Packet } from 'dns-packet'
import fc from 'fast-check'
import { type DnsServer, startDnsServer } from '../../../runtime/fabric/dns/server.ts'
import { decodeQuery } from '../../../runtime/fabric/dns/wire.ts'
import { failing, record, zoneData } from './small-zone.ts'

const long = Array.from({ length: 40 }, (_, index) => `"value number ${index} of a long record"`)
const data = {
  ...zoneData(
    [
      record('one', {}),
      record('long', { type: 'TXT', target: { values: long, ttlS: 30 } }),
      ...['near', 'far'].map((region) =>
        record('global', {
          routing: { policy: 'latency', region, setIdentifier: region },
          target: { values: [region === 'near' ? '192.0.2.1' : '192.0.2.2'], ttlS: 30 },
        }),
      ),
    ],
    [
      {
        name: 'hostile.example',
        records: [{ name: 'rebind.hostile.example', type: 'A', ttlS: 0, alternating: [['44.128.9.9'], ['127.0.0.1']] }],
      },
    ],
  ),
  rttMs: (from: string, region: string) => (from === region ? 1 : 100),
}

let server: DnsServer
beforeAll(async () => {
  server = await startDnsServer({
    data,
    health: () => failing(),
    placeOf: (address) => ({ '44.128.1': 'near', '44.128.2': 'far' })[address.split('.').slice(0, 3).join('.')],
    defaultPlace: 'near',
  })
})
afterAll(() => server.close())

async function sendRaw(bytes: Buffer): Promise<Buffer> {
  const socket = createSocket('udp4')
  socket.send(bytes, server.port, '127.0.0.1')
  const [reply] = (await once(socket, 'message')) as [Buffer]
  socket.close()
  return reply
}

async function ask(packet: Packet): Promise<DecodedPacket> {
  return dnsPacket.decode(await sendRaw(dnsPacket.encode({ type: 'query', id: 7, ...packet })))
}

const rcode = (packet: DecodedPacket) => (packet.flags ?? 0) & 0xf
const opt = (options: OptAnswer['options'], changes: Partial<OptAnswer> = {}): OptAnswer => ({
  type: 'OPT',
  name: '.',
  udpPayloadSize: 1232,
  extendedRcode: 0,
  ednsVersion: 0,
  flags: 0,
  flag_do: false,
  options,
  ...changes,
})
const subnet = (ip: string): OptAnswer => opt([{ code: 8, family: 1, ip, sourcePrefixLength: 24, scopePrefixLength: 0 }])
const rawSubnet = (...bytes: number[]): OptAnswer => opt([{ code: 8, data: Buffer.from(bytes) } as OptAnswer['options'][number]])
const addresses = ({ answers }: DecodedPacket) => answers?.map((answer) => ('data' in answer ? answer.data : undefined))

test('answers with authority, the id and the question of the query', async () => {
  const reply = await ask({ questions: [{ type: 'A', name: 'ONE.aegis.example' }] })
  expect(reply).toMatchObject({ id: 7, flag_aa: true, flag_qr: true, flag_ra: false, questions: [{ name: 'ONE.aegis.example' }] })
  expect(addresses(reply)).toEqual(['192.0.2.1'])
})

test('the client subnet tells where the querier is, and comes back with its scope', async () => {
  const questions = [{ type: 'A' as const, name: 'global.aegis.example' }]
  expect(addresses(await ask({ questions }))).toEqual(['192.0.2.1'])
  const far = await ask({ questions, additionals: [subnet('44.128.2.0')] })
  expect(addresses(far)).toEqual(['192.0.2.2'])
  expect((far.additionals as OptAnswer[])[0]?.options[0]).toMatchObject({ code: 8, sourcePrefixLength: 24, scopePrefixLength: 24 })
  expect(addresses(await ask({ questions, additionals: [subnet('203.0.113.0')] }))).toEqual(['192.0.2.1'])
})

test('an answer that does not fit is cut, and complete over TCP', async () => {
  const questions = [{ type: 'TXT' as const, name: 'long.aegis.example' }]
  const cut = await ask({ questions })
  expect([cut.flag_tc, cut.answers?.length]).toEqual([true, 0])
  const socket = connect(server.port, '127.0.0.1')
  const query = dnsPacket.streamEncode({ type: 'query', id: 9, questions })
  // In two pieces, as a stream may deliver it.
  socket.write(query.subarray(0, 5))
  socket.write(query.subarray(5))
  let bytes = Buffer.alloc(0)
  for await (const chunk of socket) {
    bytes = Buffer.concat([bytes, chunk as Buffer])
    if (bytes.length >= 2 + bytes.readUInt16BE(0)) break
  }
  expect(dnsPacket.streamDecode(bytes).answers).toHaveLength(long.length)
})

test('an alternating name gives each query the next address', async () => {
  const questions = [{ type: 'A' as const, name: 'rebind.hostile.example' }]
  const [first, second] = [await ask({ questions }), await ask({ questions })]
  expect(new Set([addresses(first)?.[0], addresses(second)?.[0]])).toEqual(new Set(['44.128.9.9', '127.0.0.1']))
  expect(first.answers?.[0]).toMatchObject({ ttl: 0 })
})

describe('what it will not answer', () => {
  const questions = [{ type: 'A' as const, name: 'one.aegis.example' }]
  test.each<[string, Packet, number]>([
    ['refuses a name outside its zones', { questions: [{ type: 'A', name: 'example.com' }] }, 5],
    ['refuses another class', { questions: [{ type: 'A', name: 'one.aegis.example', class: 'CH' }] }, 5],
    ['refuses two questions', { questions: [...questions, ...questions] }, 1],
    ['refuses no question', { questions: [] }, 1],
    ['refuses another opcode', { questions, flags: 2 << 11 }, 4],
    ['refuses a subnet with bits past its prefix', { questions, additionals: [rawSubnet(0, 1, 20, 0, 44, 128, 255)] }, 1],
    ['refuses a subnet of no known family', { questions, additionals: [rawSubnet(0, 9, 0, 0)] }, 1],
    ['refuses an EDNS version to come', { questions, additionals: [opt([], { ednsVersion: 1 })] }, 0],
  ])('%s', async (_what, packet, code) => {
    const reply = await ask(packet)
    expect([rcode(reply), reply.answers?.length]).toEqual([code, 0])
  })

  test('a response is never answered: two servers must not talk for ever', () => {
    const response = dnsPacket.encode({ type: 'response', id: 1, questions })
    expect(decodeQuery(response)).toEqual({ refusal: undefined })
  })
})

test('no packet ends it', async () => {
  const good = dnsPacket.encode({
    type: 'query',
    id: 7,
    questions: [{ type: 'A', name: 'one.aegis.example' }],
    additionals: [subnet('44.128.2.0')],
  })
  const mangled = fc.oneof(
    fc.uint8Array({ maxLength: 600 }),
    fc.tuple(fc.nat(good.length - 1), fc.nat(255)).map(([at, byte]) => {
      const copy = new Uint8Array(good)
      copy[at] = byte
      return copy
    }),
    fc.nat(good.length).map((length) => new Uint8Array(good.subarray(0, length))),
  )
  fc.assert(
    fc.property(mangled, (bytes) => {
      expect(() => decodeQuery(Buffer.from(bytes))).not.toThrow()
    }),
    { numRuns: 500 },
  )
  const socket = createSocket('udp4')
  for (const bytes of fc.sample(mangled, 200)) {
    socket.send(bytes, server.port, '127.0.0.1')
    // One at a time: a full receive buffer would drop the good query below.
    await new Promise(setImmediate)
  }
  const tcp = connect(server.port, '127.0.0.1')
  tcp.on('error', () => {})
  tcp.end(Buffer.from([0, 3, 1, 2, 3, 255, 255, 0]))
  expect(addresses(await ask({ questions: [{ type: 'A', name: 'one.aegis.example' }] }))).toEqual(['192.0.2.1'])
  socket.close()
  tcp.destroy()
})

test('refuses a port that is taken, saying which', async () => {
  await expect(
    startDnsServer({ data, health: () => failing(), placeOf: () => undefined, defaultPlace: 'near', port: server.port }),
  ).rejects.toThrow(`dns: cannot listen on 127.0.0.1:${server.port}`)
})
