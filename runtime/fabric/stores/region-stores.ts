import { join } from 'node:path'
import { z } from 'zod'
import { stsService } from './access/sts.ts'
import { mayTouch, type TableRight } from './access/table-rights.ts'
import { parseStoresConfig, type StoresConfig, type StoresConfigInput } from './config.ts'
import type { LinkStats } from './replication/link.ts'
import { listen, portOf, type Services } from './server.ts'

/** Tables, objects and keys of one region behind one port. */
export interface Stores {
  region: string
  url: string
  port: number
  /** URL by region. Links to regions named here compare and go on; others keep the address that they have. */
  setPeers(peers: Record<string, string>): void
  /** Stops replication from this region to the peer. Resolves when nothing is under way any more. */
  pauseReplication(peer: string): Promise<void>
  resumeReplication(peer: string): void
  setLag(peer: string, lagMs: number): void
  stats(): StoresStats
  close(): Promise<void>
}

export interface StoresStats {
  region: string
  /** What gateways were refused because their role's policy does not allow it, each once. */
  refusedRights: string[]
  links: LinkStats[]
  received: { applied: number; stale: number; refused: number }
  /** Bytes. */
  memory: { rss: number }
}

/** Opens what the configuration names, makes what is missing, and listens. Throws one clear line if it can't. */
export async function startStores(input: StoresConfigInput): Promise<Stores> {
  const config = parseStoresConfig(input)
  const { region } = config
  const closers: (() => unknown)[] = []
  try {
    const tables = config.tables.length > 0 ? await openTables(config, closers) : undefined
    const services: Services = {
      region,
      tables: tables?.service,
      refusedRights: new Set(),
      ...(config.gatewayRights !== undefined && { gatewayMay: gatewayGuard(config, config.gatewayRights) }),
      keys: config.keys.length > 0 ? await openKeys(config) : undefined,
      sts: stsService({ roles: config.roles, now: () => Date.now() + config.clockOffsetMs }),
      bucket: config.buckets.length > 0 ? await openBuckets(config) : undefined,
      replication: tables?.replication,
    }
    const server = await listen(services, config.port)
    closers.push(() => {
      server.closeAllConnections()
      return new Promise((resolve) => server.close(resolve))
    })
    tables?.setPeers(config.replication?.peers ?? {})
    const replicator = tables?.replicator
    const link = (peer: string) => {
      if (replicator === undefined) throw new Error(`${region} holds no global table, there is no replication to ${peer}`)
      return replicator.link(peer)
    }
    return {
      region,
      url: `http://127.0.0.1:${portOf(server)}`,
      port: portOf(server),
      setPeers: (peers) => tables?.setPeers(peers),
      pauseReplication: async (peer) => link(peer).pause(),
      resumeReplication: (peer) => link(peer).resume(),
      setLag: (peer, lagMs) => link(peer).setLag(lagMs),
      stats: () => ({
        region,
        refusedRights: [...services.refusedRights],
        ...(replicator?.stats() ?? { links: [], received: { applied: 0, stale: 0, refused: 0 } }),
        memory: { rss: process.memoryUsage.rss() },
      }),
      close: () => closeAll(closers),
    }
  } catch (error) {
    await closeAll(closers)
    throw error
  }
}

/** Judges a gateway's request to the tables as IAM would. */
function gatewayGuard({ tables }: StoresConfig, rights: readonly TableRight[]) {
  const partitionKeys = new Map(tables.map(({ name, keySchema }) => [name, keySchema[0]?.AttributeName ?? '']))
  return (operation: string, input: Record<string, unknown>) =>
    mayTouch(rights, operation, input, partitionKeys.get(String(input.TableName)) ?? 'pk')
}

async function closeAll(closers: (() => unknown)[]): Promise<void> {
  // Last opened, first closed: no request reaches an engine that is gone.
  for (const close of closers.splice(0).reverse()) await close()
}

// Each part is imported when it is needed: the control account's process holds keys alone and stays small.

async function openTables(config: StoresConfig, closers: (() => unknown)[]) {
  const [{ tableService }, { keyLocks }, { checkShape, isGlobal }] = await Promise.all([
    import('./tables/tables.ts'),
    import('./locks.ts'),
    import('./tables/shape.ts'),
  ])
  for (const table of config.tables) checkShape(table, config.region)
  const engine = await openEngine(config)
  closers.push(() => engine.close())
  for (const table of config.tables) await engine.ensureTable(table)
  const withLocks = keyLocks()
  const replication =
    config.replication !== undefined && config.tables.some(isGlobal)
      ? await openReplication(config, config.replication, { engine, withLocks }, closers)
      : undefined
  return {
    service: tableService({ tables: config.tables, engine, withLocks, replicator: replication?.replicator }),
    replicator: replication?.replicator,
    replication: replication?.endpoint,
    setPeers: (peers: Record<string, string>) => replication?.setPeers(peers),
  }
}

async function openEngine({ region, account, tables, dataDir, tableEndpoint }: StoresConfig) {
  if (tableEndpoint !== undefined) {
    const { endpointEngine } = await import('./tables/endpoint-engine.ts')
    return endpointEngine({
      region,
      tables,
      endpoint: tableEndpoint,
      ...(dataDir === undefined ? {} : { path: join(dataDir, 'table-versions') }),
    })
  }
  const { dynaliteEngine } = await import('./tables/dynalite-engine.ts')
  return dynaliteEngine({ region, account, tables, ...(dataDir === undefined ? {} : { path: join(dataDir, 'tables') }) })
}

type Shared = Pick<Parameters<typeof import('./replication/replicator.ts').startReplicator>[0], 'engine' | 'withLocks'>

async function openReplication(
  { region, tables, clockOffsetMs }: StoresConfig,
  { secret, lagMs, paused }: NonNullable<StoresConfig['replication']>,
  shared: Shared,
  closers: (() => unknown)[],
) {
  const [{ startReplicator, RefusedMessage }, { httpTransport }, { messageSchema }] = await Promise.all([
    import('./replication/replicator.ts'),
    import('./replication/http-transport.ts'),
    import('./replication/messages.ts'),
  ])
  const urls = new Map<string, string>()
  const { transport, close } = httpTransport({ secret, urlOf: (peer) => urls.get(peer) })
  closers.push(close)
  const lagTo = (peer: string) => (typeof lagMs === 'number' ? lagMs : (lagMs[peer] ?? 0))
  const replicator = await startReplicator({ ...shared, region, tables, transport, lagMs: lagTo, now: () => Date.now() + clockOffsetMs })
  closers.push(() => replicator.close())
  for (const peer of paused) await replicator.link(peer).pause()
  return {
    replicator,
    setPeers(peers: Record<string, string>) {
      for (const [peer, url] of Object.entries(peers)) {
        // The supervisor names every region of the fabric; those without a shared table are none of ours.
        if (!tables.some(({ replicas }) => replicas.length > 1 && replicas.includes(peer)) || peer === region) continue
        urls.set(peer, url)
        replicator.link(peer).connect()
      }
    },
    endpoint: {
      secret,
      async receive(message: unknown) {
        const parsed = messageSchema.safeParse(message)
        if (!parsed.success) return { status: 400, body: { error: z.prettifyError(parsed.error) } }
        try {
          return { status: 200, body: await replicator.receive(parsed.data) }
        } catch (error) {
          if (!(error instanceof RefusedMessage)) throw error
          return { status: 409, body: { error: error.message } }
        }
      },
    },
  }
}

async function openKeys({ region, account, keysDir, keys, signers }: StoresConfig) {
  const [{ ensureKeys }, { kmsService }] = await Promise.all([import('./keys/key-store.ts'), import('./keys/kms.ts')])
  return kmsService(await ensureKeys({ keysDir: keysDir ?? '', region, account, aliases: keys }), { region, account, signers })
}

async function openBuckets({ dataDir, buckets, clockOffsetMs }: StoresConfig) {
  const [{ openObjects }, { s3Service }] = await Promise.all([import('./bucket/objects.ts'), import('./bucket/s3.ts')])
  const now = () => Date.now() + clockOffsetMs
  const opened = await Promise.all(
    buckets.map(async (bucket) => [bucket, await openObjects(join(dataDir ?? '', 'buckets', bucket), now)] as const),
  )
  return s3Service(new Map(opened))
}
