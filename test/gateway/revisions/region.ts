import { type ActivationEvent, activation } from '../../../runtime/gateway/activation.ts'
import { sha256 } from '../../../runtime/policy/file-hashes.ts'
import type { HighWater, Watermark } from '../../../runtime/state/high-water.ts'
import type { LastGood, LastGoodStore } from '../../../runtime/state/last-good.ts'
import { bundleKey, type Candidate, directoryKey, type Pointer } from '../../../runtime/state/pointers.ts'
import { type Issue, signedBundle, signedDirectory, type TestTrust } from '../../support/gateway.ts'

/** A region's bucket, pointers and regional table in memory, with what a publisher does to them. They outlive its gateway. */
export function testRegion(trust: TestTrust) {
  const objects = new Map<string, Uint8Array>()
  const marks: Record<Watermark, number> = { bundle: 0, directory: 0 }
  const events: ActivationEvent[] = []
  const state = {
    pointer: undefined as Pointer | undefined,
    candidate: undefined as Candidate | undefined,
    candidateFault: undefined as string | undefined,
    good: undefined as LastGood | undefined,
    /** The global table's replica does not answer. */
    away: false,
    /** The regional table takes no last good ones. */
    forgetful: false,
    fetches: [] as string[],
    changes: 0,
    /** How often an event met a candidate with another directory than what is in force. */
    torn: 0,
    /** Objects that the bucket does not hand out before this. */
    held: undefined as { key: string; until: Promise<void> } | undefined,
    /** Marks that were to be raised. */
    raised: [] as Watermark[],
    /** Added to the clock. */
    aheadMs: 0,
  }
  const highWater: HighWater = {
    read: async () => ({ ...marks }),
    raise: async (mark, seq) => {
      state.raised.push(mark)
      if (seq < marks[mark]) return false
      marks[mark] = seq
      return true
    },
  }
  const lastGood: LastGoodStore = {
    read: async () => state.good,
    async write(good) {
      if (state.forgetful) throw new Error('the table is away')
      state.good = good
    },
  }
  /** One more gateway process of this region. */
  const gateway = () => {
    const policies = activation({
      zone: 'eu',
      trust: trust.trust,
      clock: { now: () => Date.now() + state.aheadMs, monotonic: () => performance.now() },
      pointers: async () => {
        if (state.away) throw new Error('the table is away')
        const { pointer: stable, candidate, candidateFault } = state
        return { term: 0, stable, candidate, ...(candidateFault !== undefined && { candidateFault }) }
      },
      objects: {
        get: async (key) => {
          state.fetches.push(key)
          if (state.held?.key === key) await state.held.until
          return objects.get(key)
        },
      },
      highWater,
      lastGood,
      log(event) {
        events.push(event)
        const [now, beside] = [policies.current(), policies.candidate()?.policy]
        if (beside !== undefined && beside.directoryDigest !== now?.directoryDigest) state.torn++
      },
    })
    policies.onChange(() => state.changes++)
    return policies
  }
  const policies = gateway()

  const put = (bundle: Uint8Array, directory: string, key = { bundle: sha256(bundle), directory: sha256(directory) }) => {
    objects.set(bundleKey(key.bundle), bundle)
    objects.set(directoryKey(key.directory), Buffer.from(directory))
    state.pointer = {
      region: 'eu-west-1',
      ring: 'stable',
      bundleDigest: key.bundle,
      bundleSeq: 0,
      directoryDigest: key.directory,
      directorySeq: 0,
      updatedAt: 0,
    }
  }
  const publish = async (issue: Partial<Issue> = {}, directoryIssue: Partial<Issue> = issue) =>
    put(await signedBundle(trust, { zone: 'eu', ...issue }), await signedDirectory(trust, { zone: 'eu', ...directoryIssue }))
  const name = (bundle: Uint8Array, changes: Partial<Candidate> = {}) => {
    const bundleDigest = changes.bundleDigest ?? sha256(bundle)
    objects.set(bundleKey(bundleDigest), bundle)
    const named = {
      region: 'eu-west-1',
      rollout: 'rollout-1',
      bundleSeq: 0,
      sharePercent: 0,
      compare: false,
      withdrawn: false,
      updatedAt: Date.now(),
    }
    state.candidate = { ...named, ...changes, bundleDigest }
    return state.candidate
  }
  /** Names a candidate, with its bundle in the bucket. */
  const offer = async (issue: Partial<Issue> = {}, changes: Partial<Candidate> = {}) =>
    name(await signedBundle(trust, { zone: 'eu', ...issue }), changes)
  /** What is offered becomes what the pointer names. */
  const promote = () => {
    if (state.pointer !== undefined && state.candidate !== undefined)
      state.pointer = { ...state.pointer, bundleDigest: state.candidate.bundleDigest }
  }
  const lastFault = () => events.findLast((event) => event.event === 'refused')?.fault
  const said = (event: ActivationEvent['event']) => events.filter((one) => one.event === event)
  return { policies, gateway, publish, put, offer, name, promote, objects, state, marks, events, said, lastFault }
}
export type TestRegion = ReturnType<typeof testRegion>
