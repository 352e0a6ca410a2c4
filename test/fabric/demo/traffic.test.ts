import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { type DemoCaller, startTraffic, type Traffic } from '../../../runtime/fabric/demo/traffic.ts'

let proxy: Server
let seen: { url: string; host: string | undefined; token: string | undefined; body: string }[]
let traffic: Traffic | undefined

beforeEach(async () => {
  seen = []
  proxy = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const { host, authorization: token } = request.headers
    seen.push({ url: request.url ?? '', host, token, body: Buffer.concat(chunks).toString() })
    response.end('{}')
  }).listen(0, '127.0.0.1')
  await once(proxy, 'listening')
})
afterEach(() => {
  traffic?.stop()
  proxy.close()
  proxy.closeAllConnections()
})

const caller = (agent: string, actions: string[]): DemoCaller => ({
  agent,
  proxy: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`,
  url: 'http://eu.aegis.example',
  actions,
})
const until = async (condition: () => boolean) => {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5))
}

test('callers take turns, with their own tokens, through both doors', async () => {
  traffic = startTraffic({ callers: [caller('demo-a', ['crm.read_contact']), caller('demo-b', ['crm.read_contact'])], intervalMs: 2 })
  traffic.setTokens({ 'demo-a': 'a', 'demo-b': 'b' })
  await until(() => seen.length >= 8)
  expect(new Set(seen.map(({ token }) => token))).toEqual(new Set(['Bearer a', 'Bearer b']))
  expect(new Set(seen.map(({ url }) => url))).toEqual(
    new Set(['http://eu.aegis.example/v1/tools/crm/read_contact', 'http://eu.aegis.example/v1/decisions']),
  )
  expect(seen.every(({ host }) => host === 'eu.aegis.example')).toBe(true)
})

test('nobody calls before having a token, nor what there is no sample of', async () => {
  traffic = startTraffic({ callers: [caller('demo-a', ['own.tool'])], intervalMs: 1 })
  traffic.setTokens({ 'demo-a': 'a' })
  await new Promise((resolve) => setTimeout(resolve, 30))
  expect(traffic.counts()).toEqual({ calls: 0, answers: {} })
})

test('what gets no answer is counted as that', async () => {
  const nowhere = { ...caller('demo-a', ['crm.read_contact']), proxy: 'http://127.0.0.1:1' }
  const failing = startTraffic({ callers: [nowhere], intervalMs: 2 })
  traffic = failing
  failing.setTokens({ 'demo-a': 'a' })
  await until(() => (failing.counts().answers['no answer'] ?? 0) > 1)
})
