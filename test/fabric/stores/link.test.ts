import { afterEach, expect, test } from '@jest/globals'
import { type Link, startLink } from '../../../runtime/fabric/stores/replication/link.ts'
import type { Answer, Message } from '../../../runtime/fabric/stores/replication/messages.ts'
import type { Change } from '../../../runtime/fabric/stores/tables/engine.ts'
import { eventually } from './support.ts'

let link: Link
afterEach(() => link.close())

const change = (n: number): Change => ({
  table: 'global',
  key: { pk: { S: String(n) } },
  version: { ms: n, n: 0, region: 'eu-west-1' },
  image: { pk: { S: String(n) } },
})

/** A link to a peer that answers as `answer` says. @returns what it was told */
function linkTo(answer: (message: Message) => Partial<Answer>, held: Change[] = []) {
  const told: Message[] = []
  link = startLink({
    region: 'eu-west-1',
    peer: 'us-east-1',
    lagMs: 0,
    transport: async (_peer, message) => {
      told.push(structuredClone(message))
      return { boot: 'one', applied: 0, wanted: [], ...answer(message) }
    },
    inventory: () => [{ table: 'global', entries: held.map(({ key, version }) => ({ text: String(key.pk?.S), version })) }],
    current: async (_table, text) => held.find(({ key }) => key.pk?.S === text),
    now: Date.now,
  })
  return told
}

const sentKeys = (told: Message[]) =>
  told.flatMap((message) => (message.type === 'changes' ? message.changes.map(({ key }) => key.pk?.S) : []))

test('sends in the order of writing, and each change until it is confirmed', async () => {
  let failures = 3
  const told = linkTo((message) => {
    if (message.type === 'changes' && message.changes.length > 0 && failures-- > 0) throw new Error('cut')
    return {}
  })
  for (let n = 0; n < 60; n += 1) link.push(change(n))
  expect(link.stats()).toMatchObject({ state: 'no-peer', pending: 60 })
  link.connect()
  await eventually('all are confirmed', () => link.stats().pending === 0)
  const keys = sentKeys(told)
  expect(keys.slice(-60)).toEqual(Array.from({ length: 60 }, (_, n) => String(n)))
  expect(keys.length).toBeGreaterThan(60)
  expect(link.stats()).toMatchObject({ state: 'live', sent: 60, oldestPendingMs: 0 })
})

test('says why a peer cannot be reached, and goes on when it can', async () => {
  let reachable = false
  linkTo(() => {
    if (!reachable) throw new Error('connect ECONNREFUSED')
    return {}
  })
  link.connect()
  await eventually('it is unreachable', () => link.stats().state === 'unreachable')
  expect(link.stats().lastError).toBe('connect ECONNREFUSED')
  reachable = true
  await eventually('it is live', () => link.stats().state === 'live')
  expect(link.stats().lastError).toBeUndefined()
})

test('drops a queue that grew too long, still counts it, and compares instead', async () => {
  const held = [change(7), change(8)]
  const told = linkTo((message) => (message.type === 'offer' ? { wanted: ['7'] } : {}), held)
  link.connect()
  await eventually('the first comparison is done', () => link.stats().state === 'live' && link.stats().pending === 0)
  await link.pause()
  told.length = 0
  for (let n = 0; n < 45_000; n += 1) link.push(change(n))
  expect(link.stats()).toMatchObject({ pending: 45_000, state: 'paused' })
  link.resume()
  await eventually('nothing is pending', () => link.stats().pending === 0)
  expect(told.some(({ type }) => type === 'offer')).toBe(true)
  expect(sentKeys(told)).toContain('7')
  expect(sentKeys(told).length).toBeLessThan(45_000)
})

test('sends nothing while paused, not even a sign of life', async () => {
  const told = linkTo(() => ({}))
  link.connect()
  await eventually('it is live', () => link.stats().state === 'live')
  await link.pause()
  told.length = 0
  link.push(change(1))
  await new Promise((resolve) => setTimeout(resolve, 50))
  expect(told).toEqual([])
})
