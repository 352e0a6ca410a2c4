import type { ActiveAgent } from '../../policy/bundle-data.ts'
import { loadEvaluator, type PolicyEvaluator } from '../../policy/evaluate.ts'
import type { ActivePolicy } from '../active-policy.ts'
import { type StoredBundles, storedBundle } from '../stored-bundle.ts'

/** What a decision was judged by. */
export interface DecidingBundle {
  agents: ReadonlyMap<string, ActiveAgent>
  evaluator: Pick<PolicyEvaluator, 'evaluate'>
}

/** Bundles that are kept loaded beside the one in force: each has a module's memory of its own. */
const KEPT = 3

/**
 * The bundle of a digest: the one in force where it still is, else from the region's bucket, verified as of the time of the decision, since
 * it may have expired by now. Rejects when it cannot be had or believed.
 */
export function decidingBundles(active: () => ActivePolicy | undefined, bundles: StoredBundles) {
  const kept = new Map<string, Promise<DecidingBundle>>()
  const load = async (digest: string, atMs: number): Promise<DecidingBundle> => {
    const { agents, wasm } = await storedBundle(digest, atMs, bundles)
    return { agents, evaluator: await loadEvaluator(wasm) }
  }
  return async (digest: string, atMs: number): Promise<DecidingBundle> => {
    const policy = active()
    if (policy?.bundleDigest === digest) return policy
    const loading = kept.get(digest) ?? load(digest, atMs)
    kept.delete(digest)
    kept.set(digest, loading)
    if (kept.size > KEPT) kept.delete(kept.keys().next().value ?? '')
    try {
      return await loading
    } catch (error) {
      kept.delete(digest)
      throw error
    }
  }
}
