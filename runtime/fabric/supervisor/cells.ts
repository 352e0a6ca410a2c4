import type { Child } from './child.ts'
import { nowMs } from './events.ts'

/** One region's processes, in the order of their start. */
export interface LocalCell {
  region: string
  zone: string
  children: readonly Child[]
}

export interface KilledRegion {
  at_ms: number
  done_at_ms: number
  killed: { name: string; pid: number }[]
}

export interface RestoredRegion {
  at_ms: number
  ready_at_ms: number
  started: { name: string; pid: number | undefined }[]
}

/** The control plane can be lost like a region; it serves no zone. */
export const CONTROL_PLANE = 'control-plane'

/** What is asked cannot be done as things stand. */
export class WrongStateError extends Error {
  override name = 'WrongStateError'
}

export interface RegionFaults {
  state(region: string): 'up' | 'starting' | 'down'
  /**
   * SIGKILL to every process of a region at once; none of them comes back before `restore`.
   * @param restoreAfterMs a dead man's switch, for when whoever asked dies first
   * @throws WrongStateError when the region is not up
   */
  kill(region: string, restoreAfterMs?: number): Promise<KilledRegion>
  /** Starts what was killed; settles when the gateway is ready. Does nothing to a region that is up. */
  restore(region: string): Promise<RestoredRegion>
  close(): void
}

/** @param cells must contain every region that is named later */
export function regionFaults(cells: readonly LocalCell[], report: (line: string) => void): RegionFaults {
  const switches = new Map<string, NodeJS.Timeout>()
  const restoring = new Map<string, Promise<RestoredRegion>>()

  const cellOf = (region: string) => {
    const cell = cells.find((candidate) => candidate.region === region)
    if (cell === undefined) throw new WrongStateError(`region ${region} does not run here`)
    return cell
  }

  const state = (region: string) => {
    const states = cellOf(region).children.map((child) => child.state())
    if (states.every((one) => one === 'up')) return 'up'
    return states.includes('starting') || restoring.has(region) ? 'starting' : 'down'
  }

  const disarm = (region: string) => {
    clearTimeout(switches.get(region))
    switches.delete(region)
  }

  const start = async (region: string): Promise<RestoredRegion> => {
    const at = nowMs()
    const down = cellOf(region).children.filter((child) => child.state() === 'down')
    // In order: a gateway without its tables would only wait for them.
    for (const child of down) await child.start()
    return { at_ms: at, ready_at_ms: nowMs(), started: down.map((child) => ({ name: child.spec.name, pid: child.pid() })) }
  }

  const restore = (region: string) => {
    disarm(region)
    const underway = restoring.get(region) ?? start(region).finally(() => restoring.delete(region))
    restoring.set(region, underway)
    return underway
  }

  return {
    state,
    restore: async (region) => {
      cellOf(region)
      return await restore(region)
    },
    async kill(region, restoreAfterMs) {
      const { children } = cellOf(region)
      if (state(region) !== 'up') throw new WrongStateError(`region ${region} is ${state(region)}, not up`)
      const at = nowMs()
      // All signals go out before the first end is waited for.
      const exits = await Promise.all(children.map(async (child) => ({ name: child.spec.name, exit: await child.kill() })))
      report(`${region} was killed, as it was asked for`)
      if (restoreAfterMs !== undefined) {
        const late = () => {
          report(`${region} comes back: whoever killed it has not`)
          restore(region).catch((error: Error) => report(error.message))
        }
        switches.set(region, setTimeout(late, restoreAfterMs))
      }
      const killed = exits.flatMap(({ name, exit }) => (exit === undefined ? [] : [{ name, pid: exit.pid, atMs: exit.atMs }]))
      return {
        at_ms: at,
        done_at_ms: Math.max(at, ...killed.map(({ atMs }) => atMs)),
        killed: killed.map(({ name, pid }) => ({ name, pid })),
      }
    },
    close: () => {
      for (const region of switches.keys()) disarm(region)
    },
  }
}
