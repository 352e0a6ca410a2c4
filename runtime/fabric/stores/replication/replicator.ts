import { randomUUID } from 'node:crypto'
import { lockName, type WithLocks } from '../locks.ts'
import type { Change, TableEngine } from '../tables/engine.ts'
import { type Item, isGlobal, keyOf, keyText, type TableShape } from '../tables/shape.ts'
import { type Link, type LinkStats, startLink } from './link.ts'
import type { Answer, Message, Transport } from './messages.ts'
import { compareVersions, type Version, versionClock } from './version.ts'

/**
 * Replication of global tables as AWS describes it (DynamoDB developer guide, "Global tables: how it works"): a write
 * is acknowledged by its own region, then sent whole to every other replica; the last writer wins, item by item. Each
 * region keeps the version of every item it has or had, so that after any outage two regions compare versions and
 * send what the other lacks: nothing acknowledged is lost, whoever was killed.
 */
export interface Replicator {
  /** Version of a write that is about to happen. */
  tick(): Version
  /** Sends what was written here. Call it while holding the keys' locks. */
  publish(changes: readonly Change[]): void
  /** What a peer says. Rejects with a RefusedMessage if it has no business here. */
  receive(message: Message): Promise<Answer>
  link(peer: string): Link
  stats(): { links: LinkStats[]; received: { applied: number; stale: number; refused: number } }
  close(): Promise<void>
}

/** A message that this region must not act on, whoever signed it. */
export class RefusedMessage extends Error {
  override name = 'RefusedMessage'
}

export interface ReplicatorOptions {
  region: string
  tables: readonly TableShape[]
  engine: TableEngine
  withLocks: WithLocks
  transport: Transport
  lagMs: (peer: string) => number
  now: () => number
}

export async function startReplicator({
  region,
  tables,
  engine,
  withLocks,
  transport,
  lagMs,
  now,
}: ReplicatorOptions): Promise<Replicator> {
  const boot = randomUUID()
  const clock = versionClock(region, now)
  const held = new Map(
    tables.filter(isGlobal).map((shape) => [shape.name, { shape, items: new Map<string, { key: Item; version: Version }>() }]),
  )
  const received = { applied: 0, stale: 0, refused: 0 }

  for await (const { table, key, version } of engine.versions()) remember(table, key, version)

  function remember(table: string, key: Item, version: Version) {
    const found = held.get(table)
    const text = found === undefined ? undefined : keyText(found.shape, key)
    if (found === undefined || text === undefined) return
    clock.observe(version)
    found.items.set(text, { key, version })
  }

  const inventoryFor = (peer: string) => () =>
    [...held.values()]
      .filter(({ shape }) => shape.replicas.includes(peer))
      .map(({ shape, items }) => ({ table: shape.name, entries: [...items].map(([text, { version }]) => ({ text, version })) }))

  /** Under the item's lock, so that image and version belong together. */
  const current = (table: string, text: string) =>
    withLocks([lockName(table, text)], async (): Promise<Change | undefined> => {
      const found = held.get(table)?.items.get(text)
      if (found === undefined) return undefined
      return { table, ...found, image: await engine.image(table, found.key) }
    })

  const peers = new Set([...held.values()].flatMap(({ shape }) => shape.replicas).filter((replica) => replica !== region))
  const links = new Map(
    [...peers].map((peer) => [
      peer,
      startLink({ region, peer, lagMs: lagMs(peer), transport, inventory: inventoryFor(peer), current, now }),
    ]),
  )

  /** The table, if the sender shares it. The last fence between regions: what is regional here, no message reaches. */
  function shared(from: string, table: string) {
    const found = held.get(table)
    if (found === undefined || from === region || !found.shape.replicas.includes(from)) {
      throw new RefusedMessage(`table ${table} of ${region} has no replica in ${from}`)
    }
    return found
  }

  function checkChange(from: string, { table, key, image }: Change) {
    const { shape } = shared(from, table)
    const text = keyText(shape, key)
    if (text === undefined || Object.keys(key).length !== shape.keySchema.length) {
      throw new RefusedMessage(`${JSON.stringify(key)} is no key of table ${table}`)
    }
    if (image !== null && keyText(shape, image) !== text)
      throw new RefusedMessage(`an item of table ${table} does not have the key it was sent under`)
    return text
  }

  async function applyOne(change: Change, text: string): Promise<boolean> {
    return withLocks([lockName(change.table, text)], async () => {
      const mine = held.get(change.table)?.items.get(text)
      if (mine !== undefined && compareVersions(change.version, mine.version) <= 0) return false
      const shape = held.get(change.table)?.shape
      await engine.apply({ ...change, key: shape === undefined ? change.key : keyOf(shape, change.key) })
      remember(change.table, change.key, change.version)
      return true
    })
  }

  async function applyAll(from: string, changes: readonly Change[]): Promise<number> {
    const texts = changes.map((change) => checkChange(from, change))
    let news = 0
    for (const [at, change] of changes.entries()) {
      if (await applyOne(change, texts[at] as string)) news += 1
      else received.stale += 1
    }
    received.applied += news
    return news
  }

  return {
    tick: () => clock.tick(),
    publish(changes) {
      for (const change of changes) {
        remember(change.table, change.key, change.version)
        for (const peer of held.get(change.table)?.shape.replicas ?? []) links.get(peer)?.push(change)
      }
    },
    async receive(message) {
      try {
        if (message.type === 'changes') {
          if (!peers.has(message.from)) throw new RefusedMessage(`${region} shares no table with ${message.from}`)
          return { boot, applied: await applyAll(message.from, message.changes), wanted: [] }
        }
        const { items } = shared(message.from, message.table)
        const lacking = message.entries.filter(({ text, version }) => {
          const mine = items.get(text)
          return mine === undefined || compareVersions(version, mine.version) > 0
        })
        return { boot, applied: 0, wanted: lacking.map(({ text }) => text) }
      } catch (error) {
        if (error instanceof RefusedMessage) received.refused += 1
        throw error
      }
    },
    link(peer) {
      const found = links.get(peer)
      if (found === undefined) throw new Error(`${region} replicates to ${[...peers].join(', ') || 'nobody'}, not to ${peer}`)
      return found
    },
    stats: () => ({ links: [...links.values()].map((link) => link.stats()), received: { ...received } }),
    async close() {
      await Promise.all([...links.values()].map((link) => link.close()))
    },
  }
}
