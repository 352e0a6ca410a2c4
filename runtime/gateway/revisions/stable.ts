import type { Clock, ObjectStore } from '../../model/ports.ts'
import { checkTenantsOf } from '../../policy/bundle-scope.ts'
import { type Directory, verifyDirectory } from '../../policy/directory.ts'
import { checkScope, TrustError, type TrustRoot } from '../../policy/trust.ts'
import type { Floors, HighWater } from '../../state/high-water.ts'
import { directoryKey } from '../../state/pointers.ts'
import { type ActivePolicy, activePolicyOf } from '../active-policy.ts'
import type { BundleShelf, LoadedBundle } from './bundle-shelf.ts'
import { fetched, Unreachable } from './fetched.ts'

/** What a pointer, or the last good ones of a region, name. */
export interface Names {
  bundleDigest: string
  directoryDigest: string
}

/** A bundle and a directory that were verified and fit each other. */
export interface InForce {
  loaded: LoadedBundle
  directory: VerifiedDirectory
  policy: ActivePolicy
}
export type VerifiedDirectory = Directory & { digest: string }

export interface StableOptions {
  shelf: BundleShelf
  objects: Pick<ObjectStore, 'get'>
  trust: TrustRoot
  zone: string
  clock: Pick<Clock, 'now'>
  highWater: HighWater
}

/**
 * Makes ready what is to be in force, aside, and raises the marks. The caller swaps.
 * @param before what is in force now: where its bundle or directory is named again, that is not read again
 * @throws TrustError, PolicyError or Unreachable: what is in force stays
 */
export async function readied(named: Names, before: InForce | undefined, floors: Floors, options: StableOptions): Promise<InForce> {
  const [loaded, directory] = await Promise.all([
    options.shelf.take(named.bundleDigest, floors.bundle),
    directoryOf(named.directoryDigest, before?.directory, floors.directory, options),
  ])
  checkTenantsOf(loaded.bundle, directory)
  const policy = activePolicyOf(loaded.bundle, directory, loaded.evaluator)
  // The marks are raised last, after all that can fail, and before the swap: a process that dies in between has
  // activated nothing, and none can activate less than what any of this region has served.
  await raise(options.highWater, 'bundle', loaded.bundle.seq)
  // The one in force has raised its own when it came, unless the table has lost it since.
  if (directory !== before?.directory || floors.directory < directory.seq) await raise(options.highWater, 'directory', directory.seq)
  return { loaded, directory, policy }
}

async function directoryOf(
  digest: string,
  before: VerifiedDirectory | undefined,
  minSeq: number,
  { objects, trust, zone, clock }: StableOptions,
): Promise<VerifiedDirectory> {
  const expected = () => ({ trust, zone, nowMs: clock.now(), minSeq })
  if (before?.digest === digest) {
    checkScope('directory', before, expected())
    return before
  }
  const bytes = await fetched(objects, directoryKey(digest))
  const directory = verifyDirectory(Buffer.from(bytes).toString('utf8'), expected())
  if (directory.digest !== digest) throw new TrustError('altered', 'the bucket holds another object than its key says')
  return directory
}

async function raise(highWater: HighWater, mark: keyof Floors, seq: number): Promise<void> {
  const stands = await highWater.raise(mark, seq).catch((cause) => {
    throw new Unreachable(`the region's high-water mark of its ${mark} could not be raised: ${cause}`, { cause })
  })
  if (!stands) throw new TrustError('rolled_back', `${mark} seq ${seq} is below the region's high-water mark`)
}
