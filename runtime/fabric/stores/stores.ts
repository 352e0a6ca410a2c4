import { z } from 'zod'
import type { StoresConfigInput } from './config.ts'
import { type Stores, startStores } from './region-stores.ts'

// The process of one region's stores. Configuration: the first message of the parent, {type:'start', config}, or JSON
// as the only argument. It never outlives its parent: when the channel closes, it ends.

const commandSchema = z.discriminatedUnion('command', [
  z.object({ id: z.unknown(), command: z.literal('setPeers'), peers: z.record(z.string(), z.url()) }),
  z.object({ id: z.unknown(), command: z.literal('pauseReplication'), peer: z.string() }),
  z.object({ id: z.unknown(), command: z.literal('resumeReplication'), peer: z.string() }),
  z.object({ id: z.unknown(), command: z.literal('setLag'), peer: z.string(), lagMs: z.number().nonnegative() }),
  z.object({ id: z.unknown(), command: z.literal('stats') }),
  z.object({ id: z.unknown(), command: z.literal('stop') }),
])
type Command = z.infer<typeof commandSchema>

/** A graceful end that takes longer is none. */
const STOP_MAX_MS = 3000

await main()

async function main(): Promise<void> {
  const parented = process.send !== undefined
  const startedAt = performance.now()
  // Ctrl-C reaches the whole group: a parent, if there is one, decides in which order its children end.
  process.on('SIGINT', () => (parented ? undefined : end(undefined, 0)))
  process.on('disconnect', () => end(undefined, 0))
  let stores: Stores | undefined
  process.on('SIGTERM', () => end(stores, 0))
  try {
    stores = await startStores(await configuration())
  } catch (error) {
    const line = (error as Error).message.replaceAll('\n', ' ')
    if (!process.send) console.error(`stores: ${line}`)
    process.send?.({ type: 'failed', error: line }, () => process.exit(2))
    if (!process.send) process.exit(2)
    return
  }
  const running = stores
  process.removeAllListeners('disconnect').on('disconnect', () => end(running, 0))
  process.removeAllListeners('SIGINT').on('SIGINT', () => (parented ? undefined : end(running, 0)))
  // One request's fault is that request's: what escapes all its guards is told and survived, as a crash here would be
  // taken for the loss of a region. Requests end by their own time limit.
  process.on('uncaughtException', (error) => console.error(`stores ${running.region}: ${error.stack}`))
  const ready = {
    type: 'ready',
    region: running.region,
    url: running.url,
    port: running.port,
    pid: process.pid,
    startedMs: performance.now() - startedAt,
  }
  if (process.send) process.send(ready)
  else console.log(JSON.stringify(ready))
  process.on('message', (message) => void answer(running, message))
}

/** @returns what startStores checks */
async function configuration(): Promise<StoresConfigInput> {
  const argument = process.argv[2]
  if (argument !== undefined) return JSON.parse(argument) as StoresConfigInput
  if (process.send === undefined)
    throw new Error('no configuration: give JSON as the argument, or fork with a channel and send {type:"start", config}')
  const message = await new Promise<unknown>((resolve) => process.once('message', resolve))
  return (message as { config: StoresConfigInput }).config
}

async function answer(stores: Stores, message: unknown): Promise<void> {
  const id = (message as { id?: unknown } | null)?.id
  const parsed = commandSchema.safeParse(message)
  if (!parsed.success) {
    process.send?.({ type: 'reply', id, ok: false, error: `unknown command: ${JSON.stringify(message)}` })
    return
  }
  try {
    process.send?.({ type: 'reply', id, ok: true, result: await run(stores, parsed.data) })
  } catch (error) {
    process.send?.({ type: 'reply', id, ok: false, error: (error as Error).message })
  }
}

async function run(stores: Stores, command: Command): Promise<unknown> {
  if (command.command === 'setPeers') return stores.setPeers(command.peers)
  if (command.command === 'pauseReplication') return stores.pauseReplication(command.peer)
  if (command.command === 'resumeReplication') return stores.resumeReplication(command.peer)
  if (command.command === 'setLag') return stores.setLag(command.peer, command.lagMs)
  if (command.command === 'stats') return stores.stats()
  setImmediate(() => end(stores, 0))
  return undefined
}

function end(stores: Stores | undefined, code: number): void {
  setTimeout(() => process.exit(code), STOP_MAX_MS).unref()
  Promise.resolve(stores?.close()).then(
    () => process.exit(code),
    () => process.exit(1),
  )
}
