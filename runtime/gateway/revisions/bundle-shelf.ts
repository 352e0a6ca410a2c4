import type { Clock, ObjectStore } from '../../model/ports.ts'
import { type ActiveBundle, verifyBundle } from '../../policy/bundle.ts'
import { loadEvaluator, type PolicyEvaluator } from '../../policy/evaluate.ts'
import { sha256 } from '../../policy/file-hashes.ts'
import { checkScope, TrustError, type TrustRoot } from '../../policy/trust.ts'
import { bundleKey } from '../../state/pointers.ts'
import { fetched } from './fetched.ts'

/** A bundle that could decide at once: verified, its module loaded, smoked and warm. */
export interface LoadedBundle {
  bundle: ActiveBundle
  evaluator: PolicyEvaluator
  /** SHA-256 of the module. */
  moduleDigest: string
  /** Of the object in the bucket. */
  sizeBytes: number
  /** When it had been read, milliseconds since the epoch. */
  fetchedAtMs: number
}

/** The bundles that a process has loaded, by digest. Whoever needs one takes it from here, and it is loaded once. */
export interface BundleShelf {
  /**
   * Loads a bundle aside, or takes the one that stands here. Its zone, times and `seq` are checked in either case.
   * @param minSeq the region's high-water mark: a bundle below it is refused
   * @throws TrustError or PolicyError when it must not be used, Unreachable when it could not be read
   */
  take(digest: string, minSeq: number): Promise<LoadedBundle>
  /** Forgets all others, but for those that are being loaded. */
  keep(digests: readonly string[]): void
  /** How many modules were loaded since the start. */
  modulesLoaded(): number
}

export interface BundleShelfOptions {
  objects: Pick<ObjectStore, 'get'>
  trust: TrustRoot
  zone: string
  clock: Pick<Clock, 'now'>
}

export function bundleShelf({ objects, trust, zone, clock }: BundleShelfOptions): BundleShelf {
  const standing = new Map<string, LoadedBundle>()
  const loading = new Map<string, Promise<LoadedBundle>>()
  let modulesLoaded = 0

  const expected = (minSeq: number) => ({ trust, zone, nowMs: clock.now(), minSeq })

  const load = async (digest: string, minSeq: number): Promise<LoadedBundle> => {
    const bytes = await fetched(objects, bundleKey(digest))
    const fetchedAtMs = clock.now()
    const bundle = await verifyBundle(bytes, expected(minSeq))
    if (bundle.digest !== digest) throw new TrustError('altered', 'the bucket holds another object than its key says')
    const moduleDigest = sha256(bundle.wasm)
    const evaluator = await evaluatorOf(bundle, moduleDigest)
    const loaded = { bundle, evaluator, moduleDigest, sizeBytes: bytes.byteLength, fetchedAtMs }
    standing.set(digest, loaded)
    return loaded
  }

  const evaluatorOf = async ({ wasm }: ActiveBundle, moduleDigest: string): Promise<PolicyEvaluator> => {
    // Documents are input: a bundle that changes them alone has the module of the one before, which is warm.
    const twin = [...standing.values()].find((other) => other.moduleDigest === moduleDigest)
    if (twin !== undefined) return twin.evaluator
    const evaluator = await loadEvaluator(wasm)
    modulesLoaded++
    evaluator.smoke()
    await evaluator.warm()
    return evaluator
  }

  return {
    async take(digest, minSeq) {
      const known = standing.get(digest)
      if (known !== undefined) {
        checkScope('bundle', known.bundle, expected(minSeq))
        return known
      }
      const underWay = loading.get(digest) ?? load(digest, minSeq).finally(() => loading.delete(digest))
      loading.set(digest, underWay)
      const loaded = await underWay
      // It may have been asked for under a lower mark, by whoever came first.
      checkScope('bundle', loaded.bundle, expected(minSeq))
      return loaded
    },
    keep(digests) {
      for (const digest of standing.keys()) if (!digests.includes(digest) && !loading.has(digest)) standing.delete(digest)
    },
    modulesLoaded: () => modulesLoaded,
  }
}
