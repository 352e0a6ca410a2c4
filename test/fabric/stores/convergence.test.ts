import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { keyLocks } from '../../../runtime/fabric/stores/locks.ts'
import type { Message, Transport } from '../../../runtime/fabric/stores/replication/messages.ts'
import { RefusedMessage, type Replicator, startReplicator } from '../../../runtime/fabric/stores/replication/replicator.ts'
import { compareVersions, type Version } from '../../../runtime/fabric/stores/replication/version.ts'
import { dynaliteEngine } from '../../../runtime/fabric/stores/tables/dynalite-engine.ts'
import type { TableEngine } from '../../../runtime/fabric/stores/tables/engine.ts'
import { tableService } from '../../../runtime/fabric/stores/tables/tables.ts'
import { eventually, REGIONS, table } from './support.ts'

// Three regions in this process, engines in memory, messages by function call: schedules of writes, partitions, heals
// and lags. Clocks are seconds apart or exactly alike, and stand still for most of a schedule, so that versions meet.

const shared = table('global', REGIONS)
const KEYS = ['a', 'b', 'c']

/** What every clock shows, but for its skew. */
let wallMs = Date.now()

type Step =
  | { do: 'put' | 'delete' | 'add'; region: number; key: number }
  | { do: 'cut' | 'heal'; from: number; to: number }
  | { do: 'lag'; from: number; to: number; ms: number }
  | { do: 'settle' }

const index = fc.nat({ max: REGIONS.length - 1 })
const stepArbitrary: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constantFrom('put' as const, 'delete' as const, 'add' as const),
      region: index,
      key: fc.nat({ max: KEYS.length - 1 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('cut' as const, 'heal' as const), from: index, to: index }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('lag' as const), from: index, to: index, ms: fc.nat({ max: 20 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('settle' as const) }) },
)

interface Node {
  region: string
  engine: TableEngine
  replicator: Replicator
  write: ReturnType<typeof tableService>
}

/** @param fault stands between the regions and may lose or change what they say */
async function runSchedule(
  steps: readonly Step[],
  skewsMs: readonly number[],
  fault: (deliver: Transport) => Transport = (deliver) => deliver,
) {
  const nodes: Node[] = []
  const deliver: Transport = async (peer, message) => {
    const node = nodes.find(({ region }) => region === peer)
    if (node === undefined) throw new RefusedMessage(`no region ${peer}`)
    return node.replicator.receive(structuredClone(message))
  }
  const acknowledged: { key: string; version: Version; image: unknown }[] = []
  for (const [at, region] of REGIONS.entries()) {
    nodes.push(await startNode(region, skewsMs[at] ?? 0, fault(deliver), acknowledged))
  }
  try {
    const links = nodes.flatMap(({ region, replicator }) => REGIONS.filter((peer) => peer !== region).map((peer) => replicator.link(peer)))
    for (const link of links) link.connect()
    for (const [n, step] of steps.entries()) await take(nodes, step, n)
    for (const link of links) {
      link.setLag(0)
      link.resume()
    }
    await quiet(nodes)
    return { replicas: await Promise.all(nodes.map(contents)), expected: lastWritten(acknowledged) }
  } finally {
    for (const { replicator } of nodes) await replicator.close()
    for (const { engine } of nodes) await engine.close()
  }
}

async function startNode(
  region: string,
  skewMs: number,
  transport: Transport,
  acknowledged: { key: string; version: Version; image: unknown }[],
): Promise<Node> {
  const engine = await dynaliteEngine({ region, account: '000000000000', tables: [shared] })
  await engine.ensureTable(shared)
  const withLocks = keyLocks()
  const replicator = await startReplicator({
    region,
    tables: [shared],
    engine,
    withLocks,
    transport,
    lagMs: () => 0,
    now: () => wallMs + skewMs,
  })
  const recording: Replicator = {
    ...replicator,
    publish(changes) {
      for (const { key, version, image } of changes) acknowledged.push({ key: String(key.pk?.S), version, image })
      replicator.publish(changes)
    },
  }
  return { region, engine, replicator, write: tableService({ tables: [shared], engine, replicator: recording, withLocks }) }
}

async function take(nodes: Node[], step: Step, n: number): Promise<void> {
  if (step.do === 'settle') {
    wallMs += 1
    return void (await new Promise((resolve) => setTimeout(resolve, 3)))
  }
  if ('from' in step) {
    if (step.from === step.to) return
    const link = nodes[step.from]?.replicator.link(REGIONS[step.to] as string)
    if (step.do === 'lag') link?.setLag(step.ms)
    else if (step.do === 'cut') await link?.pause()
    else link?.resume()
    return
  }
  const key = { pk: { S: KEYS[step.key] }, sk: { S: 'x' } }
  const node = nodes[step.region]
  const TableName = shared.name
  if (step.do === 'put') await node?.write('PutItem', { TableName, Item: { ...key, v: { N: String(n) } } })
  if (step.do === 'delete') await node?.write('DeleteItem', { TableName, Key: key })
  if (step.do === 'add') {
    await node?.write('UpdateItem', {
      TableName,
      Key: key,
      UpdateExpression: 'ADD sum :one',
      ExpressionAttributeValues: { ':one': { N: '1' } },
    })
  }
}

/** All links are empty and have shown so after what came last. */
const quiet = (nodes: Node[]) =>
  eventually('all links are quiet', () =>
    nodes.every(({ replicator }) => replicator.stats().links.every(({ pending, state }) => pending === 0 && state === 'live')),
  )

async function contents({ engine }: Node) {
  const items = KEYS.map(async (pk) => [pk, await engine.image('global', { pk: { S: pk }, sk: { S: 'x' } })] as const)
  return Object.fromEntries(await Promise.all(items))
}

function lastWritten(acknowledged: { key: string; version: Version; image: unknown }[]) {
  const last = new Map<string, { version: Version; image: unknown }>()
  for (const { key, version, image } of acknowledged) {
    const found = last.get(key)
    if (found === undefined || compareVersions(version, found.version) > 0) last.set(key, { version, image })
  }
  return Object.fromEntries(KEYS.map((key) => [key, last.get(key)?.image ?? null]))
}

const schedules = fc.array(stepArbitrary, { minLength: 5, maxLength: 40, size: 'max' })
const skews = fc.array(fc.constantFrom(0, 0, 1, -5000, 5000), { minLength: REGIONS.length, maxLength: REGIONS.length })

test('all replicas agree on the last acknowledged write of every item, whatever the schedule', async () => {
  await fc.assert(
    fc.asyncProperty(schedules, skews, async (steps, skewsMs) => {
      const { replicas, expected } = await runSchedule(steps, skewsMs)
      for (const replica of replicas) expect(replica).toEqual(expected)
    }),
    { numRuns: 60 },
  )
}, 60_000)

const conflict: Step[] = [
  { do: 'cut', from: 0, to: 1 },
  { do: 'cut', from: 1, to: 0 },
  { do: 'put', region: 0, key: 0 },
  { do: 'put', region: 1, key: 0 },
  { do: 'put', region: 1, key: 0 },
  { do: 'heal', from: 0, to: 1 },
  { do: 'heal', from: 1, to: 0 },
]

const differs = async (fault: (deliver: Transport) => Transport) => {
  const { replicas, expected } = await runSchedule(conflict, [0, 0, 0], fault)
  return replicas.some((replica) => JSON.stringify(replica) !== JSON.stringify(expected))
}

test('the check sees a fault: arrival order instead of versions', async () => {
  let arrivals = 0
  const latestIsNewest = (message: Message): Message => {
    if (message.type !== 'changes') return { ...message, entries: [] }
    arrivals += 1
    return {
      ...message,
      changes: message.changes.map((change) => ({
        ...change,
        version: { ms: wallMs + 60_000, n: arrivals, region: change.version.region },
      })),
    }
  }
  expect(await differs((deliver) => (peer, message) => deliver(peer, latestIsNewest(message)))).toBe(true)
  expect(await differs((deliver) => deliver)).toBe(false)
})

test('the check sees a fault: a message acknowledged and lost', async () => {
  const losing =
    (deliver: Transport): Transport =>
    (peer, message) =>
      deliver(peer, message.type === 'changes' && peer === REGIONS[0] ? { ...message, changes: [] } : message)
  expect(await differs(losing)).toBe(true)
})
