import type { Clock } from '../../model/ports.ts'
import { checkTenantsOf } from '../../policy/bundle-scope.ts'
import { TrustError } from '../../policy/trust.ts'
import { CANDIDATE_LEASE_MS, type Candidate } from '../../state/pointers.ts'
import { type ActivePolicy, activePolicyOf } from '../active-policy.ts'
import type { BundleShelf, LoadedBundle } from './bundle-shelf.ts'
import { type Refusal, refusalOf } from './fetched.ts'
import type { InForce } from './stable.ts'

/** A candidate that is loaded: it could decide, and does for its share of agents. */
export interface LiveCandidate {
  rollout: string
  sharePercent: number
  compare: boolean
  /** Its bundle with the directory in force. */
  policy: ActivePolicy
}

export interface CandidateStatus {
  named: Candidate
  /** Undefined until it was verified once. */
  bundle: LoadedBundle | undefined
  /** It could decide now, or is in force already. */
  loaded: boolean
  loadedAtMs: number | undefined
  refusal: Refusal | undefined
}

export type CandidateEvent =
  | { event: 'candidate_loaded'; rollout: string; revision: string; bundleSeq: number }
  | { event: 'candidate_refused'; rollout: string; what: string; fault: string; detail: string }
  | { event: 'candidate_forgotten'; rollout: string }

export interface CandidateKeeper {
  /**
   * What is named now, and what is in force: takes in a new share at once, forgets what is withdrawn, and starts to load what is new.
   * Never throws, and touches nothing but the candidate.
   * @param floor the region's high-water mark of bundles
   */
  see(named: Candidate | undefined, inForce: InForce | undefined, floor: number): void
  live(): LiveCandidate | undefined
  /** Undefined while none is named. */
  status(): CandidateStatus | undefined
  /** Resolves when nothing is being loaded any more. */
  settled(): Promise<void>
}

export interface CandidateOptions {
  shelf: BundleShelf
  clock: Pick<Clock, 'now'>
  log: (event: CandidateEvent) => void
  changed: () => void
}

export function candidateKeeper({ shelf, clock, log, changed }: CandidateOptions): CandidateKeeper {
  let named: Candidate | undefined
  let inForce: InForce | undefined
  let floor = 0
  let bundle: LoadedBundle | undefined
  let live: LiveCandidate | undefined
  let loadedAtMs: number | undefined
  // What was refused is not looked at again until another one comes, or another directory that it has to fit.
  let refused: { refusal: Refusal; directoryDigest: string | undefined } | undefined
  let loading: Promise<void> | undefined

  const forget = () => {
    if (named === undefined) return
    log({ event: 'candidate_forgotten', rollout: named.rollout })
    named = undefined
    bundle = undefined
    live = undefined
    loadedAtMs = undefined
    refused = undefined
    changed()
  }

  const refuse = (error: unknown, directoryDigest: string | undefined) => {
    const refusal = refusalOf(error)
    const told = refused?.refusal.fault === refusal.fault && refused.refusal.detail === refusal.detail
    live = undefined
    refused = { refusal, directoryDigest }
    if (told || named === undefined) return
    const { fault, detail } = refusal
    log({ event: 'candidate_refused', rollout: named.rollout, what: named.bundleDigest, fault, detail })
    changed()
  }

  /** Sets what is loaded beside what is in force, in one step: both always have the same directory. */
  const compose = () => {
    if (named === undefined || inForce === undefined || bundle === undefined || isInForce()) {
      live = undefined
      return
    }
    const { rollout, sharePercent, compare } = named
    try {
      if (bundle.bundle.seq < floor)
        throw new TrustError('rolled_back', `the bundle has seq ${bundle.bundle.seq}, ${floor} was seen already`)
      const policy = live !== undefined && isComposedOf(live.policy, bundle, inForce) ? live.policy : composed(bundle, inForce)
      const wasLive = live !== undefined
      live = { rollout, sharePercent, compare, policy }
      refused = undefined
      if (wasLive) return
      loadedAtMs = clock.now()
      log({ event: 'candidate_loaded', rollout, revision: policy.revision, bundleSeq: policy.bundleSeq })
      changed()
    } catch (error) {
      refuse(error, inForce.directory.digest)
    }
  }

  const isInForce = () => named !== undefined && named.bundleDigest === inForce?.loaded.bundle.digest

  const load = async (wanted: Candidate) => {
    try {
      const loaded = await shelf.take(wanted.bundleDigest, floor)
      if (named?.bundleDigest !== wanted.bundleDigest) return
      bundle = loaded
      compose()
    } catch (error) {
      if (named?.bundleDigest === wanted.bundleDigest) refuse(error, undefined)
    }
  }

  /** Whether what was refused may be judged otherwise now. */
  const mayTry = () => {
    if (refused === undefined || refused.refusal.passing) return true
    return refused.directoryDigest !== undefined && refused.directoryDigest !== inForce?.directory.digest
  }

  return {
    see(told, nowInForce, nowFloor) {
      const next = told === undefined || clock.now() - told.updatedAt > CANDIDATE_LEASE_MS ? undefined : told
      inForce = nowInForce
      floor = nowFloor
      const isAnother = named !== undefined && (named.bundleDigest !== next?.bundleDigest || named.rollout !== next.rollout)
      if (next === undefined || next.withdrawn || isAnother) forget()
      if (next === undefined || next.withdrawn) return
      const isNew = named === undefined
      const isOtherwise = named !== undefined && (named.sharePercent !== next.sharePercent || named.compare !== next.compare)
      named = next
      // One that is new is told of when it is loaded, or refused.
      if (isOtherwise || (isNew && isInForce())) changed()
      if (isInForce()) {
        bundle = inForce?.loaded
        live = refused = undefined
        loadedAtMs ??= clock.now()
        return
      }
      if (!mayTry()) return
      if (bundle !== undefined) compose()
      // Without a directory there is nothing to decide by.
      else if (inForce !== undefined) loading ??= load(next).finally(() => (loading = undefined))
    },
    live: () => live,
    status: () => named && { named, bundle, loaded: live !== undefined || isInForce(), loadedAtMs, refusal: refused?.refusal },
    async settled() {
      while (loading !== undefined) await loading
    },
  }
}

function composed(bundle: LoadedBundle, { directory }: InForce): ActivePolicy {
  checkTenantsOf(bundle.bundle, directory)
  return activePolicyOf(bundle.bundle, directory, bundle.evaluator)
}

function isComposedOf(policy: ActivePolicy, { bundle }: LoadedBundle, { directory }: InForce): boolean {
  return policy.bundleDigest === bundle.digest && policy.directoryDigest === directory.digest
}
