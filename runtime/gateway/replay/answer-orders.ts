import type { Clock } from '../../model/ports.ts'
import { emptyTally } from '../../policy/replay/tally.ts'
import { TrustError } from '../../policy/trust.ts'
import type { ReplayClaim } from '../../state/replay-claim.ts'
import type { ReplayOrder, ReplayResult, Replays } from '../../state/replays.ts'
import type { ActivePolicy } from '../active-policy.ts'
import type { Recordings } from '../recording/recordings.ts'
import type { RecordingKeys } from '../recording/sealed.ts'
import { repeat } from '../region/repeat.ts'
import { type StoredBundles, storedBundle } from '../stored-bundle.ts'
import type { StartChild } from './children.ts'
import { runReplay } from './run.ts'

export interface ReplayOrdersOptions {
  region: string
  replays: Pick<Replays, 'open' | 'answer'>
  claim: ReplayClaim
  bundles: StoredBundles
  recordings: Recordings
  keys: RecordingKeys
  active: () => Pick<ActivePolicy, 'zones'> | undefined
  startChild: StartChild
  clock: Clock
  log: (event: object) => void
  /** How often the claim is renewed while a replay runs. */
  renewMs?: number
  processes?: number
}

export interface ReplayOrders {
  /** One look for orders, and the work on one of them. Never rejects. */
  look(): Promise<void>
  /** @returns ends what runs, and gives the order back for another process to take */
  start(intervalMs: number): () => Promise<void>
}

/** The longest that one order may keep the cores. */
const RUN_MS = 15 * 60_000
const RENEW_MS = 5000

/** Takes up orders of replays for this region and answers each one once: with numbers and names, or with why there are none. */
export function replayOrders(options: ReplayOrdersOptions): ReplayOrders {
  const { region, replays, claim, log, active, renewMs = RENEW_MS } = options
  const stopping = new AbortController()

  const answer = async (order: ReplayOrder, zones: ActivePolicy['zones']) => {
    const lost = new AbortController()
    const renewing = setInterval(() => {
      // A table that is away for a moment takes nothing from us; another process that has taken over does.
      claim.renew(order.id).then(
        (ours) => !ours && lost.abort(),
        () => {},
      )
    }, renewMs)
    try {
      const signal = AbortSignal.any([stopping.signal, lost.signal, AbortSignal.timeout(RUN_MS)])
      const result = await resultOf(order, zones, signal, options)
      // Whoever goes on with it answers it.
      if (stopping.signal.aborted || lost.signal.aborted) return
      await replays.answer(result)
      log({ event: 'replayed', id: order.id, replayed: result.replayed, tookMs: result.tookMs, error: result.error })
    } finally {
      clearInterval(renewing)
      await claim.release(order.id)
    }
  }

  const look = async () => {
    const policy = active()
    if (policy === undefined) return
    try {
      const [order] = await replays.open(region)
      if (order === undefined || !(await claim.take(order.id))) return
      await answer(order, policy.zones)
    } catch (error) {
      log({ event: 'replay_failed', detail: String(error) })
    }
  }

  return {
    look,
    start(intervalMs) {
      const stop = repeat(look, intervalMs)
      return async () => {
        stopping.abort()
        await stop()
      }
    },
  }
}

async function resultOf(
  order: ReplayOrder,
  zones: ActivePolicy['zones'],
  signal: AbortSignal,
  { region, bundles, recordings, keys, startChild, clock, processes }: ReplayOrdersOptions,
): Promise<ReplayResult> {
  const startMs = clock.monotonic()
  const ended = (error: string | null, tally = emptyTally()): ReplayResult => ({
    id: order.id,
    region,
    error,
    ...tally,
    tookMs: Math.round(clock.monotonic() - startMs),
  })
  try {
    const { wasm, agents, tools, revision } = await storedBundle(order.bundleDigest, clock.now(), bundles)
    if (revision !== order.revision) return ended(`the bundle is revision ${revision}, the order is about ${order.revision}`)
    const briefing = { wasm, agents, tools, zones, keys: await keys(), sinceMs: order.sinceMs }
    const run = { recordings, briefing, limit: order.limit, startChild, signal, ...(processes !== undefined && { processes }) }
    const { tally, unreadable } = await runReplay(run)
    return ended(unreadableText(unreadable), tally)
  } catch (error) {
    return ended(error instanceof TrustError ? `${error.code}: ${error.message}` : (error as Error).message)
  }
}

/** What could not be read might have been what would change: the numbers stand, and nobody may take them for complete. */
function unreadableText(unreadable: Readonly<Record<string, number>>): string | null {
  const faults = Object.entries(unreadable).map(([fault, objects]) => `${objects} ${fault}`)
  return faults.length === 0 ? null : `recorded objects could not be read: ${faults.join(', ')}`
}
