import { isDeepStrictEqual } from 'node:util'
import type { Clock } from '../../model/ports.ts'
import type { FleetReport } from '../../state/fleet.ts'
import { bundleKey } from '../../state/pointers.ts'
import type { Cell } from '../cell.ts'
import type { LastKnown } from '../last-known.ts'
import { type Ahead, deliver, PointerAheadError, SupersededError, type Target } from './deliver.ts'

export interface CellStatus {
  region: string
  zone: string
  /** What the region confirmed last; null before. */
  seq: number | null
  directorySeq: number | null
  bundleDigest: string | null
  directoryDigest: string | null
  confirmedAtMs: number | null
  /** Why it does not have yet what it should. */
  error: string | null
}

export interface CouriersOptions {
  cells: readonly Cell[]
  ring: string
  /** Of this control plane. */
  term: number
  /** Name of its store. */
  storeName: string
  clock: Clock
  memory: LastKnown
  /** What a region is to have now; undefined while nothing is published. */
  targetOf: (cell: Cell) => Target | undefined
  /** Reads what other processes have decided since: a region may have been told by one of them. */
  catchUp: () => Promise<void>
  bytesOf: (digest: string) => Promise<Uint8Array>
  log: (event: object) => void
}

/** Brings every region what it is to have, each at its own pace: one that is away holds up nobody. */
export interface Couriers {
  /** One round to every region. Settles when each has confirmed or failed. */
  round(): Promise<void>
  /** One round to each of these regions that is to have something else than it has confirmed. Default: to all such. */
  tell(among?: (region: string) => boolean): Promise<void>
  /** One round to one region, begun after this call. */
  bring(region: string): Promise<void>
  /** Regions whose directory has been read by now. */
  learnt(): string[]
  /**
   * These may be delivered to: what their directories said stands in those that were signed since. Before that a delivery could overwrite the
   * only place that knows of a removed key.
   */
  admit(regions: readonly string[]): void
  status(): CellStatus[]
  /** What the region's gateways said last; empty when it has not answered for some seconds. */
  reports(region: string): readonly FleetReport[]
  /** Whether the region has confirmed this directory. */
  hasDirectory(region: string, seq: number): boolean
  /** Whether the region's bucket is known to hold this bundle. */
  holds(region: string, digest: string): boolean
  /** The highest numbers found in a region that are above what it was to get, though nobody of this control plane has brought it that. */
  ahead(): Ahead
  /**
   * Whether a newer control plane has taken this one's place: every region that answers obeys it. One region alone is believed for itself only:
   * whoever has taken it over must not stop what the others get.
   */
  superseded(): boolean
}

/** A bucket is compared again with what it is known to hold after this: it may have lost an object. */
const HELD_MS = 60_000
/** A region that does not answer for a moment is not silent: a request that fails may take two seconds, and so may the next. */
const HEARD_MS = 10_000

export function couriers({ cells, ring, term, storeName, clock, memory, targetOf, catchUp, bytesOf, log }: CouriersOptions): Couriers {
  const rounds = new Map(cells.map((cell) => [cell.region, courier(cell)]))
  let ahead: Ahead = { bundle: 0, directory: 0 }

  function courier(cell: Cell) {
    const { region, zone } = cell
    let status: CellStatus = {
      ...{ region, zone, seq: null, directorySeq: null, bundleDigest: null, directoryDigest: null, confirmedAtMs: null, error: null },
    }
    let reports: readonly FleetReport[] = []
    let heardAt = clock.monotonic()
    let held = { since: clock.monotonic(), keys: new Set<string>() }
    let confirmed: Target | undefined
    let [learnt, admitted, superseded, failing] = [false, false, false, false]
    let underway: Promise<void> | undefined
    let queued: Promise<void> | undefined

    const once = async () => {
      try {
        if (memory.unread(region) !== undefined) await learn()
        if (admitted) await giveNewest()
        reports = await cell.readFleet()
        heardAt = clock.monotonic()
        failing = false
      } catch (error) {
        if (clock.monotonic() - heardAt > HEARD_MS) reports = []
        failed(error)
      }
    }
    const learn = async () => {
      admitted = false
      await memory.learn([cell])
      const unread = memory.unread(region)
      if (unread !== undefined) throw unread
      learnt = true
    }
    const giveNewest = async () => {
      for (let target = targetOf(cell); target !== undefined; ) {
        try {
          return await give(target)
        } catch (error) {
          if (!(error instanceof PointerAheadError)) throw error
          // Ahead of what is known here, and perhaps not of what another process has decided meanwhile.
          await catchUp()
          const newest = targetOf(cell)
          if (isDeepStrictEqual(newest, target)) throw error
          target = newest
        }
      }
    }
    const give = async (target: Target) => {
      if (clock.monotonic() - held.since > HELD_MS) held = { since: clock.monotonic(), keys: new Set() }
      await deliver(cell, target, { term, store: storeName, ring, nowMs: clock.now(), held: held.keys, bytesOf })
      superseded = false
      confirmed = target
      const { bundle, directory } = target
      const known = status.bundleDigest === bundle.digest && status.directoryDigest === directory.digest
      if (!known || status.error !== null) log({ event: 'confirmed', region, seq: bundle.seq, directory_seq: directory.seq })
      status = {
        ...{ region, zone, seq: bundle.seq, directorySeq: directory.seq, bundleDigest: bundle.digest, directoryDigest: directory.digest },
        confirmedAtMs: known ? status.confirmedAtMs : clock.now(),
        error: null,
      }
    }
    const failed = (error: unknown) => {
      failing = true
      confirmed = undefined
      const before = superseded
      superseded = error instanceof SupersededError
      if (superseded ? !before : status.error === null)
        log({ event: superseded ? 'superseded' : 'unconfirmed', region, detail: String(error) })
      status = { ...status, error: error instanceof Error ? error.message : String(error) }
      held.keys.clear()
      if (!(error instanceof PointerAheadError)) return
      ahead = { bundle: Math.max(ahead.bundle, error.ahead.bundle), directory: Math.max(ahead.directory, error.ahead.directory) }
      memory.forget(region)
      learnt = false
    }
    /** A round that is under way may have begun before what there is to bring now: then another follows it. */
    const bring = (): Promise<void> => {
      if (underway === undefined) {
        underway = once().finally(() => {
          underway = undefined
        })
        return underway
      }
      queued ??= underway.then(() => {
        queued = undefined
        return bring()
      })
      return queued
    }
    return {
      bring,
      isBehind: () => !isDeepStrictEqual(targetOf(cell), confirmed),
      status: () => status,
      reports: () => reports,
      superseded: () => superseded,
      failing: () => failing,
      holds: (digest: string) => held.keys.has(bundleKey(digest)),
      learnt: () => learnt || memory.unread(region) === undefined,
      admit() {
        admitted = true
      },
    }
  }

  return {
    round: async () => void (await Promise.all([...rounds.values()].map((one) => one.bring()))),
    async tell(among = () => true) {
      const behind = [...rounds].filter(([region, one]) => among(region) && one.isBehind())
      await Promise.all(behind.map(([, one]) => one.bring()))
    },
    bring: async (region) => rounds.get(region)?.bring(),
    status: () => [...rounds.values()].map((one) => one.status()),
    reports: (region) => rounds.get(region)?.reports() ?? [],
    hasDirectory(region, seq) {
      const status = rounds.get(region)?.status()
      return status?.error === null && status.directorySeq === seq
    },
    learnt: () => [...rounds].flatMap(([region, one]) => (one.learnt() ? [region] : [])),
    admit: (regions) => {
      for (const region of regions) rounds.get(region)?.admit()
    },
    holds: (region, digest) => rounds.get(region)?.holds(digest) ?? false,
    ahead: () => ahead,
    superseded: () => {
      // By its last round, not by its status: a region that is back is given nothing before its directory was signed for, and has its error until then.
      const all = [...rounds.values()]
      return all.some((one) => one.superseded()) && all.every((one) => one.superseded() || one.failing())
    },
  }
}
