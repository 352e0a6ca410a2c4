import type { Clock } from '../model/ports.ts'
import type { Pointer } from '../state/pointers.ts'
import { type Cell, deliver, PointerAheadError } from './cell.ts'
import type { LastKnown } from './last-known.ts'
import type { Release } from './release.ts'

export interface CellStatus {
  region: string
  zone: string
  /** What the region confirmed last; null before. */
  seq: number | null
  bundleDigest: string | null
  directoryDigest: string | null
  confirmedAtMs: number | null
  /** Why it does not have the newest release yet. */
  error: string | null
}

export interface DeliveriesOptions {
  cells: readonly Cell[]
  ring: string
  clock: Clock
  memory: LastKnown
  log: (event: object) => void
}

/** Brings releases to the regions, and remembers what each of them has. */
export function deliveries({ cells, ring, clock, memory, log }: DeliveriesOptions) {
  const statuses = new Map(cells.map(({ region, zone }) => [region, emptyStatus(region, zone)]))
  const statusOf = ({ region, zone }: Cell) => statuses.get(region) ?? emptyStatus(region, zone)

  const bring = async (cell: Cell, release: Release): Promise<{ stale: boolean }> => {
    const before = statusOf(cell)
    const confirmed = before.seq === release.seq && before.error === null
    try {
      const unread = memory.unread(cell.region)
      if (unread !== undefined) throw unread
      const pointer = await deliver(cell, release, { ring, nowMs: clock.now(), confirmed })
      if (before.seq !== release.seq) log({ event: 'confirmed', region: cell.region, seq: release.seq })
      statuses.set(cell.region, confirmedStatus(cell, pointer, before, clock.now()))
      return { stale: false }
    } catch (error) {
      if (before.error === null) log({ event: 'unconfirmed', region: cell.region, seq: release.seq, detail: String(error) })
      statuses.set(cell.region, { ...before, error: error instanceof Error ? error.message : String(error) })
      if (error instanceof PointerAheadError) memory.forget(cell.region)
      return { stale: error instanceof PointerAheadError }
    }
  }

  return {
    /** Settles when each region has confirmed or failed. `stale`: one of them has a higher number, so it can never take this release. */
    async everywhere(release: Release): Promise<{ stale: boolean }> {
      const outcomes = await Promise.all(cells.map((cell) => bring(cell, release)))
      return { stale: outcomes.some(({ stale }) => stale) }
    },
    /** Whether a region has this release. */
    confirmed(cell: Cell, release: Release | undefined): boolean {
      const { seq, error } = statusOf(cell)
      return release !== undefined && seq === release.seq && error === null
    },
    status: () => [...statuses.values()],
  }
}

function emptyStatus(region: string, zone: string): CellStatus {
  return { region, zone, seq: null, bundleDigest: null, directoryDigest: null, confirmedAtMs: null, error: null }
}

function confirmedStatus({ region, zone }: Cell, pointer: Pointer, before: CellStatus, nowMs: number): CellStatus {
  const { bundleDigest, directoryDigest, bundleSeq: seq } = pointer
  const confirmedAtMs = before.bundleDigest === bundleDigest && before.directoryDigest === directoryDigest ? before.confirmedAtMs : nowMs
  return { region, zone, seq, bundleDigest, directoryDigest, confirmedAtMs, error: null }
}
