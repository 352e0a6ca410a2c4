import { monotonicMs } from '../monotonic.ts'
import type { Child } from './child.ts'
import type { CutLinks } from './cuts.ts'
import { type EventLog, nowMs } from './events.ts'
import type { Drift, WorldCommands, WorldMessage } from './world-process.ts'

/** State of a region's Route 53 health check. Wire shape of the control API. */
export interface RegionHealth {
  id: string
  region: string
  state: 'healthy' | 'unhealthy'
  /** Milliseconds since the epoch on the supervisor's clock. */
  since_ms: number
  probing: boolean
}

/** The supervisor's end of the world process. */
export interface WorldLink {
  health(): Promise<RegionHealth[]>
  /** Resolves when the health is as wanted; also when that takes too long, with false. */
  untilHealth(isAsWanted: (health: RegionHealth[]) => boolean, timeoutMs: number): Promise<boolean>
  /** Tokens for the demo traffic, also given to a world that starts again. */
  setTokens(tokens: Record<string, string>): Promise<void>
  received(filter: WorldCommands['received']['args']): Promise<unknown>
  traffic(): Promise<unknown>
  /** Also cut in a world that starts again. */
  cut(links: CutLinks): Promise<void>
  /** The same. */
  setDefinition(drift: Drift): Promise<void>
}

const POLL_MS = 100

/** Puts health changes into the event log as they happen, on the supervisor's clock. */
export function worldLink(world: Child, events: EventLog): WorldLink {
  let held: Record<string, string> = {}
  let links: CutLinks | undefined
  const drifted = new Map<string, Drift>()
  world.onMessage((message) => {
    const told = message as WorldMessage
    // A world that came back knows nothing of what was said to the one before.
    if (told.type === 'running') {
      void world.request('tokens', { tokens: held }).catch(() => {})
      if (links !== undefined) void world.request('cut', { links }).catch(() => {})
      for (const drift of drifted.values()) void world.request('definition', drift).catch(() => {})
    }
    if (told.type !== 'health' || told.change.kind !== 'check' || told.change.region === undefined) return
    const { atMs, region, healthy } = told.change
    events.append({ type: 'health', at_ms: onOurClock(atMs), region, state: stateOf(healthy) })
  })

  const health = async () => {
    const { checks } = (await world.request('health')) as WorldCommands['health']['result']
    return checks.flatMap(({ id, region, healthy, sinceMs }) =>
      region === undefined ? [] : [{ id, region, state: stateOf(healthy), since_ms: onOurClock(sinceMs), probing: true }],
    )
  }

  return {
    health,
    async untilHealth(isAsWanted, timeoutMs) {
      const giveUpAt = monotonicMs() + timeoutMs
      for (;;) {
        if (isAsWanted(await health())) return true
        if (monotonicMs() > giveUpAt) return false
        await new Promise((resolve) => setTimeout(resolve, POLL_MS))
      }
    },
    async setTokens(tokens) {
      held = tokens
      await world.request('tokens', { tokens })
    },
    received: (filter) => world.request('received', filter),
    traffic: () => world.request('traffic'),
    async cut(next) {
      links = next
      await world.request('cut', { links })
    },
    async setDefinition(drift) {
      drifted.set(drift.tool, drift)
      await world.request('definition', drift)
    },
  }
}

const stateOf = (healthy: boolean): RegionHealth['state'] => (healthy ? 'healthy' : 'unhealthy')
/** Both processes read one monotonic clock; its distance to ours is the same at every moment. */
const onOurClock = (monotonic: number) => nowMs() - (monotonicMs() - monotonic)
