import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { afterEach, expect, test } from '@jest/globals'
import dnsPacket from 'dns-packet'
import { ResolveError, stubResolver } from '../../../runtime/fabric/dns/resolver.ts'
import { startDnsServer } from '../../../runtime/fabric/dns/server.ts'
import type { FixtureRecord } from '../../../runtime/fabric/dns/zone.ts'
import { failing, record, zoneData } from './small-zone.ts'

const closers: (() => Promise<unknown> | unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0)) await close()
})

/** A server whose every answer counts up: 10.0.0.0, 10.0.0.1, ... so that a cached answer can be told from a fresh one. */
async function counting(ttlS: number, extra: FixtureRecord[] = []) {
  const alternating = Array.from({ length: 9 }, (_, index) => [`10.0.0.${index}`])
  const records: FixtureRecord[] = [{ name: 'count.test.example', type: 'A', ttlS, alternating }, ...extra]
  const data = zoneData(
    [record('long', { target: { values: Array.from({ length: 60 }, (_, index) => `10.1.0.${index}`), ttlS: 30 } })],
    [{ name: 'test.example', records }],
  )
  const server = await startDnsServer({ data, health: () => failing(), placeOf: () => undefined, defaultPlace: 'client' })
  closers.push(server.close)
  let nowMs = 0
  const resolver = stubResolver({ server: { host: '127.0.0.1', port: server.port }, negativeTtlMaxS: 30, monotonicMs: () => nowMs })
  return { resolver, server, wait: (seconds: number) => (nowMs += seconds * 1000) }
}

test('keeps an answer for exactly its TTL', async () => {
  const { resolver, wait } = await counting(30)
  expect(await resolver.resolve('count.test.example')).toEqual(['10.0.0.0'])
  wait(29.9)
  expect(await resolver.resolve('COUNT.test.example.')).toEqual(['10.0.0.0'])
  wait(0.2)
  expect(await resolver.resolve('count.test.example')).toEqual(['10.0.0.1'])
})

test('never keeps a TTL of 0, and forgets all on flush', async () => {
  const { resolver } = await counting(0)
  expect([await resolver.resolve('count.test.example'), await resolver.resolve('count.test.example')]).toEqual([['10.0.0.0'], ['10.0.0.1']])
  const kept = await counting(30)
  await kept.resolver.resolve('count.test.example')
  kept.resolver.flush()
  expect(await kept.resolver.resolve('count.test.example')).toEqual(['10.0.0.1'])
})

test('a chain is kept as long as its shortest part', async () => {
  const { resolver, wait } = await counting(60, [{ name: 'alias.test.example', type: 'CNAME', ttlS: 5, values: ['count.test.example'] }])
  expect(await resolver.resolve('alias.test.example')).toEqual(['10.0.0.0'])
  wait(6)
  expect(await resolver.resolve('alias.test.example')).toEqual(['10.0.0.1'])
})

test('a name that is not there has no address, and is asked for again after a capped time', async () => {
  const { resolver, server, wait } = await counting(30)
  expect(await resolver.resolve('nope.test.example')).toEqual([])
  await server.close()
  closers.length = 0
  wait(29)
  expect(await resolver.resolve('nope.test.example')).toEqual([])
  wait(2)
  await expect(resolver.resolve('nope.test.example')).rejects.toThrow(ResolveError)
})

test('comes back by TCP for an answer that was cut', async () => {
  const { resolver } = await counting(30)
  // 60 addresses take about 1,000 bytes with compression, and more than 1,232 without, as here.
  expect(await resolver.resolve('long.aegis.example')).toHaveLength(60)
})

test('refuses to take a refusal for "no such name"', async () => {
  const { resolver } = await counting(30)
  await expect(resolver.resolve('example.com')).rejects.toThrow('the server answered with code 5')
})

test('asks once more when no answer comes, and ignores answers to other questions', async () => {
  const udp = createSocket('udp4')
  let asked = 0
  udp.on('message', (bytes, { port, address }) => {
    const query = dnsPacket.decode(bytes)
    const name = query.questions?.[0]?.name ?? ''
    const reply = (id: number, data: string) =>
      udp.send(
        dnsPacket.encode({ type: 'response', id, questions: query.questions ?? [], answers: [{ type: 'A', name, ttl: 30, data }] }),
        port,
        address,
      )
    if (++asked === 1) return
    reply(((query.id ?? 0) + 1) & 0xffff, '6.6.6.6')
    reply(query.id ?? 0, '192.0.2.7')
  })
  udp.bind(0, '127.0.0.1')
  await once(udp, 'listening')
  closers.push(() => udp.close())
  const resolver = stubResolver({ server: { host: '127.0.0.1', port: udp.address().port }, timeoutMs: 50 })
  expect(await Promise.all([resolver.resolve('a.example'), resolver.resolve('a.example')])).toEqual([['192.0.2.7'], ['192.0.2.7']])
  expect(asked).toBe(2)
})
