import { randomUUID } from 'node:crypto'
import type { Clock } from '../model/ports.ts'
import { bundleKey } from '../state/pointers.ts'
import type { ReplayResult } from '../state/replays.ts'
import type { Cell } from './cell.ts'
import type { DirectoryState } from './directory/state.ts'
import { PlaneError } from './errors.ts'
import type { Releases } from './releases.ts'
import { REPLAY_SEQ } from './store/plane-state.ts'
import type { Shelf } from './store/shelf.ts'

export interface ReplayRequest {
  revision: string
  sinceMs: number
  limit: number
  /** Undefined: all. */
  regions: readonly string[] | undefined
}

export interface ReplayStatus {
  id: string
  revision: string
  /** Null: no answer yet. A region that could not be asked has answered with an error. */
  regions: readonly { region: string; result: ReplayResult | null }[]
}

/** What would a revision have decided? Asked of each region about what it recorded itself. */
export interface Replaying {
  /** @throws PlaneError not_found for a revision or region that is not there */
  order(request: ReplayRequest): Promise<string>
  /** @throws PlaneError not_found */
  status(id: string): Promise<ReplayStatus>
}

const REPLAY_AGE_MS = 3_600_000
/** Requests that are remembered. */
const KEPT = 50

export interface ReplayingOptions {
  cells: readonly Cell[]
  releases: Releases
  shelf: Shelf
  directory: () => Promise<DirectoryState>
  clock: Clock
}

export function createReplaying({ cells, releases, shelf, directory, clock }: ReplayingOptions): Replaying {
  const requests = new Map<string, { revision: string; failed: Map<string, ReplayResult>; cells: readonly Cell[] }>()

  const ask = async (cell: Cell, id: string, { revision, sinceMs, limit }: ReplayRequest, bundleDigest: string) => {
    await cell.objects.put(bundleKey(bundleDigest), await shelf.get(bundleDigest))
    await cell.orderReplay({ id, region: cell.region, bundleDigest, revision, sinceMs, limit, orderedAtMs: clock.now() })
  }

  return {
    async order(request) {
      const { revision, regions } = request
      const unknown = regions?.find((region) => !cells.some((cell) => cell.region === region))
      if (unknown !== undefined) throw new PlaneError('not_found', `there is no region ${unknown}`)
      const release = await releases.sign(revision, await directory(), REPLAY_SEQ, REPLAY_AGE_MS)
      const id = randomUUID()
      const asked = cells.filter(({ region }) => regions?.includes(region) ?? true)
      const failed = new Map<string, ReplayResult>()
      await Promise.all(
        asked.map(async (cell) => {
          const digest = release.zones[cell.zone]?.bundle
          try {
            if (digest === undefined) throw new Error(`the revision has no bundle for zone ${cell.zone}`)
            await ask(cell, id, request, digest)
          } catch (error) {
            failed.set(cell.region, unanswered(id, cell.region, `the region could not be asked: ${(error as Error).message}`))
          }
        }),
      )
      requests.set(id, { revision, failed, cells: asked })
      for (const [oldest] of requests) if (requests.size > KEPT) requests.delete(oldest)
      return id
    },

    async status(id) {
      const request = requests.get(id)
      if (request === undefined)
        throw new PlaneError('not_found', 'there is no such replay; they are forgotten when the control plane starts anew')
      const results = await Promise.all(
        request.cells.map(async (cell) => {
          const result = request.failed.get(cell.region) ?? (await cell.readReplay(id).catch(() => undefined))
          return { region: cell.region, result: result ?? null }
        }),
      )
      return { id, revision: request.revision, regions: results }
    },
  }
}

function unanswered(id: string, region: string, error: string): ReplayResult {
  const none = { replayed: 0, unanswerable: 0, changes: {}, newDenies: 0, newApprovals: 0, loosened: 0 }
  return { id, region, error, ...none, rules: {}, tools: {}, tenants: {}, decisionIds: {}, tookMs: 0 }
}
