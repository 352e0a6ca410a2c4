import type { Clock, Signer } from '../model/ports.ts'
import { type Attester, type Directory, type Grant, type Issuer, verifyDirectory } from '../policy/directory.ts'
import { type PublicJwk, parseTrustRoot, TrustError } from '../policy/trust.ts'
import { directoryKey } from '../state/pointers.ts'
import type { Cell } from './cell.ts'
import { issuedGrants } from './issued-grants.ts'

/** A signer that can show what it signs with. */
export interface PublicSigner extends Signer {
  readonly publicJwk: PublicJwk
}

export interface LastKnownOptions {
  signer: PublicSigner
  /** Other keys of the trust root: what was signed before the signing key was rotated still holds. */
  trustedKeys?: readonly PublicJwk[]
  clock: Clock
}

/**
 * What must outlive a control plane that keeps nothing: issuers with their retiring and removed keys, lifted kills, and grants that
 * are being spent. It stands in every directory, so it is learnt from the regions again.
 */
export interface LastKnown {
  /** Reads the directory of every region that answers and was not read yet. */
  learn(cells: readonly Cell[]): Promise<void>
  /** Reads the directories that this control plane has signed, by whichever of its processes, where they were not read yet. */
  learnSigned(
    signed: { seq: number; zones: Readonly<Record<string, string>> },
    bytesOf: (digest: string) => Promise<Uint8Array>,
  ): Promise<void>
  /**
   * Why a region could not be read; undefined when it was. To one that was not nothing may be delivered: it could be the only one that
   * knows of a key's removal.
   */
  unread(region: string): Error | undefined
  /** Somebody else has published there: it is read again. */
  forget(region: string): void
  /** A region's issuer as the newest directory lists it; without keys when that one has expired. */
  issuer(region: string): Issuer | undefined
  /** A region's attestation keys as the newest directory lists them; none when that one has expired. */
  attester(region: string): Attester | undefined
  /** Keys of a region that were ever removed, sorted. */
  removedKeys(region: string): readonly string[]
  /** Ids of lifted kills, sorted. */
  lifted(): readonly string[]
  lift(killId: string): void
  removeKey(region: string, kid: string): void
  /** Grants of today and later that regions may have spent from. */
  issued(): readonly Grant[]
  /** Takes over what was just published. */
  published(release: {
    seq: number
    standing: { issuers: readonly Issuer[]; attesters: readonly Attester[]; grants: readonly Grant[] }
  }): void
}

export function lastKnown({ signer, trustedKeys = [], clock }: LastKnownOptions): LastKnown {
  const trust = parseTrustRoot({ keys: [signer.publicJwk, ...trustedKeys.filter(({ kid }) => kid !== signer.publicJwk.kid)] })
  /** Null: read. */
  const failures = new Map<string, Error | null>()
  const lifted = new Set<string>()
  const removed = new Map<string, Set<string>>()
  const grants = issuedGrants()
  /** Of the directories that were read from the store last, or were signed here. */
  let signedSeq = 0
  let newest: { seq: number; issuers: readonly Issuer[]; attesters: readonly Attester[] } = { seq: 0, issuers: [], attesters: [] }

  const removeKey = (region: string, kid: string) => {
    removed.set(region, (removed.get(region) ?? new Set()).add(kid))
  }
  const learnFrom = async (cell: Cell) => {
    if (failures.get(cell.region) === null) return
    const { stable: pointer } = await cell.readPointers(cell.region)
    const bytes = pointer && (await cell.objects.get(directoryKey(pointer.directoryDigest)))
    failures.set(cell.region, null)
    takeOver(bytes, cell.zone)
  }
  const takeOver = (bytes: Uint8Array | undefined, zone: string) => {
    const directory = bytes && ownDirectory(Buffer.from(bytes).toString(), zone)
    if (directory === undefined) return
    for (const issuer of directory.issuers) for (const kid of issuer.removed ?? []) removeKey(issuer.region, kid)
    for (const killId of directory.lifted) lifted.add(killId)
    grants.learn(directory)
    if (directory.seq > newest.seq) newest = { seq: directory.seq, ...keysOf(directory) }
  }

  return {
    async learn(cells) {
      const failed = (region: string, error: unknown) =>
        failures.set(region, error instanceof Error ? error : new Error('the region does not answer', { cause: error }))
      await Promise.all(cells.map((cell) => learnFrom(cell).catch((error: unknown) => failed(cell.region, error))))
    },
    async learnSigned({ seq, zones }, bytesOf) {
      if (seq <= signedSeq) return
      for (const [zone, digest] of Object.entries(zones)) takeOver(await bytesOf(digest), zone)
      signedSeq = seq
    },
    unread: (region) => failures.get(region) ?? (failures.has(region) ? undefined : new Error('the region was not read yet')),
    forget: (region) => void failures.delete(region),
    issuer: (region) => newest.issuers.find((issuer) => issuer.region === region),
    attester: (region) => newest.attesters.find((attester) => attester.region === region),
    removedKeys: (region) => [...(removed.get(region) ?? [])].sort(),
    lifted: () => [...lifted].sort(),
    lift: (killId) => void lifted.add(killId),
    removeKey,
    issued: () => grants.since(new Date(clock.now()).toISOString().slice(0, 10)),
    published({ seq, standing }) {
      newest = { seq, issuers: standing.issuers, attesters: standing.attesters }
      signedSeq = seq
      grants.published(standing.grants)
    },
  }

  /** A region is not believed to have a key still that an expired directory gave it. */
  function keysOf({ issuers, attesters, notAfterMs }: Directory): Pick<Directory, 'issuers' | 'attesters'> {
    if (clock.now() < notAfterMs) return { issuers, attesters }
    return { issuers: issuers.map(({ iss, region, zone }) => ({ iss, region, zone, keys: [] })), attesters: [] }
  }

  /**
   * A directory that a control plane of this deployment signed, expired or not: a removal and a lift hold for ever. What a bucket says is
   * believed no more here than in a gateway.
   */
  function ownDirectory(jws: string, zone: string): Directory | undefined {
    const verified = (nowMs: number) => verifyDirectory(jws, { trust, zone, nowMs, minSeq: 0 })
    try {
      return verified(clock.now())
    } catch (error) {
      if (!(error instanceof TrustError)) throw error
      if (error.code !== 'expired') return undefined
      return verified(unverifiedStartMs(jws))
    }
  }
}

/** A moment at which the directory was valid, if the signature holds, which is checked next. */
function unverifiedStartMs(jws: string): number {
  const payload: unknown = JSON.parse(Buffer.from(jws.split('.')[1] ?? '', 'base64url').toString())
  return typeof payload === 'object' && payload !== null && 'not_before' in payload ? Number(payload.not_before) : Number.NaN
}
