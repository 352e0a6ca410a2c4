import type { Clock } from '../model/ports.ts'
import type { Issuer } from '../policy/directory.ts'
import type { Documents } from '../policy/documents.ts'
import type { Pointer } from '../state/pointers.ts'
import { type Cell, deliver, PointerAheadError } from './cell.ts'
import { lastKnownIssuers, type PublicSigner } from './issuers.ts'
import { planRelease, type Release, signRelease } from './release.ts'

export interface PublisherOptions {
  cells: readonly Cell[]
  /** Regions by zone, of the whole deployment. */
  zones: Readonly<Record<string, readonly string[]>>
  ring: string
  maxAgeMs: number
  /** Reads the documents anew. Throws with one line a fault. */
  loadDocuments: () => Documents
  wasm: Uint8Array
  signer: PublicSigner
  clock: Clock
  log: (event: object) => void
}

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

export interface Publisher {
  /**
   * Reads the documents, signs a release of the next sequence number and delivers it to every region. Regions that
   * cannot take it now get it later (`reconcile`). Resolves when each has confirmed or failed once.
   * @throws DocumentsRefusedError with one line a fault, and nothing is uploaded
   */
  publish(): Promise<Release>
  /** Brings every region to the newest release, whatever happened to its bucket or pointer; publishes anew where an issuer's key changed. */
  reconcile(): Promise<void>
  /** The newest release; undefined before the first. */
  current(): Release | undefined
  /** Why the last attempt was refused; undefined when it was not. */
  refused(): string | undefined
  status(): CellStatus[]
}

/** The documents or tenants cannot be published as they are. */
export class DocumentsRefusedError extends Error {
  override name = 'DocumentsRefusedError'
}

/**
 * The only writer of pointers. It keeps nothing: the next sequence number is one above the highest in any region's
 * pointers, and the keys of a region that is away are those of the last directory. So a rebuilt one goes on where the last stopped.
 */
export function publisher(options: PublisherOptions): Publisher {
  const { cells, clock, signer, log } = options
  const deliveries = deliverTo(options)
  let release: Release | undefined
  let refused: string | undefined
  let working: Promise<unknown> = Promise.resolve()

  /** One at a time: two publications at once would take the same number. */
  const alone = <T>(work: () => Promise<T>): Promise<T> => {
    const result = working.then(work)
    working = result.catch(() => {})
    return result
  }

  const plan = (issuers: readonly Issuer[], seq: number) => {
    const { zones, wasm, maxAgeMs } = options
    try {
      const planned = planRelease({ documents: options.loadDocuments(), wasm, zones, issuers, seq, nowMs: clock.now(), maxAgeMs })
      refused = undefined
      return planned
    } catch (error) {
      refused = error instanceof Error ? error.message : String(error)
      log({ event: 'refused', detail: refused })
      throw new DocumentsRefusedError(refused, { cause: error })
    }
  }

  const publish = async () => {
    const issuers = await gatherIssuers(options, release)
    const seq = Math.max(release?.seq ?? 0, await highestSeq(cells)) + 1
    release = await signRelease(plan(issuers, seq), signer)
    log({ event: 'published', seq, revision: release.revision })
    await deliveries.everywhere(release)
    return release
  }

  const reconcile = async () => {
    if (release === undefined) return
    const { ahead } = await deliveries.everywhere(release)
    const issuers = await gatherIssuers(options, release)
    if (ahead || JSON.stringify(issuers) !== JSON.stringify(release.issuers)) await publish()
  }

  return {
    publish: () => alone(publish),
    reconcile: () => alone(reconcile),
    current: () => release,
    refused: () => refused,
    status: deliveries.status,
  }
}

/** Brings releases to the regions, and remembers what each of them has. */
function deliverTo({ cells, ring, clock, log }: PublisherOptions) {
  const statuses = new Map(cells.map(({ region, zone }) => [region, emptyStatus(region, zone)]))

  const bring = async (cell: Cell, release: Release): Promise<{ ahead: boolean }> => {
    const before = statuses.get(cell.region) ?? emptyStatus(cell.region, cell.zone)
    const confirmed = before.seq === release.seq && before.error === null
    try {
      const pointer = await deliver(cell, release, { ring, nowMs: clock.now(), confirmed })
      if (before.seq !== release.seq) log({ event: 'confirmed', region: cell.region, seq: release.seq })
      statuses.set(cell.region, confirmedStatus(cell, pointer, before, clock.now()))
      return { ahead: false }
    } catch (error) {
      if (before.error === null) log({ event: 'unconfirmed', region: cell.region, seq: release.seq, detail: String(error) })
      statuses.set(cell.region, { ...before, error: error instanceof Error ? error.message : String(error) })
      return { ahead: error instanceof PointerAheadError }
    }
  }

  return {
    /** Settles when each region has confirmed or failed. `ahead`: one of them has a higher number, so it can never take this release. */
    async everywhere(release: Release): Promise<{ ahead: boolean }> {
      const outcomes = await Promise.all(cells.map((cell) => bring(cell, release)))
      return { ahead: outcomes.some(({ ahead }) => ahead) }
    },
    status: () => [...statuses.values()],
  }
}

/** Every region's issuer: asked now, else as the last release or the last directory found in any region has it. */
async function gatherIssuers({ cells, ring, signer, clock }: PublisherOptions, release: Release | undefined): Promise<Issuer[]> {
  const asked = await Promise.allSettled(cells.map((cell) => cell.readIssuer()))
  const missing = asked.some(({ status }) => status === 'rejected')
  const known = !missing ? [] : (release?.issuers ?? (await lastKnownIssuers(cells, ring, signer, clock.now())))
  return asked.flatMap((answer, index) => {
    if (answer.status === 'fulfilled') return [answer.value]
    const last = known.find(({ region }) => region === cells[index]?.region)
    return last === undefined ? [] : [last]
  })
}

/** Over every pointer that any reachable region's replica has: also those of regions that are away. */
async function highestSeq(cells: readonly Cell[]): Promise<number> {
  const reads = await Promise.allSettled(
    cells.map(async (cell) => (await Promise.all(cells.map(({ region }) => cell.readPointers(region)))).flat()),
  )
  const pointers = reads.flatMap((read) => (read.status === 'fulfilled' ? read.value : []))
  return Math.max(0, ...pointers.flatMap(({ bundleSeq, directorySeq }) => [bundleSeq, directorySeq]))
}

function emptyStatus(region: string, zone: string): CellStatus {
  return { region, zone, seq: null, bundleDigest: null, directoryDigest: null, confirmedAtMs: null, error: null }
}

function confirmedStatus({ region, zone }: Cell, pointer: Pointer, before: CellStatus, nowMs: number): CellStatus {
  const { bundleDigest, directoryDigest, bundleSeq: seq } = pointer
  const confirmedAtMs = before.bundleDigest === bundleDigest && before.directoryDigest === directoryDigest ? before.confirmedAtMs : nowMs
  return { region, zone, seq, bundleDigest, directoryDigest, confirmedAtMs, error: null }
}
