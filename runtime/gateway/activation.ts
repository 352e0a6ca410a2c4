import type { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import type { Clock, ObjectStore } from '../model/ports.ts'
import { verifyBundle } from '../policy/bundle.ts'
import { verifyDirectory } from '../policy/directory.ts'
import { loadEvaluator } from '../policy/evaluate.ts'
import { TrustError, type TrustRoot } from '../policy/trust.ts'
import type { HighWater } from '../state/high-water.ts'
import { bundleKey, directoryKey, type Pointer, readPointers } from '../state/pointers.ts'
import { type ActivePolicy, activePolicyOf } from './active-policy.ts'

export interface ActivationOptions {
  region: string
  zone: string
  ring: string
  trust: TrustRoot
  clock: Clock
  /** Reads this region's pointer from its own replica of the global table. */
  pointer: () => Promise<Pointer | undefined>
  /** This region's bucket. */
  objects: ObjectStore
  highWater: HighWater
  log: (event: ActivationEvent) => void
}

export type ActivationEvent =
  | { event: 'activated'; revision: string; bundleSeq: number; directorySeq: number }
  | { event: 'refused'; what: string; fault: string; detail: string }
  | { event: 'state_unreachable'; detail: string }

export interface Activation {
  /** The policy in force, or undefined while none was ever verified. */
  current(): ActivePolicy | undefined
  /** When the regional table last answered, on the monotonic clock; undefined before the first answer. */
  regionalStateSeenAt(): number | undefined
  /** One look at the pointer. Never throws: whatever fails leaves the active policy in force. */
  poll(): Promise<void>
  /** Polls every `intervalMs` until the returned function is called. */
  start(intervalMs: number): () => Promise<void>
}

/** A gateway believes only what is signed: pointers are a mailbox, and nothing here trusts the table or the bucket. */
export function activation(options: ActivationOptions): Activation {
  const { clock, log } = options
  let active: ActivePolicy | undefined
  let seenAt: number | undefined
  // What was refused last is not fetched and verified again every second. It is named by the pointer's digests.
  let refused: string | undefined

  const poll = async () => {
    let pointer: Pointer | undefined
    let floors: Floors
    try {
      ;[pointer, floors] = await Promise.all([options.pointer(), readFloors(options.highWater)])
      seenAt = clock.monotonic()
    } catch (error) {
      log({ event: 'state_unreachable', detail: String(error) })
      return
    }
    if (pointer === undefined) return
    const named = `${pointer.bundleDigest} ${pointer.directoryDigest}`
    if (named === refused || (active !== undefined && named === `${active.bundleDigest} ${active.directoryDigest}`)) return
    try {
      active = await activate(pointer, floors, options)
      refused = undefined
      log({ event: 'activated', revision: active.revision, bundleSeq: active.bundleSeq, directorySeq: active.directorySeq })
    } catch (error) {
      const fault = error instanceof TrustError ? error.code : 'failed'
      // A missing object or a table that is away may be there at the next look; what is wrong stays wrong.
      if (error instanceof TrustError && fault !== 'not_yet_valid') refused = named
      log({ event: 'refused', what: named, fault, detail: String(error) })
    }
  }

  return {
    current: () => active,
    regionalStateSeenAt: () => seenAt,
    poll,
    start(intervalMs) {
      let timer: NodeJS.Timeout | undefined
      let stopped = false
      let polling = Promise.resolve()
      const next = () => {
        polling = poll().finally(() => {
          if (!stopped) timer = setTimeout(next, intervalMs)
        })
      }
      next()
      return () => {
        stopped = true
        clearTimeout(timer)
        return polling
      }
    },
  }
}

interface Floors {
  bundle: number
  directory: number
}

async function readFloors(highWater: HighWater): Promise<Floors> {
  const [bundle, directory] = await Promise.all([highWater.read('bundle'), highWater.read('directory')])
  return { bundle, directory }
}

async function activate(pointer: Pointer, floors: Floors, options: ActivationOptions): Promise<ActivePolicy> {
  const { objects, trust, zone, clock, highWater } = options
  const [bundleBytes, directoryBytes] = await Promise.all([
    fetched(objects, bundleKey(pointer.bundleDigest)),
    fetched(objects, directoryKey(pointer.directoryDigest)),
  ])
  const nowMs = clock.now()
  const bundle = await verifyBundle(bundleBytes, { trust, zone, nowMs, minSeq: floors.bundle })
  const directory = verifyDirectory(Buffer.from(directoryBytes).toString('utf8'), { trust, zone, nowMs, minSeq: floors.directory })
  if (bundle.digest !== pointer.bundleDigest || directory.digest !== pointer.directoryDigest) {
    throw new TrustError('altered', 'the bucket holds another object than its key says')
  }
  const evaluator = await loadEvaluator(bundle.wasm)
  evaluator.smoke()
  await evaluator.warm()
  const next = activePolicyOf(bundle, directory, evaluator)
  // The marks are raised last, after all that can fail, and before the swap: a process that dies in between has
  // activated nothing, and none can activate less than what any of this region has served.
  for (const [mark, seq] of [
    ['bundle', bundle.seq],
    ['directory', directory.seq],
  ] as const) {
    if (!(await highWater.raise(mark, seq))) throw new TrustError('rolled_back', `${mark} seq ${seq} is below the region's high-water mark`)
  }
  return next
}

async function fetched(objects: ObjectStore, key: string): Promise<Uint8Array> {
  const bytes = await objects.get(key)
  if (bytes === undefined) throw new Error(`${key} is not in this region's bucket`)
  return bytes
}

/** Reads the pointer of this gateway's ring from the global table. */
export function pointerReader(client: DynamoDBClient, table: string, region: string, ring: string) {
  return async () => (await readPointers(client, table, region, ring)).stable
}
