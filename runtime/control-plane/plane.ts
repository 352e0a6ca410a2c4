import { STAGES, type Stage } from '../../config/stages.ts'
import type { Clock, ObjectArchive } from '../model/ports.ts'
import type { PublicJwk } from '../policy/trust.ts'
import type { ReplayResult } from '../state/replays.ts'
import type { Cell } from './cell.ts'
import { type Couriers, couriers as startCouriers } from './delivery/couriers.ts'
import { isPlausible } from './delivery/deliver.ts'
import { type DirectoryKeeper, directoryKeeper } from './directory/keeper.ts'
import { createEngine, type Engine } from './engine.ts'
import { createKernel, type Kernel } from './kernel.ts'
import { lastKnown, type PublicSigner } from './last-known.ts'
import { createPublishing, type Publishing, renewedState } from './publishing.ts'
import { createReleases, type Releases } from './releases.ts'
import { type Counts, countsOf, since } from './rollout/counts.ts'
import { awaits, countsByRegion, type RolloutSettings } from './rollout/step.ts'
import { targetIn } from './rollout/targets.ts'
import type { View } from './rollout/view.ts'
import { regionKeys } from './standing.ts'
import { type Ledger, openLedger } from './store/ledger.ts'
import { openRegistry, type Registry } from './store/registry.ts'
import { openShelf, type Shelf } from './store/shelf.ts'

export interface PlaneOptions {
  cells: readonly Cell[]
  /** Regions by zone, of the whole deployment. */
  zones: Readonly<Record<string, readonly string[]>>
  /** Regions of `zones` that have no cell yet. Default: none. */
  absent?: readonly string[]
  /** How far the migration is. Default: the last stage, which softens nothing. */
  stage?: Stage
  ring: string
  /** Of two control planes, regions obey the one with the higher term. Default: 1. */
  term?: number
  /** Name of the store's bucket: of two with one term, a region obeys the first. Default: `store`. */
  storeName?: string
  /** The versioned bucket of the control account. */
  store: ObjectArchive
  signer: PublicSigner
  /** The pinned public keys of the trust root, current and next. */
  trustedKeys?: readonly PublicJwk[]
  maxAgeMs: number
  renewEveryMs: number
  keyOverlapMs: number
  rollout: RolloutSettings & {
    canarySharePercent: number
    maxNewDenyPercent: number
    /** Where canaries are preferred, in this order. */
    canaryRegions: readonly string[]
  }
  /** Author and publisher of a revision have to be two people. */
  twoPeople: boolean
  clock: Clock
  log: (event: object) => void
}

/** The control plane without process, port and API. It keeps nothing that is not in its store or in the regions. */
export interface Plane {
  kernel: Kernel
  ledger: Ledger
  shelf: Shelf
  registry: Registry
  releases: Releases
  directory: DirectoryKeeper
  publishing: Publishing
  engine: Engine
  couriers: Couriers
  view(): View
  /** Whether a rollout is under way whose stage is about this region's gateways. */
  awaits(region: string): boolean
  replays: Map<string, Map<string, ReplayResult>>
  /** Reads where the store and the regions stand. @throws StoreDamagedError */
  open(): Promise<void>
  /** Asks every region's KMS for its keys. @returns whether all have shown all of them */
  refreshKeys(): Promise<boolean>
  /** What directories say beside number and dates; undefined before it was worked out. */
  standing(): ReturnType<Engine['standing']>
  /** Remembers what the regions do now, to measure a later rollout against. */
  sample(): void
  /** One round of all that the control plane does of itself, to its end: what a test waits for instead of a clock. */
  settle(): Promise<void>
}

const LAST_STAGE = STAGES[STAGES.length - 1] as Stage

export function createPlane(options: PlaneOptions): Plane {
  const { cells, zones, absent = [], stage = LAST_STAGE, ring, store, signer, clock, log, maxAgeMs } = options
  const memory = lastKnown({ signer, clock, ...(options.trustedKeys && { trustedKeys: options.trustedKeys }) })
  const shelf = openShelf(store)
  const ledger = openLedger(store)
  const registry = openRegistry(store, shelf)
  const kernel = createKernel(ledger, { clock, log })
  const releases = createReleases({ registry, shelf, signer, zones, maxAgeMs, clock })
  const replays = new Map<string, Map<string, ReplayResult>>()
  let taken = 0
  const floor = () => {
    const { bundle, directory } = couriers.ahead()
    return Math.max(taken, bundle, directory)
  }

  const couriers = startCouriers({
    ...{ cells, ring, clock, memory, log, term: options.term ?? 1, storeName: options.storeName ?? 'store' },
    targetOf: (cell) => targetIn(kernel.state(), cell, options.rollout.canarySharePercent),
    catchUp: kernel.catchUp,
    bytesOf: shelf.get,
  })
  const view = (): View => {
    const errors = new Map(couriers.status().map(({ region, error }) => [region, error ?? undefined]))
    const stage = kernel.state().rollout?.stages.find(({ kind }) => kind === 'replay')
    return {
      regions: cells.map(({ region }) => ({ region, reports: couriers.reports(region), error: errors.get(region) })),
      replays: (stage?.kind === 'replay' ? replays.get(stage.id) : undefined) ?? new Map(),
    }
  }
  const lately = recentCounts(view, clock)
  const directory = directoryKeeper({
    ...{ kernel, ledger, shelf, releases, zones, stage, clock },
    resigned: async (state, next) =>
      state.active === null ? state : renewedState(state, state.active, releases, next, Math.max(state.seq, floor()) + 1),
  })
  const directoryNow = async () => (await directory.of(kernel.state())).state
  const publishing = createPublishing({
    ...{ kernel, releases, cells, view, floor, clock, directory: directoryNow },
    before: lately.before,
    acts: ledger.acts,
    twoPeople: options.twoPeople,
    canaryRegions: options.rollout.canaryRegions,
    maxNewDenyPercent: options.rollout.maxNewDenyPercent,
  })
  const keys = regionKeys({
    ...{ cells, memory, clock, keyOverlapMs: options.keyOverlapMs },
    confirmed: ({ region }) => {
      const seq = kernel.state().signedDirectories?.seq
      return seq !== undefined && couriers.hasDirectory(region, seq)
    },
  })
  const engine = createEngine({
    ...{
      kernel,
      releases,
      keys,
      memory,
      couriers,
      cells,
      zones,
      absent,
      stage,
      clock,
      view,
      replays,
      floor,
      log,
      directory: directoryNow,
      bytesOf: shelf.get,
    },
    settings: options.rollout,
    keyId: signer.keyId,
    renewEveryMs: options.renewEveryMs,
  })

  return {
    ...{ kernel, ledger, shelf, registry, releases, directory, publishing, engine, couriers, view, replays },
    async open() {
      kernel.changed(() => void directory.of(kernel.state()).catch((error: unknown) => log({ event: 'failed', detail: String(error) })))
      await kernel.catchUp()
      await directory.of(kernel.state())
      await memory.learn(cells)
      taken = await highestSeq(cells, kernel.state().seq)
    },
    refreshKeys: keys.refresh,
    standing: engine.standing,
    awaits(region) {
      const { rollout } = kernel.state()
      return rollout !== null && awaits(rollout, region)
    },
    sample: () => lately.sample(kernel.state().active?.revision),
    async settle() {
      await keys.refresh()
      await couriers.round()
      await engine.signDirectories()
      await engine.renew()
      await couriers.round()
      await engine.collectReplays()
      lately.sample(kernel.state().active?.revision)
      await engine.stepRollout()
      await couriers.round()
    },
  }
}

/** Over every pointer that any reachable region's replica has: also those of regions that are away. One that cannot be read hides no other. */
async function highestSeq(cells: readonly Cell[], knownSeq: number): Promise<number> {
  const reads = await Promise.allSettled(cells.flatMap((cell) => cells.map(async ({ region }) => await cell.readPointers(region))))
  const pointers = reads.flatMap((read) => (read.status === 'fulfilled' ? read.value : []))
  const seqs = pointers.flatMap(({ stable, candidate }) => [stable?.bundleSeq, stable?.directorySeq, candidate?.bundleSeq])
  return Math.max(0, ...seqs.flatMap((seq) => (seq !== undefined && isPlausible(seq, knownSeq) ? seq : [])))
}

const SAMPLE_EVERY_MS = 30_000
const SAMPLES = 20

/** What regions did in the last ten minutes or so: what comes before a rollout, and not what was a week ago. */
function recentCounts(view: () => View, clock: Clock) {
  let samples: { atMs: number; revision: string; counts: Record<string, Counts> }[] = []
  return {
    sample(revision: string | undefined) {
      if (revision === undefined) return
      const last = samples.at(-1)
      if (last !== undefined && last.revision === revision && clock.monotonic() - last.atMs < SAMPLE_EVERY_MS) return
      if (last?.revision !== revision) samples = []
      samples = [...samples, { atMs: clock.monotonic(), revision, counts: countsByRegion(view(), revision) }].slice(-SAMPLES)
    },
    /** Where nothing was sampled yet it is all that the gateways have counted. */
    before(revision: string): Record<string, Counts> {
      const oldest = samples[0]?.revision === revision && samples.length > 1 ? samples[0].counts : {}
      return Object.fromEntries(
        view().regions.map(({ region, reports }) => {
          const now = countsOf(reports, revision)
          const then = oldest[region]
          return [region, then === undefined ? now : since(now, then)]
        }),
      )
    },
  }
}
