import {
  createToolWatch,
  endpointsHere,
  type ToolWatchOptions,
  type WatchEvent,
  type WatchedTool,
} from '../../../runtime/gateway/net/tool-watch.ts'
import type { DialRequest, DialResponse } from '../../../runtime/model/ports.ts'
import { definitionDigest } from '../../../runtime/policy/definition.ts'

const DEFINITION = { name: 'crm', actions: [{ name: 'read_contact', description: 'Reads a contact.' }] }
const PATH = '/.well-known/tool.json'

type Answer = Partial<DialResponse> | Error
const serves = (definition: unknown): Answer => ({ status: 200, body: Buffer.from(JSON.stringify(definition)) })

function tool(sha256 = definitionDigest(DEFINITION), more: Partial<WatchedTool> = {}): WatchedTool {
  const endpoint = { region: 'eu-west-1', url: 'https://crm.example/v2/', host: { name: 'crm.example' } }
  return { definition: { path: PATH, sha256 }, endpoints: new Map([['eu-west-1', endpoint]]), ...more }
}

function world(answer: Answer, options: Partial<ToolWatchOptions> = {}) {
  const seen = {
    answer,
    tools: new Map<string, WatchedTool>([
      ['crm', tool()],
      ['email', tool('', { definition: undefined })],
    ]),
    addresses: ['44.128.1.20'],
    dialled: [] as DialRequest[],
    events: [] as WatchEvent[],
    nowMs: 1000,
  }
  const watch = createToolWatch({
    tools: () => seen.tools,
    endpointsOf: ({ endpoints }) => [...endpoints.values()],
    resolver: { resolve: async () => [...seen.addresses] },
    dialer: {
      async dial(request) {
        seen.dialled.push(request)
        if (seen.answer instanceof Error) throw seen.answer
        return { status: 200, headers: {}, body: new Uint8Array(), ...seen.answer }
      },
      close: async () => {},
    },
    clock: { now: () => seen.nowMs, monotonic: () => seen.nowMs },
    log: (event) => seen.events.push(event),
    ...options,
  })
  return Object.assign(seen, { watch })
}

test('asks pinned tools alone, below their endpoint, at checked addresses, within limits', async () => {
  const { watch, dialled } = world(serves(DEFINITION))
  await watch.check()
  expect(dialled.map(({ url, method, addresses }) => [url.href, method, addresses])).toEqual([
    ['https://crm.example/v2/.well-known/tool.json', 'GET', ['44.128.1.20']],
  ])
  expect(dialled[0]).toMatchObject({ timeoutMs: expect.any(Number), maxResponseBytes: expect.any(Number) })
})

test('a definition that is laid out in another way is the same', async () => {
  const { watch } = world({
    body: Buffer.from('{ "actions": [{"description":"Reads a contact.","name":"read_contact"}],\n "name": "crm" }'),
  })
  await watch.check()
  expect([watch.drifted('crm'), watch.status()]).toEqual([false, [{ tool: 'crm', state: 'matches', failures: 0, seenAtMs: 1000 }]])
})

test('a changed definition is drift, until it is the pinned one again', async () => {
  const it = world(serves({ ...DEFINITION, version: 2 }))
  await it.watch.check()
  expect([it.watch.drifted('crm'), it.watch.drifted('email'), it.watch.drifted('nobody')]).toEqual([true, false, false])
  it.answer = serves(DEFINITION)
  await it.watch.check()
  expect(it.watch.drifted('crm')).toBe(false)
  expect(it.events.map(({ event, tool: name }) => [event, name])).toEqual([
    ['tool_drifted', 'crm'],
    ['tool_restored', 'crm'],
  ])
})

test.each<[string, Answer]>([
  ['text that is no JSON', { body: Buffer.from('<html>') }],
  ['nothing', { body: new Uint8Array() }],
  ['a key twice', { body: Buffer.from('{"name":"crm","name":"crm"}') }],
  ['404', { status: 404, body: Buffer.from('{}') }],
  ['a redirect', { status: 302, headers: { location: 'https://evil.example/' } }],
  ['more than the limit', Object.assign(new Error('Response content exceeded max size'), { code: 'UND_ERR_RES_EXCEEDED_MAX_SIZE' })],
])('a tool that serves %s has drifted: hiding a definition must not hide its change', async (_what, answer) => {
  const it = world(serves(DEFINITION))
  await it.watch.check()
  it.answer = answer
  await it.watch.check()
  expect([it.watch.drifted('crm'), it.dialled.length]).toEqual([true, 2])
})

test.each<[string, Answer]>([
  ['does not answer', new Error('reset')],
  ['is in trouble', { status: 503 }],
  ['is asked too often', { status: 429 }],
])('a tool that %s keeps the state it was seen in, and after a while that is called unknown', async (_what, answer) => {
  for (const before of [DEFINITION, { other: true }]) {
    const it = world(serves(before))
    await it.watch.check()
    const drifted = it.watch.drifted('crm')
    it.answer = answer
    for (let round = 0; round < 5; round++) {
      await it.watch.check()
      expect(it.watch.drifted('crm')).toBe(drifted)
    }
    expect(it.watch.status()).toMatchObject([{ state: drifted ? 'drifted' : 'unknown', failures: 5, seenAtMs: 1000 }])
  }
})

test('a tool that was never seen has not drifted, and is called unknown after a while', async () => {
  const it = world(new Error('refused'))
  expect([it.watch.drifted('crm'), it.watch.status()]).toEqual([false, []])
  await it.watch.check()
  expect(it.watch.status()).toMatchObject([{ state: 'unseen', seenAtMs: null }])
  for (let round = 0; round < 6; round++) await it.watch.check()
  expect([it.watch.drifted('crm'), it.watch.status()]).toMatchObject([false, [{ state: 'unknown' }]])
  expect(it.events).toEqual([{ event: 'tool_unknown', tool: 'crm', endpoint: 'eu-west-1', detail: 'refused' }])
})

test.each([[[]], [['10.0.0.5']], [['44.128.1.20', '169.254.169.254']]])('refuses to ask at the addresses %j', async (addresses) => {
  const it = world(serves({ other: true }))
  it.addresses = addresses
  await it.watch.check()
  expect([it.dialled, it.watch.drifted('crm')]).toEqual([[], false])
})

test('another pin is compared with what was seen, before the next round', async () => {
  const it = world(serves(DEFINITION))
  await it.watch.check()
  it.tools.set('crm', tool('0'.repeat(64)))
  expect(it.watch.drifted('crm')).toBe(true)
  it.tools.delete('crm')
  await it.watch.check()
  expect([it.watch.drifted('crm'), it.watch.status()]).toEqual([false, []])
})

test('watches round after round, apart by the interval and a fifth, until it is stopped', async () => {
  const it = world(serves(DEFINITION), { random: () => 0 })
  const stop = it.watch.start(10)
  while (it.dialled.length < 3) await new Promise((resolve) => setTimeout(resolve, 5))
  await stop()
  const rounds = it.dialled.length
  await new Promise((resolve) => setTimeout(resolve, 40))
  expect(it.dialled).toHaveLength(rounds)
})

test('a region looks at the endpoint that its calls go to', () => {
  const endpoint = (region: string) => ({ region, url: `https://${region}.example`, host: { name: `${region}.example` } })
  const endpoints = new Map(['us-east-1', 'eu-central-1', 'eu-west-1'].map((region) => [region, endpoint(region)]))
  const zones = { eu: ['eu-west-1', 'eu-central-1', 'eu-north-1'], us: ['us-east-1'], apac: ['ap-southeast-1'] }
  const used = (region: string, zone: string, of = endpoints) =>
    endpointsHere({ endpoints: of }, { region, zone }, zones).map((one) => one.region)
  expect(used('eu-central-1', 'eu')).toEqual(['eu-central-1'])
  expect(used('eu-north-1', 'eu')).toEqual(['eu-west-1'])
  expect(used('ap-southeast-1', 'apac')).toEqual(['us-east-1'])
  expect(used('eu-west-1', 'eu', new Map())).toEqual([])
})
