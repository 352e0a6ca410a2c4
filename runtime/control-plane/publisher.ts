import type { Clock } from '../model/ports.ts'
import type { Attester, Issuer } from '../policy/directory.ts'
import type { Documents } from '../policy/documents.ts'
import type { PublicJwk } from '../policy/trust.ts'
import type { Cell } from './cell.ts'
import { type CellStatus, deliveries } from './deliveries.ts'
import { nextIssuer } from './issuer-keys.ts'
import { lastKnown, type PublicSigner } from './last-known.ts'
import { planRelease, type Release, type Standing, signRelease, standingOf } from './release.ts'

export interface PublisherOptions {
  cells: readonly Cell[]
  /** Regions by zone, of the whole deployment. */
  zones: Readonly<Record<string, readonly string[]>>
  ring: string
  maxAgeMs: number
  /** How long a token key stays listed after its successor: the longest life of a token, clock skew and propagation. */
  keyOverlapMs: number
  /** Reads the documents anew. Throws with one line a fault. */
  loadDocuments: () => Documents
  wasm: Uint8Array
  signer: PublicSigner
  /** The pinned public keys of the trust root, current and next. */
  trustedKeys?: readonly PublicJwk[]
  clock: Clock
  log: (event: object) => void
}

export interface Publisher {
  /**
   * Reads the documents, signs a release of the next sequence number and delivers it to every region. Regions that
   * cannot take it now get it later (`reconcile`). Resolves when each has confirmed or failed once.
   * @throws DocumentsRefusedError with one line a fault, and nothing is uploaded
   */
  publish(): Promise<Release>
  /**
   * Brings every region to the newest release, whatever happened to its bucket or pointer; publishes the same documents anew where an
   * issuer's keys changed or a new day needs its budget grants.
   */
  reconcile(): Promise<void>
  /** Publishes at once that a kill switch no longer holds, in every zone and for good. Changes nothing else. */
  lift(killId: string): Promise<Release>
  /**
   * Publishes at once without a token key, and never lists it again, whatever KMS says: for a key that somebody else may have.
   * @throws UnknownKeyError when the region has no such key
   */
  removeKey(region: string, kid: string): Promise<Release>
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

export class UnknownKeyError extends Error {
  override name = 'UnknownKeyError'
}

/**
 * The only writer of pointers. It keeps nothing: the next sequence number is one above the highest in any region's pointers, and what
 * has to last stands in the directories. So a rebuilt one goes on where the last stopped.
 */
export function publisher(options: PublisherOptions): Publisher {
  const { cells, clock, signer, log, keyOverlapMs: overlapMs } = options
  const memory = lastKnown(options)
  const regions = deliveries({ ...options, memory })
  let release: Release | undefined
  let refused: string | undefined
  let working: Promise<unknown> = Promise.resolve()

  /** One at a time: two publications at once would take the same number. */
  const alone = <T>(work: () => Promise<T>): Promise<T> => {
    const result = working.then(work)
    working = result.catch(() => {})
    return result
  }

  /** Every region's issuer: its key asked now, its earlier keys and removals as they are known. */
  const gatherIssuers = async (): Promise<Issuer[]> => {
    const asked = await Promise.allSettled(cells.map((cell) => cell.readIssuer()))
    return cells.flatMap((cell, index) => {
      const answer = asked[index]
      const issuer = nextIssuer({
        asked: answer?.status === 'fulfilled' ? answer.value : undefined,
        known: memory.issuer(cell.region),
        removed: memory.removedKeys(cell.region),
        confirmed: regions.confirmed(cell, release),
        nowMs: clock.now(),
        overlapMs,
      })
      return issuer === undefined ? [] : [issuer]
    })
  }

  /** Every region's attestation keys: asked now, else as they are known. */
  const gatherAttesters = async (): Promise<Attester[]> => {
    const asked = await Promise.allSettled(cells.map((cell) => cell.readAttester()))
    return cells.flatMap(({ region }, index) => {
      const answer = asked[index]
      return (answer?.status === 'fulfilled' ? answer.value : memory.attester(region)) ?? []
    })
  }
  const gatherKeys = async (): Promise<Keys> => {
    const [issuers, attesters] = await Promise.all([gatherIssuers(), gatherAttesters()])
    return { issuers, attesters }
  }

  /** What the directories say beside the documents, as of now. */
  const standing = (documents: Documents, keys: Keys): Standing =>
    standingOf({ documents, zones: options.zones, nowMs: clock.now(), ...keys, lifted: memory.lifted(), issued: memory.issued() })

  const read = (): Documents => {
    try {
      return options.loadDocuments()
    } catch (error) {
      throw refusal(error)
    }
  }
  const refusal = (error: unknown): DocumentsRefusedError => {
    refused = error instanceof Error ? error.message : String(error)
    log({ event: 'refused', detail: refused })
    return new DocumentsRefusedError(refused, { cause: error })
  }

  const publishThese = async (documents: Documents): Promise<Release> => {
    await memory.learn(cells)
    const keys = await gatherKeys()
    const seq = Math.max(release?.seq ?? 0, await highestSeq(cells)) + 1
    const plan = planOf(documents, keys, seq)
    release = await signRelease(plan, signer)
    memory.published(release)
    log({ event: 'published', seq, revision: release.revision })
    await regions.everywhere(release)
    return release
  }
  const planOf = (documents: Documents, keys: Keys, seq: number) => {
    const { zones, wasm, maxAgeMs } = options
    try {
      return planRelease({ documents, wasm, zones, standing: standing(documents, keys), seq, nowMs: clock.now(), maxAgeMs })
    } catch (error) {
      throw refusal(error)
    }
  }

  const publish = async () => {
    const documents = read()
    const published = await publishThese(documents)
    refused = undefined
    return published
  }
  /** With the documents in force: what must be said at once waits for nobody to mend theirs. */
  const republish = () => (release === undefined ? publish() : publishThese(release.documents))

  const reconcile = async () => {
    if (release === undefined) return
    await memory.learn(cells)
    // First what a region may just have told: a release without it must not overwrite where it stands.
    const now = standing(release.documents, await gatherKeys())
    if (JSON.stringify(now) !== JSON.stringify(release.standing)) await republish()
    else if ((await regions.everywhere(release)).stale) await republish()
  }

  const removeKey = async (region: string, kid: string) => {
    await memory.learn(cells)
    const issuer = (await gatherIssuers()).find((one) => one.region === region)
    const known = issuer?.removed?.includes(kid) || issuer?.keys.some((key) => key.kid === kid)
    if (known !== true) throw new UnknownKeyError(`region ${region} has no token key of this id`)
    memory.removeKey(region, kid)
    return republish()
  }

  return {
    publish: () => alone(publish),
    reconcile: () => alone(reconcile),
    lift: (killId) =>
      alone(() => {
        memory.lift(killId)
        return republish()
      }),
    removeKey: (region, kid) => alone(() => removeKey(region, kid)),
    current: () => release,
    refused: () => refused,
    status: regions.status,
  }
}

/** The regions' public keys that directories list. */
type Keys = Pick<Standing, 'issuers' | 'attesters'>

/** Over every pointer that any reachable region's replica has: also those of regions that are away. */
async function highestSeq(cells: readonly Cell[]): Promise<number> {
  const reads = await Promise.allSettled(cells.map(async (cell) => await Promise.all(cells.map(({ region }) => cell.readPointers(region)))))
  const pointers = reads.flatMap((read) => (read.status === 'fulfilled' ? read.value : []))
  const seqs = pointers.flatMap(({ stable, candidate }) => [stable?.bundleSeq, stable?.directorySeq, candidate?.bundleSeq])
  return Math.max(0, ...seqs.map((seq) => seq ?? 0))
}
